"""The codec, image by image on one processor, against what else there is.

JPEG → JPEG at quality 50 for every image of the corpus; WebP and AVIF for one photograph and one product of 2
megapixels, sharp at the quality that gives the same bytes. Each contender is a process that keeps
running and times itself, from bytes in memory to bytes in memory; they take turns, image by image.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from .child import CHILDREN, Child, on_one_processor, python_child, template_malloc
from .corpus import CorpusImage, Kind, SizeClass, corpus
from .quality import Pair, scores
from .table import Table
from .timing import REPETITIONS, Timing, median_timing

QUALITY = 50
#: Files that differ by less count as equally large.
EQUAL_BYTES = 0.01
#: Qualities among which sharp's equal one is looked for. Wide enough for AVIF, whose speeds differ most.
SEARCHED_QUALITIES = range(40, 64)


class Contender(StrEnum):
    OURS = "imagemill"
    NAIVE = "Pillow"
    NAIVE_TUNED = "Pillow, our malloc"
    SHARP = "sharp"
    SHARP_TUNED = "sharp, our malloc"
    FLOOR = "simplejpeg"


JPEG_CONTENDERS = tuple(Contender)
OTHER_CONTENDERS = (Contender.OURS, Contender.NAIVE, Contender.SHARP)
#: The allocator changes no byte, and the floor's files are not what it is there for.
SCORED = frozenset(OTHER_CONTENDERS)


@dataclass(frozen=True, slots=True)
class Encoding:
    """One image by one contender. quality: what it was asked. score: SSIMULACRA2, of SCORED contenders."""

    image: CorpusImage
    format: str
    contender: Contender
    quality: int
    timing: Timing
    bytes: int
    score: float | None


@dataclass(frozen=True, slots=True)
class _Run:
    image: CorpusImage
    format: str
    qualities: Mapping[Contender, int]


def measure() -> list[Encoding]:
    with _contenders() as contenders, tempfile.TemporaryDirectory() as folder:
        encodings = []
        pairs: dict[Encoding, Pair] = {}
        for run in [*_jpeg_runs(contenders), *_other_runs(contenders)]:
            for contender, (timing, size, output) in _timed(run, contenders, Path(folder)).items():
                quality = run.qualities[contender]
                encoding = Encoding(run.image, run.format, contender, quality, timing, size, score=None)
                encodings.append(encoding)
                if contender in SCORED:
                    pairs[encoding] = Pair(run.image.path, output)
        by_pair = scores(pairs.values())
        return [
            replace(encoding, score=by_pair[pairs[encoding]]) if encoding in pairs else encoding
            for encoding in encodings
        ]


@contextmanager
def _contenders() -> Iterator[Mapping[Contender, Child]]:
    ours = template_malloc()
    children = {
        Contender.OURS: python_child("encoder", "ours", environment=ours),
        Contender.NAIVE: python_child("encoder", "naive"),
        Contender.NAIVE_TUNED: python_child("encoder", "naive", environment=ours),
        Contender.SHARP: Child("node", CHILDREN / "sharp.mjs"),
        Contender.SHARP_TUNED: Child("node", CHILDREN / "sharp.mjs", environment=ours),
        Contender.FLOOR: python_child("encoder", "simplejpeg", environment=ours),
    }
    with ExitStack() as stack:
        # sharp decodes and encodes on two threads, also where its concurrency is 1.
        with on_one_processor():
            running = {contender: stack.enter_context(child) for contender, child in children.items()}
        yield running


def _jpeg_runs(contenders: Mapping[Contender, Child]) -> Iterator[_Run]:
    for image in corpus():
        equal = _equal_quality(contenders, image, "jpeg")
        qualities = dict.fromkeys(JPEG_CONTENDERS, QUALITY)
        yield _Run(image, "jpeg", qualities | {Contender.SHARP: equal, Contender.SHARP_TUNED: equal})


def _other_runs(contenders: Mapping[Contender, Child]) -> Iterator[_Run]:
    images = corpus()
    for kind in Kind:
        image = next(image for image in images if image.size_class is SizeClass.SHOP and image.kind is kind)
        for image_format in ("webp", "avif"):
            equal = _equal_quality(contenders, image, image_format)
            yield _Run(image, image_format, dict.fromkeys(OTHER_CONTENDERS, QUALITY) | {Contender.SHARP: equal})


def _equal_quality(contenders: Mapping[Contender, Child], image: CorpusImage, image_format: str) -> int:
    """sharp's quality whose file comes nearest to ours in bytes; QUALITY itself where that is near enough."""
    wanted = _encode(contenders[Contender.OURS], image, image_format, QUALITY)
    sizes = {QUALITY: _encode(contenders[Contender.SHARP], image, image_format, QUALITY)}
    low, high = SEARCHED_QUALITIES.start, SEARCHED_QUALITIES.stop
    while low < high and min(abs(size / wanted - 1) for size in sizes.values()) > EQUAL_BYTES:
        middle = (low + high) // 2
        sizes[middle] = _encode(contenders[Contender.SHARP], image, image_format, middle)
        if sizes[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return min(sizes, key=lambda quality: abs(sizes[quality] / wanted - 1))


def _encode(child: Child, image: CorpusImage, image_format: str, quality: int) -> int:
    return int(child.ask(_request(image, image_format, quality))["bytes"])


def _request(image: CorpusImage, image_format: str, quality: int, output: Path | None = None) -> dict[str, object]:
    return {
        "source": str(image.path),
        "format": image_format,
        "quality": quality,
        "output": str(output) if output else None,
    }


def _timed(run: _Run, contenders: Mapping[Contender, Child], folder: Path) -> dict[Contender, tuple[Timing, int, Path]]:
    outputs = {
        contender: folder / f"{run.image.path.stem}-{contender.name}.{run.format}" for contender in run.qualities
    }
    walls: dict[Contender, list[float]] = defaultdict(list)
    cpus: dict[Contender, list[float]] = defaultdict(list)
    sizes: dict[Contender, int] = {}
    # One more, the first, warms up and writes the file.
    for repetition in range(REPETITIONS + 1):
        for contender, quality in run.qualities.items():
            output = None if repetition else outputs[contender]
            answer = contenders[contender].ask(_request(run.image, run.format, quality, output))
            if repetition:
                walls[contender].append(answer["seconds"])
                cpus[contender].append(answer["cpu_seconds"])
            sizes[contender] = int(answer["bytes"])
    return {
        contender: (median_timing(walls[contender], cpus[contender]), sizes[contender], outputs[contender])
        for contender in run.qualities
    }


def sharp_version() -> str:
    """As bench/package.json pins it."""
    manifest = json.loads((CHILDREN.parent / "package.json").read_text(encoding="utf-8"))
    return str(manifest["dependencies"]["sharp"])


def tables(encodings: Sequence[Encoding]) -> list[Table]:
    jpegs = [encoding for encoding in encodings if encoding.format == "jpeg"]
    return [_speed_table(jpegs), _jpeg_table(jpegs), _other_table(encodings), _corpus_table(jpegs)]


def ratio(encodings: Sequence[Encoding], slower: Contender, *, by_cpu: bool = False) -> float:
    """How many times as long `slower` takes as ours: the median over the images."""
    times = {
        (encoding.image.path, encoding.contender): encoding.timing.cpu if by_cpu else encoding.timing.wall
        for encoding in encodings
    }
    images = {encoding.image.path for encoding in encodings}
    return statistics.median(times[path, slower] / times[path, Contender.OURS] for path in images)


def of_class(encodings: Sequence[Encoding], size_class: SizeClass | None) -> list[Encoding]:
    """Those of a size class; all of them for None."""
    return [e for e in encodings if size_class is None or e.image.size_class is size_class]


def mean_score(encodings: Sequence[Encoding]) -> float | None:
    """None where they were not scored."""
    values = [encoding.score for encoding in encodings if encoding.score is not None]
    return statistics.mean(values) if values else None


def _speed_table(jpegs: Sequence[Encoding]) -> Table:
    others = [contender for contender in JPEG_CONTENDERS if contender is not Contender.OURS]
    rows = []
    for size_class in (*SizeClass, None):
        some = of_class(jpegs, size_class)
        label = f"{size_class} MP" if size_class else "**all**"
        ours = statistics.median(e.timing.wall for e in some if e.contender is Contender.OURS)
        ratios = (f"{ratio(some, other):.2f} ({ratio(some, other, by_cpu=True):.2f})" for other in others)
        rows.append([label, f"{ours * 1e3:.1f}" if size_class else "", *ratios])
    return Table(
        "Codec: time, JPEG → JPEG at quality 50",
        (
            "Ours in milliseconds, then how many times as long the others take; in brackets the same by CPU time.",
            f"Medians over the images of each image's median of {REPETITIONS} repetitions, taken in turns.",
            "One processor each. “Our malloc”: with the allocator's settings of template.yaml, which ours has too.",
            "simplejpeg is libjpeg-turbo alone, the floor, with larger files.",
        ),
        ["images", "imagemill, ms", *(f"{other} ×" for other in others)],
        rows,
    )


def _jpeg_table(jpegs: Sequence[Encoding]) -> Table:
    rows = []
    for kind in Kind:
        for size_class in SizeClass:
            some = [e for e in of_class(jpegs, size_class) if e.image.kind is kind]
            source = sum(e.image.path.stat().st_size for e in some if e.contender is Contender.OURS)
            cells = [f"{size_class} MP, {kind}s", f"{source / 1e3:,.0f}"]
            for contender in (Contender.OURS, Contender.NAIVE, Contender.SHARP, Contender.FLOOR):
                of_contender = [e for e in some if e.contender is contender]
                size = sum(e.bytes for e in of_contender)
                score = mean_score(of_contender)
                cells.append(f"{size / 1e3:,.1f}" + (f" · {score:.2f}" if score is not None else ""))
            rows.append(cells)
    return Table(
        "Codec: bytes and quality, JPEG → JPEG at quality 50",
        (
            "Kilobytes of all images together · mean SSIMULACRA2 (more is better).",
            "Above 1 MP the score is that of the middle 1,024 × 1,024 pixels.",
        ),
        ["images", "source, kB", "imagemill", "Pillow", "sharp", "simplejpeg"],
        rows,
    )


def _other_table(encodings: Sequence[Encoding]) -> Table:
    rows = []
    for encoding in encodings:
        if encoding.format == "jpeg" or encoding.contender not in OTHER_CONTENDERS:
            continue
        rows.append(
            [
                f"{encoding.format.upper()}, {encoding.image.size_class} MP {encoding.image.kind}",
                encoding.contender,
                str(encoding.quality),
                f"{encoding.timing.wall * 1e3:.0f}",
                f"{encoding.timing.cpu * 1e3:.0f}",
                f"{encoding.bytes / 1e3:.1f}",
                f"{mean_score([encoding]):.2f}",
            ]
        )
    return Table(
        "Codec: WebP and AVIF",
        (
            "sharp at the quality that gives the bytes nearest to ours, with its default effort.",
            "Pillow with its own defaults.",
        ),
        ["image", "contender", "quality", "ms", "CPU ms", "kB", "SSIMULACRA2"],
        rows,
    )


def _corpus_table(jpegs: Sequence[Encoding]) -> Table:
    ours = [e for e in jpegs if e.contender is Contender.OURS]
    rows = [
        [
            e.image.path.stem,
            f"{e.image.width} × {e.image.height}",
            f"{e.image.path.stat().st_size / 1e3:,.0f}",
            "" if e.image.enlarged <= 1 else f"{e.image.enlarged:.2f}",
            f"{e.timing.wall * 1e3:.1f}",
            f"{e.bytes / 1e3:,.1f}",
            f"{mean_score([e]):.2f}",
        ]
        for e in ours
    ]
    return Table(
        "Codec: the corpus, image by image",
        (
            "From scikit-learn, scikit-image and Debian's lomiri-wallpapers, saved at quality 92, 4:2:0.",
            "Scaled up by: of the sides, where the source has fewer pixels.",
        ),
        ["image", "pixels", "source, kB", "scaled up by", "ms", "kB", "SSIMULACRA2"],
        rows,
    )
