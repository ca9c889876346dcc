"""Colours, and grey with alpha, of sixteen bits: the right values, and every shade that eight bits can show."""

import struct
import zlib
from itertools import pairwise

import pytest

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import channels_at, opened, png_chunk

WIDTH, HEIGHT = 256, 64
#: Colour types of PNG by their channels (PNG specification, 11.2.2).
CHANNELS = {2: 3, 4: 2, 6: 4}
SCALES = [None, 200, 128, 50]


def value_at(x: float, channel: int) -> float:
    """Across the picture: rising, falling, flat and half clear, of 65,535."""
    return (x * 65_535 / (WIDTH - 1), 65_535 - x * 65_535 / (WIDTH - 1), 30_000.0, 50_000.0)[channel]


def deep_png(colour_type: int) -> bytes:
    channels = [0, 3] if colour_type == 4 else range(CHANNELS[colour_type])
    row = b"".join(struct.pack(">H", int(value_at(x, channel))) for x in range(WIDTH) for channel in channels)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colour_type, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * HEIGHT)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("asked", [OutputFormat.ORIGINAL, OutputFormat.AUTO, OutputFormat.WEBP, OutputFormat.AVIF])
@pytest.mark.parametrize("max_width", SCALES)
@pytest.mark.parametrize("colour_type", CHANNELS)
def test_the_values_are_right_at_every_size(colour_type, max_width, asked):
    result = compress(deep_png(colour_type), ImageOptions(format=asked, max_width=max_width, quality=95))

    shown = opened(result.data).convert("RGBA")
    for part in range(1, 8):
        x = shown.width * part // 8
        at = (x + 0.5) * WIDTH / shown.width - 0.5
        grey = [value_at(at, 0)] * 3 if colour_type == 4 else [value_at(at, channel) for channel in range(3)]
        expected = [*grey, 65_535 if colour_type == 2 else value_at(at, 3)]
        got = channels_at(shown, x, shown.height // 2)
        assert all(abs(one - other / 257) <= 4 for one, other in zip(got, expected, strict=True)), (got, expected)


@pytest.mark.parametrize("max_width", SCALES)
@pytest.mark.parametrize("colour_type", CHANNELS)
def test_no_shade_is_lost(colour_type, max_width):
    result = compress(deep_png(colour_type), ImageOptions(format=OutputFormat.ORIGINAL, max_width=max_width))

    shown = opened(result.data).convert("RGBA")
    row = [channels_at(shown, x, shown.height // 2)[0] for x in range(shown.width)]
    assert row == sorted(row)
    # What is half clear is scaled as it is seen, in fewer shades.
    assert len(set(row)) >= shown.width * (0.95 if colour_type == 2 else 0.75)
    assert max(right - left for left, right in pairwise(row)) <= 256 / shown.width + 2


def test_sixteen_bits_a_channel_stay_where_the_size_does():
    for colour_type in CHANNELS:
        data = compress(deep_png(colour_type), ImageOptions(format=OutputFormat.ORIGINAL)).data
        assert data[24] == 16
