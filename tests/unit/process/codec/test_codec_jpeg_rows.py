"""Whether every row of a JPEG is there, which its end does not tell."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, JpegImagePlugin

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from process.codec.compress import compress
from process.codec.jpeg_rows import Scans, load_scans
from tests.support.codec_output import fault_of
from tests.support.image_files import mean_difference, opened, photo, saved

EOI = b"\xff\xd9"
KINDS: list[dict[str, Any]] = [
    {},
    {"progressive": True},
    {"restart_marker_blocks": 7},
    {"restart_marker_rows": 1},
    {"subsampling": 0},
    {"subsampling": 1, "optimize": True},
]
RESTARTS: list[dict[str, Any]] = [{"restart_marker_rows": 1}, {"restart_marker_blocks": 7}]
MODES = ["RGB", "L", "CMYK"]


def jpeg(mode: str, settings: dict[str, Any], quality: int = 90) -> bytes:
    usable = {name: value for name, value in settings.items() if mode == "RGB" or name != "subsampling"}
    return saved(photo(240, 160, mode), "JPEG", quality=quality, **usable)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_is_the_picture(mode, kind, missing):
    data = jpeg(mode, kind)

    assert compress(data[:-missing], ImageOptions()).data == compress(data, ImageOptions()).data


@pytest.mark.parametrize("asked", list(OutputFormat))
def test_a_kept_jpeg_gets_its_end(asked):
    data = saved(photo(), "JPEG", quality=30, optimize=True)

    result = compress(data[:-2], ImageOptions(format=asked))

    assert mean_difference(opened(result.data), opened(data)) < 6


def test_a_kept_jpeg_gets_its_end_with_its_metadata():
    data = saved(photo(), "JPEG", quality=10, optimize=True, comment=b"mine")

    result = compress(data[:-2], ImageOptions(metadata=Metadata.KEEP, quality=95))

    assert (result.kept, result.data) == (True, data)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_what_follows_the_end_is_no_loss(mode, kind):
    data = jpeg(mode, kind)

    assert (
        compress(data + b"\0trailing \xff\xd8\xff\xe1 bytes", ImageOptions()).data
        == compress(data, ImageOptions()).data
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.6])
@pytest.mark.parametrize("end", [b"", EOI])
def test_a_jpeg_with_rows_missing_is_corrupt(mode, kind, part, end):
    data = jpeg(mode, kind)

    assert fault_of(data[: int(len(data) * part)] + end) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "progressive" not in kind], ids=str)
@pytest.mark.parametrize("part", [0.8, 0.95])
@pytest.mark.parametrize("options", [ImageOptions(), ImageOptions(max_width=30), ImageOptions(quality=95)])
def test_the_last_rows_of_a_baseline_jpeg_count_too(kind, part, options):
    data = jpeg("RGB", kind)

    assert fault_of(data[: int(len(data) * part)] + EOI, options) is ImageCode.CORRUPT_IMAGE


#: Without pixels, by pixels, at another scale of the decoder, and in another format.
WAYS = [
    ImageOptions(),
    ImageOptions(max_width=200),
    ImageOptions(max_width=30),
    ImageOptions(format=OutputFormat.WEBP),
    ImageOptions(format=OutputFormat.ORIGINAL, max_height=80),
]


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("part", [0.3, 0.85, 0.95, 0.99])
@pytest.mark.parametrize("kind", [{}, {"subsampling": 0}, *RESTARTS], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("end", [b"", EOI])
def test_a_progressive_jpeg_cut_in_its_last_scan_is_corrupt(mode, kind, part, end, options):
    data = jpeg(mode, kind | {"progressive": True})
    last = data.rindex(b"\xff\xda")
    cut = last + int((len(data) - last) * part)

    assert fault_of(data[:cut].rstrip(b"\xff") + end, options) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [{}, *RESTARTS], ids=str)
@pytest.mark.parametrize("size", [None, (100, 70), (30, 20)])
@pytest.mark.parametrize("behind", [b"", b"\0\0", b"\xff\xff", EOI + b"what follows"])
def test_what_is_whole_is_loaded_as_by_pillow(mode, kind, size, behind):
    data = jpeg(mode, kind | {"progressive": True})
    data = data.removesuffix(EOI) + behind + EOI
    wanted, image = (JpegImagePlugin.JpegImageFile(BytesIO(data)) for _ in range(2))
    for each in (wanted, image):
        each.draft(None, size)

    assert (load_scans(image, data, Scans.of(data)), image.tile) == (True, [])
    assert image.tobytes() == wanted.tobytes()


def test_what_is_damaged_elsewhere_or_has_one_scan_is_left_to_pillow():
    progressive, baseline = jpeg("RGB", {"progressive": True}), jpeg("RGB", {})
    frame, second = progressive.index(b"\xff\xc2"), progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    twice = progressive[:second] + progressive[frame : frame + 19] + progressive[second:]
    behind = progressive.removesuffix(EOI) + progressive[frame : frame + 19] + EOI

    for data in (baseline, twice, behind):
        image = JpegImagePlugin.JpegImageFile(BytesIO(data))
        assert (load_scans(image, data, Scans.of(data)), len(image.tile)) == (True, 1)


@pytest.mark.parametrize("options", [ImageOptions(), ImageOptions(max_width=30)])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_picture_that_is_grey_where_it_ends_is_whole(kind, options):
    image = photo(240, 160)
    image.paste((128, 128, 128), (0, 80, 240, 160))

    assert compress(saved(image, "JPEG", quality=90, **kind), options).format == "jpeg"


def test_a_grey_picture_all_over_is_whole():
    for mode, colour in (("L", 128), ("RGB", (128, 128, 128)), ("CMYK", (0, 0, 0, 127))):
        assert compress(saved(Image.new(mode, (333, 222), colour), "JPEG"), ImageOptions()).width == 333
