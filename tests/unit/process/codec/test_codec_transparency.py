"""Transparency of every kind: kept where the format has it, on white where it has not."""

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.colour import unchanged
from process.codec.compress import compress
from tests.support.image_files import BLUE, WHITE, mean_difference, opened, photo, saved
from tests.support.pixels import near, rgb_at, transparent

TRANSPARENT = ["RGBA", "LA", "P", "P bytes", "RGB key", "L key", "I;16 key", "1 key"]
SHOWN = {"LA": (29, 29, 29), "L key": (29, 29, 29), "I;16 key": (29, 29, 29), "1 key": WHITE}


@pytest.mark.parametrize("mode", TRANSPARENT)
@pytest.mark.parametrize("max_width", [None, 32])
def test_transparency_goes_onto_white_in_a_jpeg(mode, max_width):
    image, settings = transparent(mode)

    result = compress(saved(image, "PNG", **settings), ImageOptions(format=OutputFormat.JPEG, max_width=max_width))

    assert near(rgb_at(result.data, 5, 5), WHITE)
    assert near(rgb_at(result.data, result.width - 4, result.height - 4), SHOWN.get(mode, BLUE), 20)


def test_a_transparent_value_of_16_bits_is_kept_with_them():
    # Not a multiple of 257: eight bits could not say it.
    image, settings = transparent("I;16 key")
    image.paste(12_345, (40, 40, 64, 64))
    data = saved(image, "PNG", compress_level=0, **settings)

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, opened(result.data).info["transparency"]) == (False, 0)


@pytest.mark.parametrize("mode", [mode for mode in TRANSPARENT if mode != "I;16 key"])
@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.AVIF, OutputFormat.ORIGINAL])
@pytest.mark.parametrize("max_width", [None, 32])
def test_transparency_stays_where_the_format_has_it(mode, asked, max_width):
    image, settings = transparent(mode)

    result = compress(saved(image, "PNG", **settings), ImageOptions(format=asked, max_width=max_width, quality=95))

    shown = opened(result.data).convert("RGBA")
    clear, solid = shown.getpixel((5, 5)), shown.getpixel((result.width - 4, result.height - 4))
    assert isinstance(clear, tuple)
    assert clear[3] <= 5
    assert near(solid, (*SHOWN.get(mode, BLUE), 255), 20)


@pytest.mark.parametrize("mode", ["LA", "P", "L key", "I;16 key"])
def test_auto_sees_transparency_of_every_kind(mode):
    image, settings = transparent(mode)
    data = saved(image.resize((640, 640), Image.Resampling.NEAREST), "PNG", compress_level=0, **settings)

    assert compress(data, ImageOptions()).format == "webp"


@pytest.mark.parametrize("is_one_clear", [False, True])
def test_a_palette_whose_every_entry_in_use_is_opaque_counts_as_opaque(is_one_clear):
    unused = photo(mode="P").histogram().index(0)
    data = saved(photo(mode="P"), "PNG", transparency=unused if is_one_clear else b"\xff" * 256)

    result = compress(data, ImageOptions(quality=90, max_width=300))

    assert result.format == "jpeg"
    assert mean_difference(opened(result.data), photo(mode="P").convert("RGB").resize((300, 225))) < 12


@pytest.mark.parametrize("mode", ["LA", "L key", "1 key", "I;16 key"])
def test_transparent_grey_stays_grey_in_a_png(mode):
    image, settings = transparent(mode)

    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=32)
    result = opened(compress(saved(image, "PNG", **settings), options).data).convert("RGBA")

    red, green, blue, alpha = result.split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert alpha.getextrema() in {(0, 254), (0, 255)}


def test_half_transparent_pixels_mix_with_white():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 128))

    result = compress(saved(image, "PNG"), ImageOptions(format=OutputFormat.JPEG))

    assert near(rgb_at(result.data, 9, 9), (127, 127, 127), 3)


def test_a_palette_s_picture_is_saved_with_its_colours_after_it_was_looked_at():
    image = photo(40, 30).quantize(40)
    image.info["transparency"] = 5
    before = saved(image, "GIF")

    unchanged(image).convert("RGBA")

    assert saved(image, "GIF") == before
