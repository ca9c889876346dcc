"""What `compress` decides: the format, the size, what is written beside the pixels, what is kept."""

import subprocess
import sys

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import CONTENT_TYPES, EXTENSIONS, Compressed, ImageFormat, compress
from process.codec.jpeg_quality import estimate_quality
from tests.support.image_files import (
    ORIENTATION,
    corner_patch,
    mean_difference,
    opened,
    oriented,
    photo,
    rgb_profile,
    saved,
)


def quality_of(data: bytes) -> int | None:
    return estimate_quality(opened(data).quantization)  # type: ignore[attr-defined]


def encoded_as(data: bytes) -> str:
    return str(opened(data).format).lower()


@pytest.fixture(scope="module")
def fine_jpeg() -> bytes:
    return saved(photo(), "JPEG", quality=92)


@pytest.fixture(scope="module")
def clear_png() -> bytes:
    """A photograph with a transparent corner."""
    image = photo(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 80, 60))
    return saved(image, "PNG")


@pytest.fixture(scope="module")
def animated_gif() -> bytes:
    shots = [photo(80, 60).rotate(angle) for angle in (0, 90, 180)]
    return saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=100, loop=0)


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


def test_stripped_of_all_but_the_profile():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    settings = {"exif": exif, "xmp": b"<x:xmpmeta/>", "comment": b"mine", "icc_profile": rgb_profile()}

    result = opened(compress(saved(photo(), "JPEG", quality=92, **settings), ImageOptions()).data)

    assert not {"exif", "xmp", "comment", "photoshop"} & set(result.info)
    assert result.info["icc_profile"] == rgb_profile()


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_stripped_in_the_original_format_too(image_format):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100)

    result = compress(saved(photo(), image_format, exif=exif, **xmp_for(image_format)), options)

    assert b"Canon" not in result.data
    assert b"xmpmeta" not in result.data


def test_stripped_where_a_tiff_stays_as_it_is_but_for_its_size_in_bytes():
    data = saved(Image.new("RGB", (200, 200)), "TIFF", tiffinfo={700: b"<x:xmpmeta/>", 271: "Canon"})

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL))

    assert result.kept is False
    assert not {700, 271} & set(opened(result.data).getexif())


def test_the_comment_of_an_animation_is_stripped():
    shots = [photo(80, 60).rotate(angle) for angle in (0, 90)]
    data = saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=100, comment=b"mine")

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=40))

    assert "comment" not in opened(result.data).info


def xmp_for(image_format: str) -> dict[str, object]:
    if image_format == "TIFF":
        return {"tiffinfo": {700: b"<x:xmpmeta/>", 271: "Canon"}}
    return {"xmp": b"<x:xmpmeta/>"} if image_format != "PNG" else {}


@pytest.mark.parametrize("asked", [OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.AVIF, OutputFormat.ORIGINAL])
def test_metadata_that_is_kept_describes_the_upright_picture(asked):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[ExifTags.Base.Make] = "Canon"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 320
    xmp = b'<x:xmpmeta tiff:Orientation="6"/>'
    data = saved(photo(), "WEBP" if asked is OutputFormat.ORIGINAL else "JPEG", quality=92, exif=exif, xmp=xmp)

    result = opened(compress(data, ImageOptions(format=asked, max_width=60, metadata=Metadata.KEEP)).data)

    kept = result.getexif()
    assert (kept[ExifTags.Base.Make], kept.get(ORIENTATION, 1), result.size) == ("Canon", 1, (60, 80))
    assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] == 60
    assert result.info["xmp"] == b'<x:xmpmeta tiff:Orientation="1"/>'


def test_a_thumbnail_that_would_lie_about_the_picture_is_not_kept():
    thumbnail = saved(corner_patch((32, 32)), "JPEG")
    exif = exif_with_thumbnail(orientation=6, thumbnail=thumbnail)
    data = saved(photo(), "JPEG", quality=92, exif=exif)

    result = compress(data, ImageOptions(metadata=Metadata.KEEP))

    assert thumbnail in data
    assert thumbnail not in result.data
    assert opened(result.data).getexif()[ORIENTATION] == 1


def exif_with_thumbnail(orientation: int, thumbnail: bytes) -> bytes:
    """Two directories, big-endian: the orientation, then JPEGInterchangeFormat and its length."""
    first = b"\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes((0, orientation)) + b"\0\0" + (26).to_bytes(4, "big")
    start, length = (56).to_bytes(4, "big"), len(thumbnail).to_bytes(4, "big")
    second = b"\0\x02\x02\x01\0\x04\0\0\0\x01" + start + b"\x02\x02\0\x04\0\0\0\x01" + length + b"\0\0\0\0"
    return b"Exif\0\0MM\0*\0\0\0\x08" + first + second + thumbnail


def test_a_tiff_made_into_a_jpeg_keeps_what_describes_and_not_what_lays_out():
    data = saved(photo(), "TIFF", tiffinfo={271: "Canon"})

    result = compress(data, ImageOptions(metadata=Metadata.KEEP))

    kept = opened(result.data).getexif()
    assert (kept[ExifTags.Base.Make], kept.get(ExifTags.Base.StripOffsets)) == ("Canon", None)


def test_metadata_is_kept_in_a_png_and_in_a_tiff():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100, metadata=Metadata.KEEP)

    png = opened(compress(saved(photo(), "PNG", exif=exif), options).data)
    tiff = opened(compress(saved(photo(), "TIFF", tiffinfo={700: b"<x:xmpmeta/>", 271: "Canon"}), options).data)

    assert png.getexif()[ExifTags.Base.Make] == tiff.getexif()[ExifTags.Base.Make] == "Canon"
    assert tiff.info["xmp"] == b"<x:xmpmeta/>"


def test_xmp_is_kept_from_the_text_chunk_of_a_png():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100, metadata=Metadata.KEEP)
    data = saved(photo(), "PNG", pnginfo=text)

    png = opened(compress(data, options).data)
    jpeg = opened(compress(data, ImageOptions(metadata=Metadata.KEEP)).data)

    assert (png.info["XML:com.adobe.xmp"], jpeg.info["xmp"]) == ("<x:xmpmeta/>", b"<x:xmpmeta/>")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"MM\0*\0\0\0\x08\xff\xff\x01\x12", id="cut short"),
        pytest.param(b"no directory at all", id="no directory"),
        pytest.param(b"MM\0*\0\0\0\x08\0\x01\x88\x25\0\x09\0\0\0\x01\xff\xff\xff\xff\0\0\0\0", id="GPS before it"),
    ],
)
def test_damaged_exif_does_not_refuse_the_picture(damaged):
    data = saved(photo(), "WEBP", quality=92, exif=damaged)

    result = compress(data, ImageOptions(metadata=Metadata.KEEP))

    assert result.kept is False


def test_metadata_too_long_for_a_jpeg_is_left_out():
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    data = saved(photo(), "WEBP", quality=92, exif=exif, xmp=b"x" * 70_000)

    result = compress(data, ImageOptions(format=OutputFormat.JPEG, metadata=Metadata.KEEP))

    assert not {"exif", "xmp"} & set(opened(result.data).info)


def test_kept_when_the_result_would_be_larger():
    drawing = Image.new("1", (400, 300), 1)
    drawing.paste(0, (30, 40, 200, 150))
    data = saved(drawing, "PNG")

    result = compress(data, ImageOptions())

    assert result == Compressed(data, ImageFormat.PNG, 400, 300, kept=True)


def test_kept_when_the_result_would_not_be_a_tenth_smaller():
    data = saved(photo(), "JPEG", quality=54, optimize=True)

    result = compress(data, ImageOptions(quality=50))

    assert quality_of(data) == 54
    assert 0.9 * len(data) < len(saved(opened(data), "JPEG", quality=50, optimize=True)) < len(data)
    assert (result.kept, result.data) == (True, data)


@pytest.mark.parametrize("saved_at", [20, 49, 50])
@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.JPEG, OutputFormat.ORIGINAL])
def test_a_jpeg_saved_at_the_quality_asked_or_a_lower_one_is_kept(saved_at, asked):
    # Default Huffman tables: encoding again would be more than a tenth smaller, and worse.
    data = saved(Image.new("RGB", (2_000, 1_000), "orange"), "JPEG", quality=saved_at, restart_marker_blocks=1)

    result = compress(data, ImageOptions(quality=50, format=asked))

    assert result == Compressed(data, ImageFormat.JPEG, 2_000, 1_000, kept=True)


def test_a_coarse_jpeg_is_encoded_again_where_that_saves_a_channel():
    result = compress(saved(photo(mode="CMYK"), "JPEG", quality=45), ImageOptions(quality=50))

    assert (result.kept, opened(result.data).mode) == (False, "RGB")


def test_a_coarse_jpeg_is_encoded_again_where_its_size_has_to_change():
    result = compress(saved(photo(), "JPEG", quality=20), ImageOptions(max_width=200))

    assert (result.kept, result.width) == (False, 200)


def test_a_coarse_jpeg_is_encoded_again_where_it_has_to_be_turned():
    result = compress(oriented(photo(), 3, "JPEG", quality=20), ImageOptions())

    assert (result.kept, opened(result.data).getexif().get(ORIENTATION, 1)) == (False, 1)


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_of_a_jpeg_is_read_exactly(quality):
    tables = opened(saved(Image.new("L", (8, 8)), "JPEG", quality=quality)).quantization  # type: ignore[attr-defined]

    again = opened(saved(Image.new("L", (8, 8)), "JPEG", quality=estimate_quality(tables))).quantization  # type: ignore[attr-defined]

    assert again == tables
    assert (estimate_quality(tables) or 0) <= quality


def test_a_jpeg_without_tables_has_no_quality():
    assert estimate_quality({}) is None


def test_a_format_that_is_asked_for_comes_even_when_it_is_larger():
    drawing = Image.new("1", (400, 300), 1)
    drawing.paste(0, (30, 40, 200, 150))
    data = saved(drawing, "PNG")

    result = compress(data, ImageOptions(format=OutputFormat.JPEG))

    assert (result.kept, result.format) == (False, "jpeg")
    assert len(result.data) > len(data)


def test_kept_where_the_format_asked_for_is_the_one_it_has():
    data = saved(photo(), "WEBP", quality=20)

    result = compress(data, ImageOptions(format=OutputFormat.WEBP, quality=60))

    assert (result.kept, result.data) == (True, data)


def test_kept_bytes_are_unchanged_metadata_and_all():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    data = saved(photo(), "JPEG", quality=40, exif=exif)

    assert compress(data, ImageOptions(metadata=Metadata.STRIP)).data == data


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
