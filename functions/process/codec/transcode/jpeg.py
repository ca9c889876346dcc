"""One JPEG to another of the quality asked, coefficient by coefficient."""

from __future__ import annotations

from dataclasses import dataclass

from .refusal import NotTranscodableError, Refusal
from .sandbox import sandbox
from .segments import Embedded, segments


@dataclass(frozen=True, slots=True)
class Transcoded:
    """A whole file. width, height: pixels of the upright picture."""

    data: bytes
    width: int
    height: int


def transcode(
    data: bytes,
    quality: int,
    *,
    pixels: int,
    orientation: int = 1,
    progressive: bool = False,
    embedded: Embedded | None = None,
) -> Transcoded:
    """Requantise a JPEG: what libjpeg would write at `quality`, 4:2:0 or grey, without having seen a pixel.

    Baseline or progressive, 8 bits, grey or YCbCr of any sampling that halving brings to 4:2:0. Pure, repeatable,
    and safe to call from several threads, each of which has a memory of its own. Nothing of the source's marker
    segments is taken over; what is to stay comes as `embedded`.

    pixels: width × height as the header says. orientation: 1-8 as in EXIF, undone.

    Raises:
        NotTranscodableError: the file has to go through pixels. A file that Pillow would call truncated is among
            those: all its blocks are read, and its end is looked for.
    """
    running = sandbox()
    if running is None:
        raise NotTranscodableError(Refusal.UNAVAILABLE)
    answer = running.call(data, pixels, quality, orientation, int(progressive))
    return Transcoded(segments(embedded or Embedded()) + answer.data, answer.width, answer.height)
