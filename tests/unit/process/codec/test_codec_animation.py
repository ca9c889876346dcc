"""Animations keep their frames, their times and their loops."""

import struct
from typing import Any

import pytest
from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import BLUE, GREEN, ORIENTATION, RED, WHITE, corner_patch, opened, png_chunk, saved
from tests.support.pixels import DURATIONS, animation, frames_of, near, rgb_at

LOSSLESS: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "GIF": {"disposal": 2}, "AVIF": {"quality": 100}}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("max_width", [None, 32])
@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.ORIGINAL, OutputFormat.AVIF])
@pytest.mark.parametrize("stored", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_keeps_its_frames_and_their_times(stored, asked, max_width, mode):
    settings = LOSSLESS.get(stored, {})

    result = compress(animation(stored, mode, **settings), ImageOptions(format=asked, max_width=max_width, quality=90))

    shots, durations = frames_of(result.data)
    assert durations == DURATIONS
    for number, (shot, colour) in enumerate(zip(shots, (RED, GREEN, BLUE), strict=True)):
        assert shot.size == (result.width, result.height)
        assert near(shot.getpixel((result.width - 2, 5)), (*colour, 255), 40)
        inside = shot.getpixel(((number * 16 + 8) * result.width // 64, 20))
        assert isinstance(inside, tuple)
        assert (inside[3] < 20) is (mode == "RGBA")


@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.ORIGINAL])
@pytest.mark.parametrize(
    ("stored", "loop", "plays"),
    [("GIF", None, 1), ("GIF", 0, 0), ("GIF", 2, 3), ("PNG", 0, 0), ("PNG", 2, 2), ("WEBP", 3, 3)],
)
def test_an_animation_is_shown_as_often_as_before(stored, loop, plays, asked):
    data = animation(stored, **({} if loop is None else {"loop": loop}))

    result = opened(compress(data, ImageOptions(format=asked, max_width=32)).data)

    gif_loop = {0: 0, 1: None}.get(plays, plays - 1)
    assert result.info.get("loop") == (gif_loop if result.format == "GIF" else plays)


@pytest.mark.parametrize("stored", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_jpeg_of_an_animation_is_its_first_frame(stored):
    result = compress(animation(stored), ImageOptions(format=OutputFormat.JPEG))

    assert near(rgb_at(result.data, 9, 9), RED, 40)


def test_the_still_that_an_apng_holds_for_old_viewers_is_no_frame_of_it():
    shots = [Image.new("RGB", (64, 48), colour) for colour in (WHITE, RED, GREEN, BLUE)]
    data = saved(shots[0], "PNG", save_all=True, append_images=shots[1:], default_image=True, duration=DURATIONS)

    shots, durations = frames_of(compress(data, ImageOptions(format=OutputFormat.WEBP)).data)

    assert (len(shots), durations) == (3, DURATIONS)
    assert near(shots[0].getpixel((9, 9)), (*RED, 255), 40)


def test_a_turned_animation_is_upright_in_every_frame():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = [corner_patch().transpose(Image.Transpose.ROTATE_90), Image.new("RGB", (64, 96), BLUE)]
    data = saved(lying[0], "WEBP", save_all=True, append_images=lying[1:], duration=100, exif=exif)

    shots, _ = frames_of(compress(data, ImageOptions()).data)

    assert [shot.size for shot in shots] == [(96, 64), (96, 64)]
    assert near(shots[0].getpixel((8, 8)), (*RED, 255), 40)


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        chunks.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def renumbered(name: bytes, content: bytes) -> tuple[bytes, bytes]:
    return name, (7).to_bytes(4, "big") + content[4:]


@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.ORIGINAL, OutputFormat.JPEG])
@pytest.mark.parametrize(
    "disorder",
    [
        lambda chunks: [chunk for chunk in chunks if chunk[0] != b"fcTL"],
        lambda chunks: [chunk for chunk in chunks if chunk[0] != b"fdAT"],
        lambda chunks: [renumbered(*chunk) if chunk[0] == b"fdAT" else chunk for chunk in chunks],
        lambda chunks: [(name, b"\0\0\0\1" + c[4:] if name == b"acTL" else c) for name, c in chunks],
        lambda chunks: [(name, b"\0" * 8 if name == b"acTL" else c) for name, c in chunks],
        lambda chunks: [(name, c[:12] + b"\0\0\0\1" + c[16:] if name == b"fcTL" else c) for name, c in chunks],
        lambda chunks: [twice for chunk in chunks for twice in [chunk] * (1 + (chunk[0] == b"fcTL"))],
        lambda chunks: [twice for chunk in chunks for twice in [chunk] * (1 + (chunk[0] == b"acTL"))],
        lambda chunks: sorted(chunks, key=lambda chunk: {b"acTL": 1, b"IEND": 2}.get(chunk[0], 0)),
    ],
    ids=["no fcTL", "no fdAT", "numbers", "too few", "none", "outside", "fcTL twice", "acTL twice", "acTL late"],
)
def test_an_apng_in_disorder_is_the_still_that_old_viewers_show(disorder, asked):
    shots = [Image.new("RGB", (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    data = saved(shots[0], "PNG", save_all=True, append_images=shots[1:], duration=70)
    disordered = data[:8] + b"".join(png_chunk(*chunk) for chunk in disorder(chunks_of(data)))

    result = compress(disordered, ImageOptions(format=asked))

    assert getattr(opened(result.data), "n_frames", 1) == 1
    assert near(rgb_at(result.data, 9, 9), RED, 40)
