"""libvips, for the two steps that it does faster than Pillow to the same result: scaling, and reading plain PNGs.

Everything else about a picture is Pillow's to say, also what is wrong with it: where libvips refuses, Pillow is asked.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from PIL import Image

from imagemill.kept import kept

if TYPE_CHECKING:
    import pyvips

#: Pixels below which it would save less than handing them over takes.
LEAST_PIXELS = 40_000
#: Side of a result below which its means of very many pixels are up to 4 of 255 off.
_LEAST_SIDE = 32
#: Samples beyond this many output pixels from the centre change nothing visible (Pillow's documentation).
REDUCING_GAP = 3.0


def read_png_pixels(data: bytes, opened: Image.Image, size: tuple[int, int]) -> Image.Image | None:
    """Those of a PNG of 8 bits a channel, which Pillow has opened as `opened`, at `size`.

    None for a file that is not to libvips' liking, and for a size that `scaled` does not make either.
    """
    vips = _vips()
    if vips is None or (size != opened.size and min(size) < _LEAST_SIDE):
        return None
    try:
        # Whatever it would warn of may be damage.
        decoded = vips.Image.new_from_buffer(data, "", fail_on="warning", access="sequential")
        if decoded.format != "uchar" or decoded.bands != len(opened.getbands()):
            return None
        pixels = decoded if size == opened.size else _scaled(decoded, size)
        return Image.frombytes(opened.mode, size, pixels.write_to_memory())
    except (vips.Error, ValueError):
        return None


def scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image | None:
    """RGB or RGBa at `size`, by Lanczos of three lobes; None where it cannot be done."""
    vips = _vips()
    if vips is None or min(size) < _LEAST_SIDE:
        return None
    try:
        bands = len(image.getbands())
        source = vips.Image.new_from_memory(image.tobytes(), image.width, image.height, bands, "uchar")
        samples = _scaled(source, size).write_to_memory()
        # One copy of the source less, while the result is in memory twice.
        del source
        return Image.frombytes(image.mode, size, samples)
    except (vips.Error, ValueError):
        # Short of memory, most likely: Pillow takes less, or says so.
        return None


def _scaled(image: pyvips.Image, size: tuple[int, int]) -> pyvips.Image:
    """Were it a pixel off the size that was told, `frombytes` would refuse it."""
    return image.resize(size[0] / image.width, vscale=size[1] / image.height, gap=REDUCING_GAP)


@kept
def _vips() -> ModuleType | None:
    """The library, loaded when it is first of use; None where there is none for this machine."""
    # As many images are in work as there are processors.
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    try:
        import pyvips  # noqa: PLC0415 - 30 ms that most images need not wait for
    except Exception:  # noqa: BLE001 - whatever the reason, Pillow does it
        return None
    # What it remembers of earlier images it would keep in memory.
    pyvips.cache_set_max(0)
    return sys.modules["pyvips"]
