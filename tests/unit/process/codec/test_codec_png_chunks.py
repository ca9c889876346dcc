"""What a PNG says beside its pixels: damaged, large, or about its colours."""

import struct
import zlib

import pytest
from PIL import Image, ImageCms

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import compress
from process.codec.icc import P3_CHROMATICITIES, SRGB_CHROMATICITIES, rgb_profile
from process.codec.png_chunks import read_png, stripped_png, whole_png
from tests.support.codec_output import fault_of
from tests.support.image_files import ORIENTATION, channels_at, corner_patch, opened, photo, png_chunk, png_with, saved
from tests.support.image_files import rgb_profile as adobe

EVERY_FORMAT = list(OutputFormat)
#: Half of the light, and the 8-bit sRGB value that shows it.
LINEAR, SHOWN = 55, 128


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def damaged(name: bytes, content: bytes) -> bytes:
    return png_chunk(name, content)[:-4] + b"\0\0\0\1"


DAMAGED = [
    damaged(b"pHYs", struct.pack(">IIB", 2_835, 2_835, 1)),
    damaged(b"iCCP", b"icc\0\0" + zlib.compress(srgb())),
    damaged(b"tEXt", b"Comment\0mine"),
    damaged(b"gAMA", struct.pack(">I", 100_000)),
    damaged(b"acTL", struct.pack(">II", 9, 0)),
    png_chunk(b"gAMA", b"\0\0"),
    png_chunk(b"pHYs", b"\0"),
    png_chunk(b"cHRM", b"\0" * 9),
    png_chunk(b"acTL", b"\0"),
]
#: Decoders pass them over.
NONSENSE = [
    png_chunk(b"iCCP", b"icc\0\0no zlib stream"),
    png_chunk(b"zTXt", b"Comment\0\0no zlib stream"),
    png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib stream"),
    png_chunk(b"eXIf", b"no directory"),
]


@pytest.mark.parametrize("asked", EVERY_FORMAT)
@pytest.mark.parametrize("chunk", DAMAGED + NONSENSE)
def test_a_chunk_that_is_damaged_or_wrong_and_not_of_the_pixels_is_passed_over(chunk, asked):
    image = corner_patch((60, 40))

    result = compress(png_with(saved(image, "PNG"), chunk), ImageOptions(format=asked, quality=90))

    shown = opened(result.data).convert("RGB")
    assert shown.size == (60, 40)
    assert max(abs(one - other) for one, other in zip(channels_at(shown, 8, 8), (255, 0, 0), strict=True)) < 20


@pytest.mark.parametrize("asked", EVERY_FORMAT)
@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt", b"tEXt"])
def test_profiles_and_texts_of_megabytes_do_not_refuse_the_picture(name, asked):
    long = adobe() + b"\0" * 2_000_000
    content = {
        b"iCCP": b"icc\0\0" + zlib.compress(long, 9),
        b"zTXt": b"Comment\0\0" + zlib.compress(long, 9),
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(long, 9),
        b"tEXt": b"Comment\0" + b"x" * 2_000_000,
    }[name]

    result = compress(png_with(saved(corner_patch(), "PNG"), png_chunk(name, content)), ImageOptions(format=asked))

    # Pillow alone could not open the PNG that keeps all of the profile.
    assert (result.width, result.height, len(result.data) < 10_000) == (96, 64, True)
    if name == b"iCCP" and asked is not OutputFormat.ORIGINAL:
        # A profile's own length tells what of it is padding.
        assert opened(result.data).info["icc_profile"] == adobe()


def test_a_profile_that_inflates_beyond_its_bound_is_passed_over():
    bomb = png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\0" * 200_000_000, 9))

    data = png_with(saved(photo(), "PNG"), bomb)

    assert read_png(data).profile is None
    assert "icc_profile" not in opened(compress(data, ImageOptions(format=OutputFormat.WEBP)).data).info


def test_a_png_without_its_end_is_whole_when_its_pixels_are():
    data = saved(photo(), "PNG")

    assert compress(data[:-12], ImageOptions()).format == "jpeg"
    assert stripped_png(data[:-12], keep_profile=True) == data
    assert fault_of(data[:-12][: len(data) // 2]) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("metadata", list(Metadata))
@pytest.mark.parametrize("chunk", [*DAMAGED, png_chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))])
@pytest.mark.parametrize("end", [12, 0])
def test_what_is_kept_of_a_damaged_file_is_whole(metadata, chunk, end):
    comment = png_chunk(b"tEXt", b"Comment\0mine")
    # One pixel: nothing is smaller.
    data = png_with(saved(Image.new("RGB", (1, 1), "red"), "PNG"), comment)
    file = data[:-12] + chunk + data[len(data) - 12 : len(data) - 12 + end]

    result = compress(file, ImageOptions(format=OutputFormat.ORIGINAL, metadata=metadata))

    assert result.kept
    assert opened(result.data).getpixel((0, 0)) == (255, 0, 0)
    assert result.data == (data if metadata is Metadata.KEEP else data.replace(comment, b""))


@pytest.mark.parametrize("chunk", [*NONSENSE, b""])
@pytest.mark.parametrize("behind", [b"", b"what follows the end"])
def test_a_sound_file_is_kept_byte_by_byte_with_its_metadata(chunk, behind):
    data = png_with(saved(Image.new("RGB", (1, 1), "red"), "PNG"), chunk) + behind

    assert whole_png(data) is data


def gamma(value: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


@pytest.mark.parametrize("asked", [OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.AVIF])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_gamma_is_shown_as_browsers_show_it(mode, asked):
    image = Image.new("RGB", (16, 16), (LINEAR,) * 3).convert("L" if mode == "I;16" else mode)
    if mode == "P":
        image = Image.new("RGB", (16, 16), (LINEAR,) * 3).quantize(4)
    elif mode == "I;16":
        image = Image.new("I;16", (16, 16), LINEAR * 257)

    result = compress(png_with(saved(image, "PNG"), gamma(1.0)), ImageOptions(format=asked, quality=95))

    red, *_ = channels_at(opened(result.data).convert("RGB"), 8, 8)
    assert abs(red - SHOWN) <= 2


@pytest.mark.parametrize(
    "overruling",
    [
        png_chunk(b"sRGB", b"\0"),
        png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb())),
        png_chunk(b"cICP", bytes((1, 13, 0, 1))),
    ],
)
def test_gamma_says_nothing_beside_what_overrules_it(overruling):
    data = png_with(saved(Image.new("L", (16, 16), LINEAR), "PNG"), gamma(1.0), overruling)

    result = compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95))

    assert abs(channels_at(opened(result.data), 8, 8)[0] - LINEAR) <= 1


def test_the_usual_gamma_changes_nothing():
    data = png_with(saved(Image.new("L", (16, 16), LINEAR), "PNG"), gamma(0.45455))

    result = compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95))

    assert abs(channels_at(opened(result.data), 8, 8)[0] - LINEAR) <= 1


def test_primaries_count_where_a_gamma_is_given():
    primaries = png_chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in P3_CHROMATICITIES)))
    image = Image.new("RGB", (16, 16), (0, 180, 0))

    wide = compress(png_with(saved(image, "PNG"), gamma(1 / 2.2), primaries), ImageOptions(format=OutputFormat.WEBP))
    alone = compress(png_with(saved(image, "PNG"), primaries), ImageOptions(format=OutputFormat.WEBP))

    assert channels_at(opened(wide.data), 8, 8)[1] > channels_at(opened(alone.data), 8, 8)[1] + 3


def test_sixteen_bits_keep_their_gamma_as_a_profile():
    image = Image.new("I;16", (200, 200), 14_136)

    result = opened(
        compress(
            png_with(saved(image, "PNG"), gamma(1.0)), ImageOptions(format=OutputFormat.ORIGINAL, max_width=100)
        ).data
    )

    assert (result.mode, result.getpixel((9, 9))) == ("I;16", 14_136)
    assert result.info["icc_profile"][16:20] == b"GRAY"


def test_display_p3_by_code_points_becomes_its_profile():
    data = png_with(saved(photo(), "PNG"), png_chunk(b"cICP", bytes((12, 13, 0, 1))))

    result = compress(data, ImageOptions(format=OutputFormat.WEBP))

    assert opened(result.data).info["icc_profile"] == rgb_profile(P3_CHROMATICITIES)
    assert rgb_profile(SRGB_CHROMATICITIES) != rgb_profile(P3_CHROMATICITIES)


@pytest.mark.parametrize("asked", EVERY_FORMAT)
@pytest.mark.parametrize("key", [(0x1234, 0x5678, 0x9ABC), (0, 0, 0), (65_535, 65_535, 65_535)])
def test_a_transparent_colour_of_16_bits_a_channel_is_that_one_alone(key, asked):
    near = tuple(value ^ 1 for value in key)
    rows = b"".join(b"\0" + struct.pack(">3H", *key) * 16 + struct.pack(">3H", *near) * 16 for _ in range(32))
    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"tRNS", struct.pack(">3H", *key)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)

    result = opened(compress(data, ImageOptions(format=asked, quality=95)).data)

    if asked is OutputFormat.JPEG:
        assert all(abs(one - 255) < 4 for one in channels_at(result.convert("RGB"), 4, 16))
    elif asked is not OutputFormat.ORIGINAL:
        # Pillow, which looks at the original here, is what is wrong.
        shown = result.convert("RGBA")
        assert (channels_at(shown, 4, 16)[3] < 8, channels_at(shown, 28, 16)[3] > 247) == (True, True)


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_orientation_of_a_png_counts_wherever_its_exif_stands(where):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    plain, content = saved(corner_patch(), "PNG"), exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = png_chunk(b"eXIf", content)
    data = png_with(plain, chunk) if where == "before" else plain[:-12] + chunk + plain[-12:]

    result = compress(data, ImageOptions())

    assert (result.width, result.height) == (64, 96)
