"""What libvips does gives what Pillow would have given, and where it cannot, Pillow does it."""

import io
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from imagemill.domain.options import ImageOptions, OutputFormat
from imagemill.kept import forget
from process.codec import pictures, vips
from process.codec.compress import ImageError, compress
from process.codec.decode import open_header, open_source, still
from tests.support.account import PROJECT
from tests.support.image_files import photo, saved

AS_JPEG = ImageOptions(format=OutputFormat.JPEG, max_width=200)
WIDE = photo(320, 240)
IS_LOADED = """
import sys
from process.codec_process import open_image
print("pyvips" in sys.modules)
"""


@pytest.fixture
def without_vips(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    forget()
    yield
    forget()


def difference(one: Image.Image, other: Image.Image) -> list[float]:
    """The mean difference of each channel, of 255; of colours as far as they are seen."""
    assert (one.mode, one.size) == (other.mode, other.size)
    seen = [image.convert("RGBa") if image.mode == "RGBA" else image for image in (one, other)]
    bands = zip(*(image.split() for image in seen), strict=True)
    return [ImageStat.Stat(ImageChops.difference(*pair)).mean[0] for pair in bands]


def opened_png(data: bytes) -> Image.Image:
    source = open_source(open_header(data))
    return still(source, source.width, source.height)


@given(st.integers(32, 320), st.integers(32, 240))
@settings(deadline=None, max_examples=60)
def test_a_picture_is_scaled_as_by_pillow(width, height):
    by_pillow = WIDE.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=vips.REDUCING_GAP)
    scaled = vips.scaled(WIDE, (width, height))

    assert scaled
    assert max(difference(scaled, by_pillow)) < 1


@pytest.mark.parametrize("size", [(1, 200), (200, 31)])
def test_a_sliver_is_left_to_pillow(size):
    assert vips.scaled(WIDE, size) is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_scaled_picture_is_not_told_from_pillow_s(mode, monkeypatch):
    picture = WIDE.convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=200)
    asked = []

    def noted(image: Image.Image, size: tuple[int, int]) -> Image.Image | None:
        asked.append(image.mode)
        return vips.scaled(image, size)

    monkeypatch.setattr(pictures, "scaled", noted)
    made = Image.open(io.BytesIO(compress(saved(picture, "PNG"), options).data)).convert(mode)
    monkeypatch.setattr(pictures, "scaled", lambda *given: None)
    by_pillow = Image.open(io.BytesIO(compress(saved(picture, "PNG"), options).data)).convert(mode)

    assert asked == ["RGBa" if mode == "RGBA" else "RGB"]
    assert max(difference(made, by_pillow)) < 1


def test_what_is_transparent_does_not_colour_its_neighbours():
    """A red square on nothing, which is green: no pixel of the smaller one may be greenish."""
    picture = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (101, 101, 299, 299))
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=177)
    made = Image.open(io.BytesIO(compress(saved(picture, "PNG"), options).data)).convert("RGBA")

    seen = [pixel for _, pixel in made.getcolors(made.width * made.height) or [] if isinstance(pixel, tuple)]
    assert all(red >= 250 and green <= 5 for red, green, _, alpha in seen if alpha > 8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("level", [0, 6])
def test_a_plain_png_is_read_to_the_same_pixels(mode, level, monkeypatch):
    data = saved(WIDE.convert(mode), "PNG", compress_level=level)
    by_vips = vips.read_png_pixels(data, Image.open(io.BytesIO(data)), WIDE.size)

    assert by_vips
    assert by_vips.tobytes() == Image.open(io.BytesIO(data)).tobytes() == opened_png(data).tobytes()


def test_a_large_png_is_scaled_while_it_is_read():
    picture = photo(1_300, 800)
    source = open_source(open_header(saved(picture, "PNG")))
    scaled = still(source, 650, 400)

    assert scaled.size == (650, 400)
    assert max(difference(scaled, picture.resize((650, 400), Image.Resampling.LANCZOS))) < 1


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_damaged_png_is_what_pillow_says_it_is(data):
    """Whatever libvips reads Pillow reads, too, to the same pixels."""
    file = bytearray(saved(WIDE, "PNG", compress_level=data.draw(st.sampled_from((1, 9)))))
    first = file.index(b"IDAT") + 4
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(first, len(file))) :]
    else:
        file[data.draw(st.integers(first, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    header = open_header(bytes(file))
    pixels = vips.read_png_pixels(header.data, header.image, WIDE.size)

    if pixels:
        header.image.load()
        assert pixels.tobytes() == header.image.tobytes()


@pytest.mark.parametrize("options", [AS_JPEG, ImageOptions(format=OutputFormat.WEBP)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_without_libvips_pillow_does_it(mode, options, without_vips):
    assert compress(saved(WIDE.convert(mode), "PNG"), options).width == min(320, options.max_width or 320)


def test_a_png_that_is_cut_off_is_corrupt_with_and_without(without_vips):
    cut = saved(WIDE, "PNG")[:-3_000]
    with pytest.raises(ImageError, match="truncated or damaged"):
        compress(cut, AS_JPEG)


def test_it_is_not_loaded_before_it_is_of_use():
    """It takes a fifth of the time in which a codec process starts."""
    path = ":".join(str(PROJECT / folder) for folder in ("layers/core", "functions"))
    run = subprocess.run(
        [sys.executable, "-c", IS_LOADED], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
