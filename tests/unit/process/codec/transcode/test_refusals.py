"""What has to go through pixels, and the reason that is told."""

import struct
from dataclasses import replace

import pytest
from PIL import Image

from process.codec.transcode.jpeg import transcode
from process.codec.transcode.refusal import NotTranscodableError, Refusal
from tests.support.image_files import photo, saved
from tests.support.jpeg_writer import Picture, Plane, Scan, written

FINE = [1] * 64
FLAT = [8, *[0] * 63]


def plane(h: int = 1, v: int = 1) -> Plane:
    return Plane(h, v, [[FLAT] * h for _ in range(v)], (h, v))


def colour(luma: tuple[int, int] = (1, 1), cb: tuple[int, int] = (1, 1), cr: tuple[int, int] = (1, 1)) -> Picture:
    planes = [plane(*factors) for factors in (luma, cb, cr)]
    return Picture(8 * luma[0], 8 * luma[1], planes, {0: FINE}, (0, 0, 0))


GREY = Picture(8, 8, [plane()], {0: FINE}, (0,))
PROGRESSIVE = replace(GREY, progressive=True, scans=[Scan((0,), 0, 0), Scan((0,), 1, 63)])


def reason_of(data: bytes, **settings) -> Refusal:
    with pytest.raises(NotTranscodableError) as refused:
        transcode(data, 50, pixels=64, **settings)
    return refused.value.reason


def frame_marker(data: bytes, marker: int) -> bytes:
    return data.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)


def application(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_lossless_hierarchical_and_arithmetic_processes(marker):
    assert reason_of(frame_marker(written(GREY), marker)) is Refusal.CODING_PROCESS


def test_twelve_bits():
    data = written(GREY)
    at = data.index(b"\xff\xc0") + 4
    assert reason_of(data[:at] + b"\x0c" + data[at + 1 :]) is Refusal.CODING_PROCESS


def test_a_height_that_is_told_late():
    assert reason_of(written(replace(GREY, height=0))) is Refusal.CODING_PROCESS


def test_cmyk():
    assert reason_of(saved(photo().convert("CMYK"), "JPEG")) is Refusal.COLOUR_SPACE


def test_rgb_by_its_names():
    assert reason_of(written(replace(colour(), ids=(82, 71, 66)))) is Refusal.COLOUR_SPACE


def test_rgb_by_adobes_word():
    adobe = application(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    assert reason_of(written(replace(colour(), segments=adobe))) is Refusal.COLOUR_SPACE
    jfif = application(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    assert transcode(written(replace(colour(), segments=jfif + adobe)), 50, pixels=64)


@pytest.mark.parametrize(
    "factors",
    [((4, 1), (1, 1), (1, 1)), ((2, 1), (2, 1), (1, 1)), ((1, 1), (2, 1), (2, 1)), ((1, 4), (1, 1), (1, 1))],
)
def test_samplings_that_halving_does_not_bring_to_420(factors):
    assert reason_of(written(colour(*factors))) is Refusal.SAMPLING


def test_quantisers_of_sixteen_bits_of_zero_and_of_cr_alone():
    data = written(GREY)
    wide = application(0xDB, bytes((0x10, *struct.pack(">64H", *[300] * 64))))
    at = data.index(b"\xff\xc0")
    assert reason_of(data[:at] + wide + data[at:]) is Refusal.TABLES
    assert reason_of(written(replace(GREY, quantisers={0: [0, *FINE[1:]]}))) is Refusal.TABLES
    assert reason_of(written(replace(colour(), quantisers={0: FINE, 1: [2] * 64}, slots=(0, 0, 1)))) is Refusal.TABLES


@pytest.mark.parametrize(
    "scans",
    [
        [Scan((0,), 0, 0)],
        [Scan((0,), 0, 0, 0, 1), Scan((0,), 1, 63)],
        [Scan((0,), 1, 63), Scan((0,), 0, 0)],
        [Scan((0,), 0, 0), Scan((0,), 1, 63, 0, 2), Scan((0,), 1, 63, 1, 0)],
        [Scan((0,), 0, 0), Scan((0,), 1, 63), Scan((0,), 1, 63)],
        [Scan((0,), 0, 0), *(Scan((0,), k, k) for k in range(1, 64))],
    ],
    ids=["no AC", "DC without its last bit", "AC first", "a bit left out", "twice", "too many bands"],
)
def test_progressions_that_are_incomplete_or_out_of_order(scans):
    assert reason_of(written(replace(PROGRESSIVE, scans=scans))) is Refusal.SCANS


def test_a_file_of_many_scans():
    scans = [Scan((0,), 0, 0, 0, 1), *[Scan((0,), 0, 0, 1, 0)] * 100]
    assert reason_of(written(replace(PROGRESSIVE, scans=scans))) is Refusal.SCANS


def test_two_frames():
    data = written(GREY)
    at, end = data.index(b"\xff\xc0"), data.index(b"\xff\xc4")
    assert reason_of(data[:end] + data[at:end] + data[end:]) is Refusal.CODING_PROCESS


@pytest.mark.parametrize(("width", "height", "turns"), [(24, 16, {2, 3, 7, 8}), (16, 24, {3, 4, 6, 7})])
def test_partial_blocks_at_an_edge_that_moves(width, height, turns):
    data = saved(photo(width, height), "JPEG", quality=90)
    for orientation in range(2, 9):
        if orientation in turns:
            assert reason_of(data, orientation=orientation) is Refusal.ORIENTATION
        else:
            assert transcode(data, 50, pixels=width * height, orientation=orientation)


def test_coefficients_that_the_target_cannot_hold():
    coarse = [255] * 64
    wild = replace(GREY, planes=[Plane(1, 1, [[[900, *[0] * 63]]], (1, 1))], quantisers={0: coarse})
    assert reason_of(written(wild)) is Refusal.DAMAGED


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\xff\xd8\0\0\0\0"])
def test_what_is_hardly_a_file(data):
    assert reason_of(data) in {Refusal.MALFORMED, Refusal.TRUNCATED}


def test_more_pixels_than_the_contract_has():
    data = written(replace(GREY, width=40_000, height=40_000))
    assert reason_of(data) is Refusal.MEMORY


@pytest.mark.parametrize("marker", [0x02, 0xBF, 0xD0, 0xD8, 0xF0, 0xF7, 0xFD])
def test_markers_that_libjpeg_stumbles_over(marker):
    data = written(GREY)
    assert reason_of(data[:2] + application(marker, b"?") + data[2:]) is Refusal.MALFORMED


@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xED, 0xEF, 0xFE])
def test_segments_of_applications_are_passed_over(marker):
    data = written(GREY)
    assert transcode(data[:2] + application(marker, b"?") + data[2:], 50, pixels=64)


def test_a_picture_in_a_picture_is_not_looked_at():
    """An MPO's second view, and whatever else comes behind the end."""
    data = saved(Image.new("RGB", (16, 16)), "JPEG")
    assert transcode(data + data + b"trailing", 50, pixels=256) == transcode(data, 50, pixels=256)
