"""What `compress` decides: the format, the quality, the size; the same for the same bytes."""

import subprocess
import sys

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import CONTENT_TYPES, EXTENSIONS, ImageFormat, compress
from tests.support.codec_output import encoded_as, quality_of
from tests.support.image_files import corner_patch, mean_difference, opened, oriented, photo, saved


def test_auto_makes_a_jpeg_of_what_is_opaque():
    result = compress(saved(photo(), "PNG"), ImageOptions())

    assert (result.format, encoded_as(result.data), result.kept) == ("jpeg", "jpeg", False)


def test_auto_makes_a_jpeg_of_an_alpha_channel_that_is_full_everywhere():
    result = compress(saved(photo(mode="RGBA"), "PNG"), ImageOptions())

    assert (result.format, encoded_as(result.data)) == ("jpeg", "jpeg")


def test_auto_makes_a_webp_of_what_is_transparent(clear_png):
    result = compress(clear_png, ImageOptions())

    assert (result.format, encoded_as(result.data)) == ("webp", "webp")


def test_auto_makes_a_webp_of_an_animation(animated_gif):
    result = compress(animated_gif, ImageOptions())

    assert (result.format, opened(result.data).n_frames) == ("webp", 3)  # type: ignore[attr-defined]


def test_auto_stays_in_the_format_of_a_picture_longer_than_webp_can_say():
    # 40 % of the noise is clear, so that writing it again as PNG saves much of an uncompressed original.
    stripe = Image.new("RGBA", (16_400, 2), (255, 0, 0, 100))

    result = compress(saved(stripe, "PNG", compress_level=0), ImageOptions())

    assert (result.format, result.kept, encoded_as(result.data)) == ("png", False, "png")


@pytest.mark.parametrize("asked", [OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.AVIF])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_a_format_that_is_asked_for_is_made_of_every_format_that_is_accepted(source, asked):
    result = compress(saved(corner_patch(), source), ImageOptions(format=asked))

    assert (result.format, encoded_as(result.data)) == (asked, asked)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_original_stays_in_the_format_of_the_source(source):
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100)

    result = compress(saved(photo(), source), options)

    assert (result.format, encoded_as(result.data), opened(result.data).size) == (
        source.lower(),
        source.lower(),
        (100, 75),
    )


def test_original_png_is_written_without_loss():
    image = photo()

    result = compress(saved(image, "PNG", compress_level=0), ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, opened(result.data).tobytes()) == (False, image.tobytes())


def test_original_keeps_the_16_bits_of_a_png():
    image = Image.new("I;16", (64, 64), 12_345)

    result = compress(saved(image, "PNG", compress_level=0), ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, opened(result.data).getpixel((9, 9))) == (False, 12_345)


def test_original_bilevel_tiff_is_written_as_a_fax_is():
    image = Image.new("1", (640, 640), 1)

    result = compress(saved(image, "TIFF"), ImageOptions(format=OutputFormat.ORIGINAL))

    assert opened(result.data).info["compression"] == "group4"


def test_every_format_has_an_extension_and_a_content_type():
    assert set(EXTENSIONS) == set(CONTENT_TYPES) == set(ImageFormat)
    assert (EXTENSIONS["jpeg"], CONTENT_TYPES["jpeg"]) == ("jpg", "image/jpeg")


@pytest.mark.parametrize("quality", [1, 30, 50, 80])
def test_quality_is_the_one_asked_for(fine_jpeg, quality):
    result = compress(fine_jpeg, ImageOptions(quality=quality))

    assert quality_of(result.data) == quality


@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.AVIF])
def test_quality_moves_the_size_of_the_other_lossy_formats(fine_jpeg, asked):
    small, large = (compress(fine_jpeg, ImageOptions(quality=q, format=asked)) for q in (20, 80))

    assert len(small.data) < 0.6 * len(large.data)


def test_huffman_tables_are_made_for_the_picture(fine_jpeg):
    plain = saved(opened(fine_jpeg), "JPEG", quality=50)

    assert len(compress(fine_jpeg, ImageOptions()).data) < 0.97 * len(plain)


@pytest.mark.parametrize("asked", [True, False])
def test_progressive_when_asked_for(fine_jpeg, asked):
    result = compress(fine_jpeg, ImageOptions(progressive=asked))

    assert bool(opened(result.data).info.get("progressive")) is asked


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"max_width": 160}, (160, 120)),
        ({"max_height": 60}, (80, 60)),
        ({"max_width": 160, "max_height": 60}, (80, 60)),
        ({"max_width": 300, "max_height": 16_384}, (300, 225)),
        ({"max_width": 1}, (1, 1)),
        ({"max_width": 4_000, "max_height": 4_000}, (320, 240)),
    ],
)
@pytest.mark.parametrize("source", ["JPEG", "PNG"])
def test_scaled_down_to_fit_and_never_up(source, limits, size):
    result = compress(saved(photo(), source), ImageOptions(**limits))

    assert (result.width, result.height) == opened(result.data).size == size


def test_no_side_is_scaled_to_nothing():
    result = compress(saved(Image.new("RGB", (400, 1)), "PNG"), ImageOptions(max_width=100))

    assert opened(result.data).size == (100, 1)


def test_scaled_to_a_quarter_a_jpeg_looks_as_if_all_of_it_had_been_decoded(fine_jpeg):
    full = opened(fine_jpeg).resize((80, 60), Image.Resampling.BOX)

    result = compress(fine_jpeg, ImageOptions(max_width=80, quality=95))

    assert mean_difference(opened(result.data).convert("L"), full.convert("L")) < 3


def test_limits_are_for_the_upright_picture():
    lying = oriented(photo(240, 320), 6, "JPEG", quality=92)

    result = compress(lying, ImageOptions(max_height=40))

    assert (result.width, result.height) == opened(result.data).size == (30, 40)


def test_the_same_input_gives_the_same_bytes(fine_jpeg, clear_png, animated_gif):
    for data in (fine_jpeg, clear_png, animated_gif):
        assert compress(data, ImageOptions()) == compress(data, ImageOptions())


def test_only_the_plug_ins_of_accepted_formats_are_imported(fine_jpeg):
    program = (
        "import sys; from process.codec.compress import ImageError, compress\n"
        "from imagemill.domain.options import ImageOptions\n"
        "before = set(sys.modules); compress(sys.stdin.buffer.read(), ImageOptions())\n"
        "try: compress(b'GIF89a', ImageOptions())\n"
        "except ImageError: pass\n"
        "late = sorted(name for name in set(sys.modules) - before if name.startswith('PIL.'))\n"
        "print(late, 'PIL.PsdImagePlugin' in sys.modules)"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        input=fine_jpeg,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert run.stdout.split() == [b"[]", b"False"]
