"""Grey of sixteen bits and its kin: from PNG and TIFF, in either order of bytes, through every option."""

import struct
from random import Random

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import ORIENTATION, channels_at, opened, saved
from tests.support.tiff_files import tiff

SCALES = [None, 100, 60, 13]


def ramp() -> Image.Image:
    """600 × 120, dark at the left, bright at the right, with some grain."""
    random = Random(7)
    values = (min(65_535, x * 65_400 // 599 + random.randrange(130)) for _ in range(120) for x in range(600))
    return Image.frombytes("I;16", (600, 120), struct.pack("<72000H", *values))


def stored(kind: str) -> bytes:
    image = ramp()
    match kind:
        case "PNG":
            return saved(image, "PNG")
        case "TIFF":
            return saved(image, "TIFF")
        case "TIFF LZW":
            return saved(image, "TIFF", compression="tiff_lzw")
    values = struct.unpack("<72000H", image.tobytes())
    order = ">" if "big" in kind else "<"
    white_zero = "white is zero" in kind
    data = struct.pack(f"{order}72000H", *(65_535 - value if white_zero else value for value in values))
    return tiff(600, 120, {258: (16,), 262: (0 if white_zero else 1,)}, data, order=order)


KINDS = ["PNG", "TIFF", "TIFF LZW", "little", "big", "little, white is zero", "big, white is zero"]


@pytest.mark.parametrize("max_width", SCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_original_keeps_all_bits(kind, max_width):
    result = compress(stored(kind), ImageOptions(format=OutputFormat.ORIGINAL, max_width=max_width))

    shown = opened(result.data)
    values = [channels_at(shown.convert("I"), shown.width * part // 10, shown.height // 2)[0] for part in range(1, 10)]
    expected = [65_535 * part / 10 for part in range(1, 10)]
    step = 65_535 / shown.width
    if "white is zero" in kind and result.kept:
        values = [65_535 - value for value in values]
    assert shown.mode.startswith("I;16")
    assert all(abs(one - other) <= step + 200 for one, other in zip(values, expected, strict=True))
    assert any(value % 257 for value in values)


@pytest.mark.parametrize("max_width", SCALES)
@pytest.mark.parametrize("asked", [OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.AVIF])
@pytest.mark.parametrize("kind", KINDS)
def test_formats_of_eight_bits_show_the_same_shades(kind, asked, max_width):
    result = compress(stored(kind), ImageOptions(format=asked, max_width=max_width, quality=90))

    shown = opened(result.data).convert("L")
    values = [channels_at(shown, shown.width * part // 10, shown.height // 2)[0] for part in range(1, 10)]
    step = 255 / shown.width
    assert all(abs(value - 255 * part / 10) <= step + 4 for part, value in enumerate(values, 1))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_turned_sixteen_bits_keep_them(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    result = compress(saved(ramp(), kind, exif=exif), ImageOptions(format=OutputFormat.ORIGINAL, max_width=90))

    shown = opened(result.data)
    assert shown.mode == "I;16"
    assert shown.size == ((18, 90) if orientation >= 5 else (90, 18)) or orientation >= 5


def test_grey_of_twelve_bits_reaches_white():
    # 0x000 and 0xFFF in turn.
    data = tiff(64, 48, {258: (12,), 262: (1,)}, b"\x00\x0f\xff" * (32 * 48))

    result = compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95))

    brightest = opened(result.data).convert("L").getextrema()[1]
    assert isinstance(brightest, (int, float))
    assert brightest > 230
