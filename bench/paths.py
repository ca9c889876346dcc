"""What goes through pixels: scaling, PNG and WebP, against the best of sharp and libvips.

A photograph and a product of 2 megapixels as JPEG and as PNG, and of 12 as JPEG; quality 50, at which all three write
files of the same size within 0.2 %. Each contender is a process that keeps running; they take turns.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .child import CHILDREN, Child, on_one_processor, python_child, template_malloc
from .corpus import CorpusImage, Kind, SizeClass, corpus
from .table import Table
from .timing import LONG_REPETITIONS

QUALITY = 50


@dataclass(frozen=True, slots=True)
class Way:
    """From one format to another. width: of the result, None for the source's own."""

    size_class: SizeClass
    source: str
    target: str
    width: int | None

    @property
    def name(self) -> str:
        """As the table has it."""
        scaled = f", {self.width} wide" if self.width else ""
        return f"{self.source.upper()} of {self.size_class} MP → {self.target.upper()}{scaled}"


WAYS = (
    Way(SizeClass.SHOP, "jpeg", "jpeg", 1200),
    Way(SizeClass.SHOP, "jpeg", "jpeg", 400),
    Way(SizeClass.PHONE, "jpeg", "jpeg", 1200),
    Way(SizeClass.SHOP, "png", "jpeg", 800),
    Way(SizeClass.SHOP, "png", "jpeg", None),
    Way(SizeClass.SHOP, "jpeg", "webp", 1200),
    Way(SizeClass.SHOP, "png", "webp", None),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of CPU seconds, and bytes, by contender."""

    way: Way
    image: CorpusImage
    seconds: Mapping[str, float]
    bytes: Mapping[str, int]

    @property
    def ratio(self) -> float:
        """Ours divided by the faster of the others."""
        return self.seconds["imagemill"] / min(self.seconds["sharp"], self.seconds["libvips"])


def measure() -> list[Comparison]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = template_malloc()
        with on_one_processor():
            children = {
                "imagemill": stack.enter_context(python_child("encoder", "ours", environment=ours)),
                "sharp": stack.enter_context(Child("node", CHILDREN / "sharp.mjs", environment=ours)),
                "libvips": stack.enter_context(
                    python_child("encoder", "vips", environment={**ours, "VIPS_CONCURRENCY": "1"})
                ),
            }
        return [
            _compared(way, image, _source(image, way.source, folder), children)
            for way in WAYS
            for image in _images(way.size_class)
        ]


def _images(size_class: SizeClass) -> list[CorpusImage]:
    images = [image for image in corpus() if image.size_class is size_class]
    return [next(image for image in images if image.kind is kind) for kind in Kind]


def _source(image: CorpusImage, image_format: str, folder: Path) -> Path:
    if image_format == "jpeg":
        return image.path
    path = folder / f"{image.path.stem}.png"
    if not path.exists():
        with Image.open(image.path) as picture:
            picture.save(path)
    return path


def _compared(way: Way, image: CorpusImage, source: Path, children: Mapping[str, Child]) -> Comparison:
    request = {"source": str(source), "format": way.target, "quality": QUALITY, "width": way.width, "output": None}
    seconds: dict[str, list[float]] = {name: [] for name in children}
    sizes: dict[str, int] = {}
    # One more, the first, warms up.
    for repetition in range(LONG_REPETITIONS + 1):
        for name, child in children.items():
            answer = child.ask(request)
            sizes[name] = answer["bytes"]
            if repetition:
                seconds[name].append(answer["cpu_seconds"])
    return Comparison(way, image, {name: statistics.median(some) for name, some in seconds.items()}, sizes)


def table(comparisons: Sequence[Comparison]) -> Table:
    rows = [
        [
            comparison.way.name,
            comparison.image.kind,
            *(f"{comparison.seconds[name] * 1e3:.1f}" for name in ("imagemill", "sharp", "libvips")),
            f"{comparison.ratio:.2f}",
            f"{comparison.bytes['imagemill'] / comparison.bytes['sharp']:.3f}",
        ]
        for comparison in comparisons
    ]
    return Table(
        "Codec: what goes through pixels",
        (
            f"Milliseconds of CPU, medians of {LONG_REPETITIONS} repetitions, on one processor in turns; all with",
            "our allocator's settings. Ratio: ours divided by the faster of the two. Bytes: ours divided by sharp's.",
        ),
        ["from, to", "picture", "imagemill", "sharp", "libvips", "ratio", "bytes"],
        rows,
    )
