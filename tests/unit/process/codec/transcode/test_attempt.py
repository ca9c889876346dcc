"""Which images the codec transcodes, and that nothing but speed tells it from the way through pixels."""

import pytest
from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from imagemill.kept import forget
from process.codec.compress import Compressed, ImageError, compress
from process.codec.transcode import jpeg, sandbox
from process.codec.transcode.refusal import TRANSCODED, Refusal
from tests.support.image_files import ORIENTATION, grey_profile, opened, oriented, photo, rgb_profile, saved

KEEP = ImageOptions(metadata=Metadata.KEEP)


def both_ways(data: bytes, options: ImageOptions, monkeypatch) -> tuple[Compressed, Compressed]:
    """Transcoded, and through pixels."""
    transcoded = compress(data, options)
    assert transcoded.way == TRANSCODED
    with monkeypatch.context() as patch:
        patch.setattr(jpeg, "sandbox", lambda: None)
        by_pixels = compress(data, options)
    assert by_pixels.way is Refusal.UNAVAILABLE
    return transcoded, by_pixels


def tags_of(image: Image.Image) -> dict[str, object]:
    return {
        "icc": image.info.get("icc_profile"),
        "exif": image.info.get("exif"),
        "xmp": image.info.get("xmp"),
        "mode": image.mode,
        "size": image.size,
        "dpi": image.info.get("dpi"),
        "comment": image.info.get("comment"),
        "tables": image.quantization,  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("options", [ImageOptions(), KEEP, ImageOptions(quality=80)], ids=["strip", "keep", "80"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("profile", [None, rgb_profile(), grey_profile(2.2)], ids=["none", "RGB", "of grey"])
def test_what_is_written_beside_the_picture_is_the_same(options, orientation, profile, monkeypatch):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    settings = {"icc_profile": profile, "xmp": xmp, "comment": b"a remark", "dpi": (300, 300)}
    data = oriented(photo(160, 128), orientation, "JPEG", quality=95, **settings)

    transcoded, by_pixels = both_ways(data, options, monkeypatch)

    assert tags_of(opened(transcoded.data)) == tags_of(opened(by_pixels.data))
    assert (transcoded.width, transcoded.height) == (by_pixels.width, by_pixels.height)
    assert opened(transcoded.data).getexif().get(ORIENTATION, 1) == 1


@pytest.mark.parametrize("image_format", [OutputFormat.AUTO, OutputFormat.JPEG, OutputFormat.ORIGINAL])
def test_a_jpeg_that_stays_one_is_transcoded(image_format, fine_jpeg):
    assert compress(fine_jpeg, ImageOptions(format=image_format)).way == TRANSCODED


@pytest.mark.parametrize(
    "options", [ImageOptions(max_width=100), ImageOptions(format=OutputFormat.WEBP)], ids=["resized", "webp"]
)
def test_another_size_or_format_is_no_question(options, fine_jpeg):
    assert compress(fine_jpeg, options).way is None


def test_a_png_is_no_question(clear_png):
    assert compress(clear_png, ImageOptions(format=OutputFormat.JPEG)).way is None


def test_cmyk_goes_through_pixels():
    cmyk = compress(saved(photo().convert("CMYK"), "JPEG", quality=95), ImageOptions())
    assert opened(cmyk.data).mode == "RGB"


def test_a_picture_that_would_not_become_smaller_is_kept():
    data = saved(photo(), "JPEG", quality=52, progressive=True)

    compressed = compress(data, ImageOptions(quality=51))

    assert compressed.kept
    assert compressed.data is data
    assert compressed.way == TRANSCODED


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_truncated_picture_is_corrupt_either_way(settings):
    data = saved(photo(), "JPEG", quality=92, **settings)
    for length in (len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(ImageError) as fault:
            compress(data[:length], ImageOptions())
        assert fault.value.code is ImageCode.CORRUPT_IMAGE


def test_a_photograph_that_has_to_be_turned_at_a_partial_block_is_turned_by_pixels():
    compressed = compress(oriented(photo(120, 90), 6, "JPEG", quality=95), ImageOptions())

    assert compressed.way is Refusal.ORIENTATION
    assert (compressed.width, compressed.height) == (120, 90)


def test_without_a_sandbox_everything_goes_through_pixels(fine_jpeg, monkeypatch, tmp_path):
    forget()
    monkeypatch.setattr(sandbox, "MODULE", tmp_path / "missing.wasm")
    try:
        compressed = compress(fine_jpeg, ImageOptions())
    finally:
        forget()
    assert compressed.way is Refusal.UNAVAILABLE
    assert opened(compressed.data).size == (320, 240)


def test_it_is_progressive_where_that_is_asked(fine_jpeg, monkeypatch):
    transcoded, by_pixels = both_ways(fine_jpeg, ImageOptions(progressive=True), monkeypatch)

    assert opened(transcoded.data).info["progressive"]
    assert len(transcoded.data) <= len(by_pixels.data) * 1.05
