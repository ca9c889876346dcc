"""Metadata: stripped of all but the profile, or kept and true of the upright picture."""

from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import ORIENTATION, corner_patch, opened, photo, rgb_profile, saved
from tests.support.private_files import exif_with_thumbnail


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


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("stored", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_orientation_in_xmp_alone_turns_nothing(stored, asked):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    places: dict[str, dict[str, Any]] = {"PNG": {"pnginfo": text}, "TIFF": {"tiffinfo": {700: xmp}}}
    settings = places.get(stored, {"xmp": xmp})

    result = compress(saved(photo(), stored, **settings), ImageOptions(format=asked, max_width=100))

    assert (result.width, result.height) == opened(result.data).size == (100, 75)
