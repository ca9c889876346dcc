"""Which images are kept as they came, because encoding them again gains too little."""

import pytest
from PIL import ExifTags, Image

from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import Compressed, ImageFormat, compress
from tests.support.codec_output import quality_of
from tests.support.image_files import ORIENTATION, opened, oriented, photo, saved


def test_kept_when_the_result_would_be_larger():
    drawing = Image.new("1", (400, 300), 1)
    drawing.paste(0, (30, 40, 200, 150))
    data = saved(drawing, "PNG")

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL))

    assert result == Compressed(data, ImageFormat.PNG, 400, 300, kept=True)


def test_kept_when_the_result_would_not_be_a_tenth_smaller():
    data = saved(photo(), "JPEG", quality=60, optimize=True)

    result = compress(data, ImageOptions(quality=50))

    assert quality_of(data) == 60
    assert 0.9 * len(data) < len(saved(opened(data), "JPEG", quality=50, optimize=True)) < len(data)
    # The very object, which nobody need store apart from the input.
    assert (result.kept, result.data is data) == (True, True)


@pytest.mark.parametrize("saved_at", [20, 40])
@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.JPEG, OutputFormat.ORIGINAL])
def test_a_jpeg_that_encoding_again_would_make_larger_is_kept(saved_at, asked):
    data = saved(photo(), "JPEG", quality=saved_at, optimize=True)

    result = compress(data, ImageOptions(quality=50, format=asked))

    assert (result.kept, result.data, result.width) == (True, data, 320)


def test_a_jpeg_of_the_quality_asked_is_encoded_again_where_that_is_measured_to_be_smaller():
    # Default Huffman tables, and a restart after every block.
    data = saved(Image.new("RGB", (2_000, 1_000), "orange"), "JPEG", quality=50, restart_marker_blocks=1)

    result = compress(data, ImageOptions(quality=50))

    assert (result.kept, len(result.data) < 0.9 * len(data)) == (False, True)


def test_a_coarse_jpeg_is_encoded_again_where_that_saves_a_channel():
    result = compress(saved(photo(mode="CMYK"), "JPEG", quality=45), ImageOptions(quality=50))

    assert (result.kept, opened(result.data).mode) == (False, "RGB")


def test_a_coarse_jpeg_is_encoded_again_where_its_size_has_to_change():
    data = saved(photo(), "JPEG", quality=20, optimize=True)

    result = compress(data, ImageOptions(max_width=310))

    assert (result.kept, result.width, len(result.data) > 0.9 * len(data)) == (False, 310, True)


def test_a_coarse_jpeg_is_encoded_again_where_it_has_to_be_turned():
    result = compress(oriented(photo(), 3, "JPEG", quality=20), ImageOptions())

    assert (result.kept, opened(result.data).getexif().get(ORIENTATION, 1)) == (False, 1)


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


@pytest.mark.parametrize("metadata", [Metadata.STRIP, Metadata.KEEP])
def test_kept_bytes_are_unchanged_where_metadata_is_kept_too(metadata):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    data = saved(photo(), "JPEG", quality=40, optimize=True, exif=exif)

    result = compress(data, ImageOptions(metadata=metadata))

    assert (result.kept, result.data == data) == (True, metadata is Metadata.KEEP)
    assert opened(result.data).tobytes() == opened(data).tobytes()
