"""HEIC, which is read and not written."""

import io

import pillow_heif
import pytest
from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec import compress as compress_module
from process.codec import decode
from process.codec.compress import compress, open_image
from process.codec.formats import ImageFormat
from process.codec.peak import Sketch
from tests.support.codec_output import fault_of, refusal_of
from tests.support.image_files import corner_patch, mean_difference, opened, photo, rgb_profile
from tests.support.private_files import SECRET, private_exif, secrets_in


def heic(image: Image.Image, **settings) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, **({"quality": 90} | settings))
    return file.getvalue()


@pytest.mark.parametrize("max_width", [None, 100])
@pytest.mark.parametrize(
    ("asked", "comes"),
    [
        (OutputFormat.AUTO, "jpeg"),
        (OutputFormat.ORIGINAL, "jpeg"),
        (OutputFormat.JPEG, "jpeg"),
        (OutputFormat.WEBP, "webp"),
        (OutputFormat.AVIF, "avif"),
    ],
)
def test_a_photograph_of_a_phone_is_read(asked, comes, max_width):
    result = compress(heic(photo()), ImageOptions(format=asked, max_width=max_width, quality=90))

    shown = opened(result.data)
    assert (result.format, result.kept, shown.size) == (comes, False, (max_width or 320, 75 if max_width else 240))
    assert mean_difference(shown, photo().resize(shown.size)) < 8


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_grey_and_transparency_come_through(mode):
    image = photo(mode=mode)
    if mode == "RGBA":
        image.paste((0, 0, 0, 0), (0, 0, 80, 60))

    result = compress(heic(image), ImageOptions(quality=90))

    assert result.format == ("webp" if mode == "RGBA" else "jpeg")
    assert mean_difference(opened(result.data), image) < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_patch_in_the_upper_left_stays_there(orientation):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = corner_patch()
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = image.transpose(turns[orientation]) if orientation in turns else image
    stored, file = pillow_heif.from_pillow(lying), io.BytesIO()
    stored.info["exif"] = exif.tobytes()
    stored.save(file, quality=90)

    result = compress(file.getvalue(), ImageOptions(quality=90))

    assert (result.width, result.height) == opened(result.data).size == (96, 64)
    assert mean_difference(opened(result.data), image) < 6


def test_nothing_private_leaves_and_a_wide_profile_stays():
    image = photo()
    image.info |= {"exif": private_exif().tobytes(), "xmp": SECRET, "icc_profile": rgb_profile()}
    data = heic(image)

    result = compress(data, ImageOptions())

    assert SECRET in data
    assert secrets_in(result.data) == set()
    assert opened(result.data).info["icc_profile"] == rgb_profile()


def test_what_is_too_long_for_a_webp_becomes_a_png(monkeypatch):
    # The encoder here makes none of 16,384 pixels.
    monkeypatch.setattr(compress_module, "LONGEST_SIDES", {ImageFormat.WEBP: 319, ImageFormat.JPEG: 319})
    cut_out = photo(mode="RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 0, 80, 60))

    assert compress(heic(cut_out), ImageOptions()).format == "png"


def test_of_several_pictures_the_first_is_taken():
    file = pillow_heif.from_pillow(photo())
    file.add_from_pillow(Image.new("RGB", (64, 64), "red"))
    data = io.BytesIO()
    file.save(data)

    assert compress(data.getvalue(), ImageOptions()).width == 320


def test_ten_bits_are_shown_in_eight():
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), b"\xff\x7f" * 64 * 64 * 3)
    file = io.BytesIO()
    deep.save(file, quality=-1)

    shown = opened(compress(file.getvalue(), ImageOptions(quality=95)).data)

    assert mean_difference(shown, Image.new("RGB", (64, 64), (127, 127, 127))) < 3


@pytest.mark.parametrize("name", [b"Exif", b"application/rdf+xml"])
def test_metadata_whose_name_is_no_text_does_not_matter(name):
    image = photo()
    image.info |= {"exif": private_exif().tobytes(), "xmp": SECRET}
    data = heic(image)

    # The first is the item's name.
    damaged = data.replace(name, b"\xea" + name[1:], 1)

    assert compress(damaged, ImageOptions()).data == compress(data, ImageOptions()).data


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_part_of_a_file_is_corrupt(part):
    data = heic(photo())

    assert fault_of(data[: int(len(data) * part)]) is ImageCode.CORRUPT_IMAGE


def test_another_coding_in_the_same_boxes_is_refused_by_name():
    fault = refusal_of(heic(photo()).replace(b"hvc1", b"vvc1"))

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, "HEIC")


def test_the_limit_of_pixels_holds(monkeypatch):
    monkeypatch.setattr(decode, "MAX_PIXELS", 320 * 240 - 1)

    assert fault_of(heic(photo())) is ImageCode.TOO_MANY_PIXELS


def test_its_memory_is_estimated():
    assert Sketch.of_header(open_image(heic(photo())).header).peak_bytes(ImageOptions()) >= 320 * 240 * 12
