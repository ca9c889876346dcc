"""Whatever the bytes are, `compress` gives an image or a fault of the contract."""

import struct
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec import compress as codec
from process.codec import decode
from process.codec.bounds import MAX_REST_BYTES, check_structure
from process.codec.compress import Compressed, ImageError, compress, open_image
from process.codec.peak import Sketch
from tests.support.codec_output import fault_of
from tests.support.image_files import (
    gif_of_one_pixel_frames,
    photo,
    png_chunk,
    png_header,
    rgb_profile,
    saved,
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"Not found",
        b"BMW sells cars: forty bytes and a few more of text",
        b"<!DOCTYPE html><html><body><svg></svg></body></html>",
        b"<?xml version='1.0'?><rss/>",
        b"<!-- " * 300,
        b"<!---->" * 2_000,
        b'{"error": "not found"}',
        b"PK\x03\x04" + bytes(60),
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    ],
)
def test_what_is_not_an_image(data):
    assert fault_of(data) is ImageCode.NOT_AN_IMAGE


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- > --><!-- - -->\n<!DOCTYPE svg PUBLIC 'x'>\n<svg >",
        b'<!DOCTYPE svg PUBLIC "x" "y" [ <!ENTITY ns "http://z"> ]>\n<svg/>',
        b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"\xff\x0a\xfa\x1f",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"8BPS\0\x01",
        b"Image type: RGB image\r\n",
        b"\xd7\xcd\xc6\x9a\0\0",
    ],
)
def test_images_of_a_kind_that_is_not_accepted(data):
    assert fault_of(data) is ImageCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "image_format",
    ["BLP", "DDS", "DIB", "EPS", "ICNS", "ICO", "JPEG2000", "PCX", "PPM", "QOI", "SGI", "TGA"],
)
def test_what_pillow_could_open_is_named_as_unsupported(image_format):
    image = photo(64, 64)
    data = saved(image.convert("P") if image_format == "BLP" else image, image_format)

    assert fault_of(data) is ImageCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_half_a_file_is_corrupt(image_format):
    data = saved(photo(), image_format)

    assert fault_of(data[: len(data) // 2]) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_cut_in_its_second_frame_is_corrupt(image_format):
    shots = [photo(64, 48).rotate(angle) for angle in (0, 90, 180)]
    data = saved(shots[0], image_format, save_all=True, append_images=shots[1:], duration=100)

    assert fault_of(data[: len(data) * 55 // 100]) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("metadata", Metadata)
@pytest.mark.parametrize("asked", OutputFormat)
@pytest.mark.parametrize("shots", [1, 2])
def test_a_png_whose_pixels_are_damaged_is_corrupt(shots, asked, metadata):
    images = [photo(64, 48).rotate(angle) for angle in (0, 90)][:shots]
    data = saved(images[0], "PNG", save_all=True, append_images=images[1:])
    begin = data.index(b"IDAT") + 4
    (length,) = struct.unpack_from(">I", data, begin - 8)
    pixels = bytearray(data[begin : begin + length])
    # No block of a zlib stream begins so.
    pixels[length // 2 :] = b"\xff" * (length - length // 2)
    damaged = data[: begin - 8] + png_chunk(b"IDAT", bytes(pixels)) + data[begin + length + 4 :]

    assert fault_of(damaged, ImageOptions(format=asked, metadata=metadata)) is ImageCode.CORRUPT_IMAGE


def test_an_animation_that_promises_more_frames_than_it_has_is_corrupt():
    shots = [photo(64, 48).rotate(angle) for angle in (0, 90, 180)]
    data = saved(shots[0], "PNG", save_all=True, append_images=shots[1:], duration=100)
    three, five = (png_chunk(b"acTL", struct.pack(">II", number, 0)) for number in (3, 5))

    assert compress(data, ImageOptions()).format in {"png", "webp"}
    assert three in data
    assert fault_of(data.replace(three, five)) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"RIFF\0\0\0\0WEBP"])
def test_a_beginning_with_nothing_behind_it_is_corrupt(magic):
    assert fault_of(magic) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("segments", [1_001, 240_000, 260_000])
def test_what_follows_the_scan_of_a_whole_picture_is_bounded_by_its_bytes(segments):
    base = saved(photo(64, 64), "JPEG", quality=95)
    data = base[:-2] + b"\xff\xfe\0\2" * segments + base[-2:]

    if segments * 4 < MAX_REST_BYTES:
        assert compress(data, ImageOptions()).width == 64
        check_structure(data)
    else:
        with pytest.raises(ImageError, match="long"):
            check_structure(data)


def test_an_image_without_pixels_is_corrupt():
    of_one_pixel = gif_of_one_pixel_frames(1)

    without_width = of_one_pixel.replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 0, 1))

    assert fault_of(without_width, ImageOptions(format=OutputFormat.JPEG)) is ImageCode.CORRUPT_IMAGE


def test_a_png_that_says_50_000_by_50_000_has_too_many_pixels():
    assert fault_of(png_header(50_000, 50_000)) is ImageCode.TOO_MANY_PIXELS


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_holds_where_pillow_only_warns():
    assert fault_of(png_header(9_460, 9_460)) is ImageCode.TOO_MANY_PIXELS
    assert fault_of(png_header(9_459, 9_459)) is ImageCode.CORRUPT_IMAGE


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_the_limit_holds_where_warnings_are_errors():
    assert fault_of(png_header(12_000, 10_000)) is ImageCode.TOO_MANY_PIXELS


def test_an_animation_may_have_a_thousand_frames_and_no_more():
    accepted = compress(gif_of_one_pixel_frames(1_000), ImageOptions())

    assert accepted.format in {"gif", "webp"}
    assert fault_of(gif_of_one_pixel_frames(1_001)) is ImageCode.TOO_MANY_PIXELS
    assert compress(gif_of_one_pixel_frames(1_001), ImageOptions(format=OutputFormat.JPEG)).format == "jpeg"


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_the_frames_of_an_animation_share_the_limit_of_pixels(monkeypatch, image_format):
    shots = [photo(64, 48).rotate(angle) for angle in (0, 90, 180)]
    data = saved(shots[0], image_format, save_all=True, append_images=shots[1:], duration=100)

    monkeypatch.setattr(decode, "MAX_PIXELS", 3 * 64 * 48)
    assert compress(data, ImageOptions()).width == 64

    monkeypatch.setattr(decode, "MAX_PIXELS", 3 * 64 * 48 - 1)
    assert fault_of(data) is ImageCode.TOO_MANY_PIXELS


def test_avif_is_made_of_45_megapixels_and_no_more():
    data = saved(Image.new("1", (7_000, 6_500)), "PNG")

    assert fault_of(data, ImageOptions(format=OutputFormat.AVIF)) is ImageCode.TOO_MANY_PIXELS
    assert compress(data, ImageOptions(format=OutputFormat.AVIF, max_width=100)).width == 100


def test_avif_counts_the_pixels_of_every_frame(monkeypatch):
    shots = [photo(64, 48), photo(64, 48).rotate(90)]
    data = saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=100)

    monkeypatch.setattr(codec, "MAX_AVIF_PIXELS", 2 * 64 * 48 - 1)

    assert fault_of(data, ImageOptions(format=OutputFormat.AVIF)) is ImageCode.TOO_MANY_PIXELS


def test_a_side_that_the_format_asked_for_cannot_express_fails_to_encode():
    data = saved(Image.new("L", (16_384, 1)), "PNG")

    assert fault_of(data, ImageOptions(format=OutputFormat.WEBP)) is ImageCode.ENCODE_FAILED


def test_no_text_of_the_image_is_in_the_message():
    data = b"GIF89a" + b"drop table products"

    with pytest.raises(ImageError) as raised:
        compress(data, ImageOptions())

    assert str(raised.value) == "The image is truncated or damaged."


SEEDS = [
    saved(photo(24, 16), "JPEG", quality=92, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0", icc_profile=rgb_profile()),
    saved(photo(24, 16, "CMYK"), "JPEG"),
    saved(photo(24, 16), "JPEG", progressive=True),
    saved(photo(24, 16), "MPO", save_all=True, append_images=[photo(24, 16)]),
    saved(photo(24, 16, "RGBA"), "PNG"),
    saved(photo(24, 16, "P"), "PNG", transparency=3),
    saved(photo(24, 16), "PNG", save_all=True, append_images=[photo(24, 16).rotate(9)], duration=9),
    saved(photo(24, 16), "WEBP"),
    saved(photo(24, 16), "WEBP", save_all=True, append_images=[photo(24, 16).rotate(9)], duration=9),
    saved(photo(24, 16), "GIF", save_all=True, append_images=[photo(24, 16).rotate(9)], duration=9),
    saved(photo(24, 16), "TIFF"),
    saved(photo(24, 16), "TIFF", compression="tiff_lzw"),
    saved(photo(24, 16), "BMP"),
    saved(photo(24, 16), "AVIF"),
]
OPTIONS = [
    ImageOptions(),
    ImageOptions(format=OutputFormat.JPEG, max_width=9),
    ImageOptions(format=OutputFormat.WEBP),
    ImageOptions(format=OutputFormat.ORIGINAL, max_height=7),
]


def gives_an_image_or_a_fault(data: bytes, options: ImageOptions) -> bool:
    try:
        result = compress(data, options)
    except ImageError:
        return True
    Image.open(BytesIO(result.data)).close()
    return isinstance(result, Compressed)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), magic=st.sampled_from([b"", *(seed[:16] for seed in SEEDS)]))
def test_random_bytes_give_an_image_or_a_fault(data, magic):
    assert gives_an_image_or_a_fault(magic + data, ImageOptions())


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=6),
    length=st.one_of(st.none(), st.integers(0, 5_000)),
    options=st.sampled_from(OPTIONS),
)
def test_a_damaged_image_gives_an_image_or_a_fault(seed, changes, length, options):
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value

    assert gives_an_image_or_a_fault(bytes(data[: length if length is None else length % len(seed)]), options)


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "TIFF", "AVIF"])
def test_what_is_estimated_of_an_animation_that_is_cut_anywhere_is_an_estimate_or_a_fault(image_format):
    frames = [photo(8, 8), photo(8, 8).rotate(90)]
    whole = saved(frames[0], image_format, save_all=True, append_images=frames[1:])

    for end in range(1, len(whole)):
        try:
            estimate = Sketch.of_header(open_image(whole[:end]).header).peak_bytes(ImageOptions())
        except ImageError:
            continue
        assert estimate > 0
