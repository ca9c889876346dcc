"""How long a JPEG's first scan is at the least: what lies before it and behind it is not counted."""

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions
from process.codec.compress import compress
from process.codec.jpeg_segments import EOI, SOS, has_scan_of, segments
from tests.support.image_files import photo, saved
from tests.support.private_files import exif_with_thumbnail

PLAIN = saved(photo(320, 240), "JPEG", quality=90)
FILES = {
    "plain": PLAIN,
    "with a thumbnail": saved(
        photo(320, 240), "JPEG", quality=90, exif=exif_with_thumbnail(1, saved(photo(160, 120), "JPEG"))
    ),
    "with restarts": saved(photo(320, 240), "JPEG", quality=90, restart_marker_rows=1),
    "progressive": saved(photo(320, 240), "JPEG", quality=90, progressive=True),
    "followed by another": PLAIN + PLAIN,
    "without its end": PLAIN.removesuffix(EOI),
    "cut": PLAIN[: len(PLAIN) // 2],
}


@pytest.mark.parametrize("name", FILES)
def test_the_first_scan_has_as_many_bytes_as_it_has_and_no_more(name):
    data = FILES[name]
    scan = next(segment for segment in segments(data) if segment.marker == SOS)
    head = 2 + int.from_bytes(data[scan.begin + 2 : scan.begin + 4], "big")
    length = scan.end - scan.begin - head

    assert length > 100
    assert has_scan_of(data, length)
    assert not has_scan_of(data, length + 1)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda", b"\xff\xd8" + EOI, PLAIN[:300]]
)
def test_a_file_without_a_scan_has_none_of_any_length(data):
    assert not has_scan_of(data, 1)


def test_what_follows_a_picture_makes_no_encoding_of_it_worthwhile():
    coarse, large = saved(photo(320, 240), "JPEG", quality=30), saved(photo(320, 240), "JPEG", quality=95)
    assert len(large) > 2 * len(coarse)

    compressed = compress(coarse + large, ImageOptions())

    assert compressed.kept
    assert len(compressed.data) <= len(coarse)


def test_nor_does_what_comes_before_it():
    noise = Image.effect_noise((64, 64), 90)
    coarse = saved(noise, "JPEG", quality=30, comment=b"x" * 60_000)

    compressed = compress(coarse, ImageOptions())

    assert compressed.kept
    assert len(compressed.data) < 60_000
