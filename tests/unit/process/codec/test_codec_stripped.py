"""No output of `metadata=strip` tells what its source told beside the picture, kept or made anew."""

import struct
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image, ImageChops

from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import compress
from process.codec.formats import ImageFormat
from process.codec.jpeg_segments import SOS, segments
from process.codec.strip import stripped
from tests.support.image_files import corner_patch, opened, photo, rgb_profile, saved
from tests.support.private_files import SECRET, exif_with_thumbnail, secrets_in, with_secrets

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"]
#: So small already that no encoding is a tenth smaller.
COARSE = {"JPEG": {"quality": 20, "optimize": True}, "WEBP": {"quality": 10}, "AVIF": {"quality": 10}}


def shots(image_format: str) -> dict[str, object]:
    return {"save_all": True, "append_images": [photo(96, 64).rotate(90)], "duration": 70, "loop": 3}


@pytest.mark.parametrize("options", [ImageOptions(format=asked) for asked in OutputFormat], ids=lambda o: o.format)
@pytest.mark.parametrize("max_width", [None, 50])
@pytest.mark.parametrize("image_format", FORMATS)
def test_nothing_private_leaves(image_format, max_width, options):
    data = with_secrets(photo(96, 64), image_format, **COARSE.get(image_format, {}))

    result = compress(data, ImageOptions(format=options.format, max_width=max_width, quality=90))

    assert SECRET in data
    assert secrets_in(result.data) == set()


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("max_width", [None, 50])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_thumbnail_of_a_camera_goes(image_format, max_width, asked, orientation):
    thumbnail = saved(corner_patch((32, 32)), "JPEG")
    exif = exif_with_thumbnail(orientation, thumbnail)
    data = saved(photo(96, 64), image_format, exif=exif, **COARSE.get(image_format, {}))

    result = compress(data, ImageOptions(format=asked, max_width=max_width, quality=90))

    assert thumbnail in data
    assert (thumbnail in result.data, secrets_in(result.data)) == (False, set())


@pytest.mark.parametrize("image_format", FORMATS)
def test_what_is_kept_is_stripped_without_loss(image_format):
    image = photo(96, 64) if image_format != "BMP" else Image.new("1", (8, 8))
    data = with_secrets(image, image_format, **COARSE.get(image_format, {}))
    if image_format == "TIFF":
        data = with_secrets(image, image_format, compression="tiff_adobe_deflate")

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, quality=95))

    assert (result.kept, secrets_in(result.data), len(result.data) <= len(data)) == (True, set(), True)
    assert opened(result.data).mode == opened(data).mode
    assert opened(result.data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "GIF", "AVIF"])
def test_an_animation_is_stripped_with_its_frames_and_times(image_format):
    data = with_secrets(photo(96, 64), image_format, **COARSE.get(image_format, {}), **shots(image_format))

    bare = stripped(data, ImageFormat(image_format.lower()), keep_profile=True)

    assert bare is not None
    assert secrets_in(bare) == set()
    before, after = opened(data), opened(bare)
    assert (after.info.get("loop"), getattr(after, "n_frames", 1)) == (before.info.get("loop"), 2)
    for number in range(2):
        for shown in (before, after):
            shown.seek(number)
            shown.load()
        assert before.info["duration"] == after.info["duration"]
        assert not ImageChops.difference(before.convert("RGBA"), after.convert("RGBA")).getbbox(alpha_only=False)


@pytest.mark.parametrize("image_format", FORMATS[:-1])
def test_metadata_stays_where_it_is_asked_for(image_format):
    data = with_secrets(photo(96, 64), image_format, **COARSE.get(image_format, {}))

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, metadata=Metadata.KEEP, quality=95))

    assert SECRET in result.data or not result.kept


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_profile_stays_in_what_is_kept(image_format):
    data = with_secrets(photo(96, 64), image_format, icc_profile=rgb_profile(), **COARSE.get(image_format, {}))

    bare = stripped(data, ImageFormat(image_format.lower()), keep_profile=True)
    without = stripped(data, ImageFormat(image_format.lower()), keep_profile=False)

    assert bare is not None
    assert without is not None
    assert opened(bare).info["icc_profile"] == rgb_profile()
    assert not opened(without).info.get("icc_profile")
    assert opened(without).tobytes() == opened(bare).tobytes() == opened(data).tobytes()


def test_a_thumbnail_in_the_first_segment_goes():
    data = saved(corner_patch(), "JPEG", quality=20)
    thumbnail = b"JFIF\0\1\1\0\0\1\0\1\x02\x02" + SECRET[:12]
    begun = data[:2] + b"\xff\xe0" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[20:]

    bare = stripped(begun, ImageFormat.JPEG, keep_profile=True)

    assert bare is not None
    assert SECRET[:12] not in bare
    assert opened(bare).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("image_format", FORMATS)
def test_bytes_that_cannot_be_told_apart_are_not_kept(image_format):
    data = with_secrets(photo(96, 64), image_format)

    for length in (20, 40, len(data) // 3, len(data) - 1):
        bare = stripped(data[:length], ImageFormat(image_format.lower()), keep_profile=True)
        assert bare is None or SECRET not in bare


def test_a_file_that_only_decoders_can_follow_is_made_anew():
    data = with_secrets(photo(400, 300), "JPEG", quality=40, optimize=True)
    # Decoders pass over a stuffed byte between two segments.
    place = next(segment.begin for segment in segments(data) if segment.marker == SOS)
    data = data[:place] + b"\xff\0" + data[place:]

    result = compress(data, ImageOptions(quality=95))

    assert stripped(data, ImageFormat.JPEG, keep_profile=True) is None
    assert (result.kept, SECRET in data, secrets_in(result.data)) == (False, True, set())


def test_the_thumbnail_that_is_a_picture_of_its_own_goes():
    file = BytesIO()
    pillow_heif.options.THUMBNAILS = True
    pillow_heif.from_pillow(photo(256, 192)).save(file, quality=80, thumbnails=[64])
    data = file.getvalue()

    bare = stripped(data, ImageFormat.AVIF, keep_profile=True)

    assert bare is not None
    before, after = (pillow_heif.open_heif(BytesIO(each)) for each in (data, bare))
    assert (before.info["thumbnails"], after.info["thumbnails"]) == ([64], [])
    assert bytes(before.data) == bytes(after.data)


@pytest.mark.parametrize("more", [{}, shots("AVIF")], ids=["still", "animation"])
def test_pixels_in_a_box_that_nobody_knows_are_not_taken_for_what_follows_the_end(more):
    data = with_secrets(photo(96, 64), "AVIF", **COARSE["AVIF"], **more)
    odd = data.replace(b"mdat", b"mine")
    assert opened(odd).tobytes() == opened(data).tobytes()

    result = compress(odd, ImageOptions(format=OutputFormat.ORIGINAL, quality=95))

    assert stripped(odd, ImageFormat.AVIF, keep_profile=True) is None
    assert secrets_in(result.data) == set()
    assert opened(result.data).size == (96, 64)


def test_frames_in_a_box_that_nobody_knows_are_seen_without_an_item_too():
    data = saved(photo(96, 64), "AVIF", **COARSE["AVIF"], **shots("AVIF")).replace(b"meta", b"free", 1)

    assert stripped(data + SECRET, ImageFormat.AVIF, keep_profile=True) == data
    assert stripped(data.replace(b"mdat", b"mine"), ImageFormat.AVIF, keep_profile=True) is None


def test_a_bmp_whose_header_leaves_its_palette_out_keeps_its_last_rows():
    data = saved(photo(127, 64, "L").convert("P"), "BMP")
    lying = data[:10] + struct.pack("<I", 54) + data[14:]

    result = compress(lying + SECRET, ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, SECRET in result.data) == (True, False)
    assert opened(result.data).tobytes() == opened(data).tobytes()
