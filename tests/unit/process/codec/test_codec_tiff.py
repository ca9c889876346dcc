"""TIFF in its layouts: read right, or refused by name, and never as noise."""

import struct

import pytest
from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.codec_output import fault_of, refusal_of
from tests.support.image_files import channels_at, mean_difference, opened, photo, saved
from tests.support.tiff_files import tiff

WIDTH, HEIGHT = 64, 48
RGB = {262: (2,), 277: (3,)}


def channel_values(number: int) -> list[int]:
    return [[x * 4, y * 5, 78][number] for y in range(HEIGHT) for x in range(WIDTH)]


def expected() -> Image.Image:
    return Image.merge("RGB", [Image.frombytes("L", (WIDTH, HEIGHT), bytes(channel_values(n))) for n in range(3)])


def packed(values: list[int], bits: int, order: str) -> bytes:
    if bits == 8:
        return bytes(values)
    return struct.pack(f"{order}{len(values)}H", *(value * 257 for value in values))


@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.JPEG, OutputFormat.ORIGINAL])
@pytest.mark.parametrize("max_width", [None, 40])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_planes_give_their_colours(bits, order, max_width, asked):
    planes = [packed(channel_values(number), bits, order) for number in range(3)]
    data = tiff(WIDTH, HEIGHT, RGB | {258: (bits,) * 3, 284: (2,)}, *planes, order=order)

    result = opened(compress(data, ImageOptions(format=asked, max_width=max_width, quality=95)).data)

    assert mean_difference(result, expected().resize(result.size)) < 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_in_one_piece_give_their_colours(bits, order):
    values = [value for pixel in zip(*(channel_values(number) for number in range(3)), strict=True) for value in pixel]
    data = tiff(WIDTH, HEIGHT, RGB | {258: (bits,) * 3}, packed(values, bits, order), order=order)

    result = opened(compress(data, ImageOptions(format=OutputFormat.WEBP, quality=95)).data)

    assert mean_difference(result, expected()) < 4


def test_shared_colour_samples_are_no_noise():
    # YCbCr, four luminances to a pair of colours: 200 and grey.
    blocks = bytes((200,) * 4 + (128, 128)) * (WIDTH // 2 * HEIGHT // 2)
    data = tiff(WIDTH, HEIGHT, {258: (8, 8, 8), 262: (6,), 277: (3,), 530: (2, 2)}, blocks)

    result = opened(compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95)).data).convert("RGB")

    assert all(abs(value - 200) < 3 for value in channels_at(result, 30, 20))


CMYK_ALPHA = {258: (8,) * 5, 262: (5,), 277: (5,), 338: (2,)}
SOUND_BUT_NOT_READ = {
    "CMYK with alpha": tiff(WIDTH, HEIGHT, CMYK_ALPHA, bytes(WIDTH * HEIGHT * 5)),
    "floating point": tiff(WIDTH, HEIGHT, RGB | {258: (32,) * 3, 339: (3,) * 3}, bytes(WIDTH * HEIGHT * 12)),
    "32 bits a channel": tiff(WIDTH, HEIGHT, RGB | {258: (32,) * 3}, bytes(WIDTH * HEIGHT * 12)),
    "JPEG 2000": tiff(WIDTH, HEIGHT, RGB | {258: (8,) * 3}, bytes(900), compression=34_712),
    "WebP": tiff(WIDTH, HEIGHT, RGB | {258: (8,) * 3}, bytes(900), compression=50_001),
}


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("kind", SOUND_BUT_NOT_READ)
def test_what_is_not_read_and_not_damaged_is_refused_by_name(kind, asked):
    fault = refusal_of(SOUND_BUT_NOT_READ[kind], ImageOptions(format=asked))

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, "TIFF")


@pytest.mark.parametrize("kind", SOUND_BUT_NOT_READ)
def test_what_is_cut_off_is_corrupt_also_where_it_would_not_be_read(kind):
    assert fault_of(SOUND_BUT_NOT_READ[kind][:400]) is ImageCode.CORRUPT_IMAGE


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_half_a_tiff_is_corrupt(compression):
    data = saved(photo(), "TIFF", compression=compression)
    cut = data[: len(data) // 2] if data[4:8] == b"\x08\0\0\0" else data[:8] + bytes(4_000) + data[4_008:]

    assert fault_of(cut) is ImageCode.CORRUPT_IMAGE
