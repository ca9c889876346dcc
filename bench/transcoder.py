"""The transcoder against the way through pixels and against its peers, by kind of JPEG: time, bytes and quality.

The corpus's images of 0.3 and 2 megapixels are saved once more in each kind, at quality 90; those of 12 and 24 are
measured as they are. From outside of the corpus come all JPEGs that the benchmarks' own packages and the samples
bring, as they are: cameras' (Debian's lomiri-wallpapers, CC BY and CC BY-SA), a shop's (samples/LICENSES.md) and
others' fixtures (scikit-image and scikit-learn, as these say in their data folders). Both ways are the codec as it
runs; these and the peers are a process each, which take turns.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from .child import CHILDREN, PROJECT, Child, on_one_processor, python_child, template_malloc
from .corpus import FOLDER, SizeClass, corpus
from .quality import Pair, scores
from .table import Table
from .timing import REPETITIONS

QUALITY = 50
SAVED_AT = 90
KINDS: Mapping[str, Mapping[str, Any]] = {
    "baseline 4:2:0": {"subsampling": "4:2:0"},
    "baseline 4:2:2": {"subsampling": "4:2:2"},
    "baseline 4:4:4": {"subsampling": "4:4:4"},
    "baseline grey": {},
    "progressive 4:2:0": {"subsampling": "4:2:0", "progressive": True},
    "progressive 4:4:4": {"subsampling": "4:4:4", "progressive": True},
    "progressive grey": {"progressive": True},
}
LARGE = "baseline 4:2:0, 12 and 24 MP"
CAMERAS, SHOP, FIXTURES = "outside: cameras", "outside: a shop", "outside: fixtures"
#: What a peer is asked beside the quality.
PEERS: Mapping[str, Mapping[str, Any]] = {"Pillow": {}, "libvips": {}, "sharp": {}, "sharp, mozjpeg": {"mozjpeg": True}}


@dataclass(frozen=True, slots=True)
class Comparison:
    """speed, bytes: the pixels' CPU time divided by the transcoder's, and its bytes by theirs. gain: of SSIMULACRA2.

    peers: their CPU times divided by the transcoder's.
    """

    kind: str
    path: Path
    speed: float
    bytes: float
    gain: float
    peers: Mapping[str, float]


def measure() -> list[Comparison]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_one_processor():
            malloc = template_malloc()
            ways = [stack.enter_context(python_child("encoder", way, environment=malloc)) for way in ("ours", "pixels")]
            sharp = stack.enter_context(Child("node", CHILDREN / "sharp.mjs", environment=malloc))
            peers = {
                "Pillow": stack.enter_context(python_child("encoder", "naive", environment=malloc)),
                "libvips": stack.enter_context(
                    python_child("encoder", "vips", environment={**malloc, "VIPS_CONCURRENCY": "1"})
                ),
                "sharp": sharp,
                "sharp, mozjpeg": sharp,
            }
        turns = [_Turns(kind, path, folder / f"{number}") for number, (kind, path) in enumerate(_files())]
        measured = [turn for turn in turns if turn.take(ways, peers)]
        scored = scores(Pair(turn.path, output) for turn in measured for output in turn.outputs)
        gains = [[scored[Pair(turn.path, output)] for output in turn.outputs] for turn in measured]
        return [
            Comparison(turn.kind, turn.path, turn.speed, turn.bytes, ours - pixels, turn.peers)
            for turn, (ours, pixels) in zip(measured, gains, strict=True)
        ]


def table(comparisons: Sequence[Comparison]) -> Table:
    rows = []
    for kind in (*KINDS, LARGE, CAMERAS, SHOP, FIXTURES):
        some = [comparison for comparison in comparisons if comparison.kind == kind]
        speeds, sizes, gains = ([getattr(c, name) for c in some] for name in ("speed", "bytes", "gain"))
        rows.append(
            [
                kind,
                str(len(some)),
                f"{statistics.median(speeds):.2f}",
                f"{min(speeds):.2f}",
                f"{statistics.mean(sizes):.3f}",
                f"{max(sizes):.3f}",
                f"{statistics.mean(gains):+.2f}",
                f"{min(gains):+.2f}",
                *(f"{statistics.median(comparison.peers[peer] for comparison in some):.2f}" for peer in PEERS),
            ]
        )
    return Table(
        "Transcoder: JPEG → JPEG at quality 50 without pixels, against the way through pixels",
        (
            "Speed: the pixels' CPU time divided by the transcoder's, the median and the least over the images of",
            f"each image's median of {REPETITIONS} repetitions. Bytes: the transcoder's divided by the pixels'.",
            "SSIMULACRA2: the transcoder's less the pixels', against the source; the mean and the worst.",
            "Images that either way keeps as they are, or that no way but pixels takes, are left out. Peers: their CPU",
            "time divided by the transcoder's, at the same quality, with our allocator's settings; the median.",
        ),
        ["images", "files", "speed", "least", "bytes", "most", "SSIMULACRA2", "worst", *PEERS],
        rows,
    )


def _files() -> Iterator[tuple[str, Path]]:
    for image in corpus():
        if image.size_class not in {SizeClass.SMALL, SizeClass.SHOP}:
            yield LARGE, image.path
            continue
        for kind, settings in KINDS.items():
            path = FOLDER / f"{image.path.stem}-{kind.replace(' ', '-').replace(':', '')}.jpg"
            if not path.exists():
                with Image.open(image.path) as source:
                    picture = source.convert("L" if kind.endswith("grey") else "RGB")
                picture.save(path, quality=SAVED_AT, **settings)
            yield kind, path
    packages = [Path(str(files(name))) for name in ("skimage", "sklearn")]
    outside = {CAMERAS: [FOLDER.parent], SHOP: [PROJECT / "samples" / "images"], FIXTURES: packages}
    for kind, folders in outside.items():
        for path in sorted(path for folder in folders for path in folder.rglob("*.jp*g")):
            if FOLDER not in path.parents:
                yield kind, path


class _Turns:
    """Both ways in turns on one file. folder: for what they write."""

    def __init__(self, kind: str, path: Path, folder: Path) -> None:
        self.kind = kind
        self.path = path
        self.outputs = (folder / "transcoded.jpg", folder / "pixels.jpg")
        self.speed = self.bytes = 1.0
        self.peers: dict[str, float] = {}

    def take(self, ways: Sequence[Child], peers: Mapping[str, Child]) -> bool:
        """Whether they came to different files, neither of them the source."""
        self.outputs[0].parent.mkdir()
        cpus: tuple[list[float], list[float]] = ([], [])
        of_peers: dict[str, list[float]] = {name: [] for name in peers}
        # One more, the first, warms up and writes the file.
        for repetition in range(REPETITIONS + 1):
            for way, child in enumerate(ways):
                output = None if repetition else str(self.outputs[way])
                request = {"source": str(self.path), "format": "jpeg", "quality": QUALITY, "output": output}
                answer = child.ask(request)
                if repetition:
                    cpus[way].append(answer["cpu_seconds"])
            for name, child in peers.items():
                request = {"source": str(self.path), "format": "jpeg", "quality": QUALITY, "output": None}
                answer = child.ask({**request, **PEERS[name]})
                if repetition:
                    of_peers[name].append(answer["cpu_seconds"])
        ours = statistics.median(cpus[0])
        self.speed = statistics.median(cpus[1]) / ours
        self.peers = {name: statistics.median(some) / ours for name, some in of_peers.items()}
        transcoded, by_pixels = (output.read_bytes() for output in self.outputs)
        self.bytes = len(transcoded) / len(by_pixels)
        return transcoded != by_pixels and self.path.read_bytes() not in {transcoded, by_pixels}
