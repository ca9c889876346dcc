"""What comes out of `compress` shows what went in: upright, with its greys and its first page."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import (
    GREEN,
    ORIENTATION,
    RED,
    WHITE,
    cmyk_profile,
    corner_patch,
    mean_difference,
    opened,
    oriented,
    photo,
    rgb_profile,
    saved,
)
from tests.support.pixels import animation, near, rgb_at, transparent


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_patch_in_the_upper_left_stays_there_however_the_pixels_were_stored(image_format, orientation):
    data = oriented(corner_patch(), orientation, image_format)

    result = compress(data, ImageOptions(format=OutputFormat.JPEG if image_format != "JPEG" else OutputFormat.WEBP))

    assert (result.width, result.height) == opened(result.data).size == (96, 64)
    assert near(rgb_at(result.data, 8, 8), RED, 20)
    assert near(rgb_at(result.data, 88, 8), WHITE, 20)
    assert near(rgb_at(result.data, 8, 56), WHITE, 20)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_jpeg_that_stays_one_is_upright_and_says_so(orientation):
    result = compress(oriented(corner_patch(), orientation, "JPEG"), ImageOptions(max_width=48))

    assert (result.width, result.height, result.kept) == (48, 32, False)
    assert near(rgb_at(result.data, 4, 4), RED, 20)
    assert opened(result.data).getexif().get(ORIENTATION, 1) == 1


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("level", [0, 64, 128, 255])
def test_16_bit_grey_is_scaled_and_not_clipped(image_format, level):
    data = saved(Image.new("I;16", (64, 64), level * 257), image_format)

    result = opened(compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95)).data)

    assert (result.mode, result.getpixel((9, 9))) == ("L", level)


@pytest.mark.parametrize(
    ("mode", "white", "grey"),
    [("I", 65_535, 32_768), ("I", 2_000_000, 1_000_000), ("F", 1.0, 0.5), ("F", 255.0, 128.0), ("F", 4e9, 2e9)],
)
def test_32_bit_grey_is_scaled_by_the_range_it_uses(mode, white, grey):
    image = Image.new(mode, (64, 64), grey)
    image.paste(white, (0, 0, 32, 64))

    result = opened(compress(saved(image, "TIFF"), ImageOptions(format=OutputFormat.JPEG, quality=95)).data)

    assert near((result.getpixel((8, 8)), result.getpixel((56, 8))), (255, 128), 3)


def test_bilevel_becomes_grey_in_a_jpeg():
    image = Image.new("1", (64, 64), 1)
    image.paste(0, (0, 0, 32, 64))

    result = opened(compress(saved(image, "PNG"), ImageOptions(format=OutputFormat.JPEG)).data)

    assert (result.mode, result.getpixel((8, 8)), result.getpixel((56, 8))) == ("L", 0, 255)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_bits_and_palettes_are_scaled_with_shades_between(mode):
    lines = Image.new("1", (200, 200), 1)
    for x in range(0, 200, 2):
        lines.paste(0, (x, 0, x + 1, 200))

    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100)
    result = opened(compress(saved(lines.convert(mode), "PNG"), options).data)

    assert near(result.convert("RGB").getpixel((50, 50)), (128, 128, 128), 20)


def test_the_first_page_of_a_tiff_is_the_picture():
    pages = [Image.new("RGB", (64, 64), colour) for colour in (RED, GREEN)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])

    result = compress(data, ImageOptions(format=OutputFormat.WEBP))

    assert near(rgb_at(result.data, 9, 9), RED)
    assert getattr(opened(result.data), "n_frames", 1) == 1


@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.WEBP])
def test_the_first_view_of_an_mpo_is_the_picture(asked):
    views = [photo(), Image.new("RGB", (320, 240), GREEN)]
    data = saved(views[0], "MPO", save_all=True, append_images=views[1:], quality=92)

    result = compress(data, ImageOptions(format=asked, quality=90))

    assert opened(data).format == "MPO"
    assert result.format == ("jpeg" if asked is OutputFormat.AUTO else "webp")
    assert getattr(opened(result.data), "n_frames", 1) == 1
    assert mean_difference(opened(result.data), views[0]) < 6


def test_two_threads_get_what_one_gets():
    images = [
        saved(photo(mode=mode), image_format, **settings)
        for mode, image_format, settings in (
            ("RGB", "JPEG", {"quality": 92, "icc_profile": rgb_profile()}),
            ("CMYK", "JPEG", {"quality": 92, "icc_profile": cmyk_profile()}),
            ("RGBA", "PNG", {}),
            ("L", "TIFF", {}),
        )
    ] + [animation("GIF"), transparent_png()]
    alone = [compress(data, ImageOptions()) for data in images]

    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda data: compress(data, ImageOptions()), images * 4))

    assert together == alone * 4


def transparent_png() -> bytes:
    return saved(transparent("RGBA")[0].resize((320, 320)), "PNG")
