"""Memory: the peak of a process that compresses one large image, and how soon too large a one is refused.

Each line is a process of its own with the process function's allocator settings. Peaks are absolute: the
interpreter, the libraries and the input's bytes are in them.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .child import python_child, template_malloc
from .corpus import memory_images
from .table import Table
from .timing import REPETITIONS

REFUSED = "90 MP JPEG"
#: Of which naive Pillow's peak is shown too.
COMPARED = ("24 MP JPEG", "89 MP JPEG")


@dataclass(frozen=True, slots=True)
class Peak:
    """seconds: the median; of one time only where the image is accepted. refused: the image code, if any."""

    name: str
    contender: str
    megapixels: float
    base_bytes: int
    peak_bytes: int
    seconds: float
    refused: str | None

    @property
    def bytes_per_pixel(self) -> float:
        return (self.peak_bytes - self.base_bytes) / (self.megapixels * 1e6)


def measure() -> list[Peak]:
    files = memory_images()
    ours = [_peak(name, "ours", path, template_malloc()) for name, path in files.items()]
    return ours + [_peak(name, "naive", files[name], {}) for name in COMPARED]


def _peak(name: str, contender: str, path: Path, malloc: Mapping[str, str]) -> Peak:
    with _unlimited(path) as image:
        megapixels = image.width * image.height / 1e6
    times = REPETITIONS if name == REFUSED else 1
    image_format = "auto" if contender == "ours" else "jpeg"
    with python_child("once", contender, image_format, str(path), str(times), environment=malloc) as child:
        answer = child.ask({})
    seconds = statistics.median(answer["seconds"])
    return Peak(name, contender, megapixels, answer["base_bytes"], answer["peak_bytes"], seconds, answer["refused"])


def _unlimited(path: Path) -> Image.Image:
    """Opened for its size alone, without Pillow's warning of large images."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(path)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def table(peaks: Sequence[Peak]) -> Table:
    return Table(
        "Memory",
        (
            "Peak resident memory of a process that compresses one image, MiB; in brackets the part of it before.",
            "Bytes a pixel: what the image added, its own file included.",
            f"A refusal's time is the median of {REPETITIONS}.",
        ),
        ["image", "contender", "MP", "peak, MiB", "bytes a pixel", "ms", "result"],
        [
            [
                peak.name,
                "imagemill" if peak.contender == "ours" else "Pillow",
                f"{peak.megapixels:.2f}",
                f"{peak.peak_bytes / 2**20:,.0f} ({peak.base_bytes / 2**20:.0f})",
                "" if peak.refused else f"{peak.bytes_per_pixel:.1f}",
                f"{peak.seconds * 1e3:,.1f}",
                peak.refused or "compressed",
            ]
            for peak in peaks
        ],
    )
