"""What is only scaled down becomes no larger than its source, and still looks like it."""

from io import BytesIO
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageSequence, ImageStat

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from process.codec.gif_packing import packed_gif
from tests.support.image_files import mean_difference, opened, photo, saved
from tests.support.tiff_files import tiff

#: Sources that are written well: what a worse writer leaves over helps.
SOURCES: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "GIF": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "WEBP": {"lossless": True, "method": 6},
    "JPEG": {"quality": 30, "optimize": True},
    "AVIF": {"quality": 40},
}
STAYS = [OutputFormat.AUTO, OutputFormat.ORIGINAL]


def drawn(size: tuple[int, int], shapes: list[tuple[int, ...]], mode: str) -> Image.Image:
    colours = ("navy", "orange", "teal", "white", "black", "#c00", "#9ab", "#fe0")
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for left, top, across, down, colour in shapes:
        box = (left, top, left + across, top + down)
        (pen.rectangle if colour % 2 else pen.ellipse)(box, fill=colours[colour])
    return image.quantize(8, dither=Image.Dither.NONE) if mode == "P" else image.convert(mode)


def on_white(image: Image.Image) -> Image.Image:
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)


def tight(image: Image.Image, source: str, **settings: Any) -> bytes:
    data = saved(image, source, **settings)
    return packed_gif(data) if source == "GIF" else data


@given(
    size=st.tuples(st.integers(3, 120), st.integers(3, 120)),
    shapes=st.lists(st.tuples(*[st.integers(0, 100)] * 2, *[st.integers(0, 40)] * 2, st.integers(0, 7)), max_size=8),
    mode=st.sampled_from(["RGB", "L", "P", "1"]),
    source=st.sampled_from(sorted(SOURCES)),
    part=st.floats(0.3, 0.99),
    asked=st.sampled_from(STAYS),
)
@example(size=(7, 51), shapes=[], mode="1", source="TIFF", part=0.875, asked=OutputFormat.ORIGINAL)
@settings(max_examples=150, deadline=None)
def test_no_drawing_becomes_larger(size, shapes, mode, source, part, asked):
    writable = {"BMP": "L P RGB 1", "GIF": "L P 1", "WEBP": "RGB", "JPEG": "RGB L", "AVIF": "RGB"}.get(source, mode)
    image = drawn(size, shapes, mode)
    data = tight(image if mode in writable.split() else image.convert("RGB"), source, **SOURCES[source])

    result = compress(data, ImageOptions(format=asked, max_width=max(1, int(size[0] * part))))

    # A file of these lengths is its headers: less there is not.
    assert len(result.data) <= max(len(data), {"AVIF": 330, "TIFF": 180}.get(source, 80))


@pytest.mark.parametrize("asked", STAYS)
@pytest.mark.parametrize("source", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("frames", [2, 5])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("side", [16, 100])
def test_no_small_animation_becomes_larger(source, asked, frames, mode, side):
    shots = []
    for number in range(frames):
        shot = Image.new(mode, (side, side), (0, 0, 0, 0) if mode == "RGBA" else "white")
        place = number * side // 8
        ImageDraw.Draw(shot).ellipse((place, place, place + side // 3, place + side // 3), "orange", "teal")
        shots.append(shot)
    settings: dict[str, Any] = {"lossless": True} if source == "WEBP" else {"disposal": 2} if source == "GIF" else {}
    data = tight(shots[0], source, save_all=True, append_images=shots[1:], duration=80, loop=0, **settings)

    result = compress(data, ImageOptions(format=asked, max_width=side * 9 // 10))

    assert (result.width, len(result.data) <= len(data)) == (side * 9 // 10, True)


@pytest.mark.parametrize("asked", STAYS)
@pytest.mark.parametrize("colours", [1, 2, 3])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("size", [(3, 1), (9, 9), (32, 32)])
def test_no_gif_of_a_hundred_bytes_becomes_larger(size, frames, colours, asked):
    shots = []
    for number in range(frames):
        shot = Image.new("P", size)
        shot.putpalette([250, 240, 230, 20, 30, 200, 200, 30, 20])
        shot.paste(number % colours, (number, 0, size[0], 1))
        shots.append(shot)
    data = tight(
        shots[0], "GIF", **({"save_all": True, "append_images": shots[1:], "duration": 90} if frames > 1 else {})
    )

    result = compress(data, ImageOptions(format=asked, max_width=size[0] * 9 // 10))

    # A WebP of one colour is larger than the smallest GIF.
    assert len(result.data) <= max(len(data), 44 if result.format == "webp" else 0)


def test_a_gif_that_only_draws_more_stays_what_it_shows():
    shots, chance = [], Random(3)
    shot = Image.new("RGBA", (100, 100))
    ImageDraw.Draw(shot).ellipse((5, 5, 95, 95), "skyblue", "navy")
    for place in (10, 35, 60):
        icon = Image.frombytes("L", (8, 8), chance.randbytes(64)).quantize(4).resize((24, 24), Image.Resampling.NEAREST)
        shot.paste(icon.convert("RGBA"), (place, place))
        shots.append(shot.copy())
    data = tight(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=90, disposal=1)

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=90))

    shown = [on_white(frame) for frame in ImageSequence.Iterator(Image.open(BytesIO(result.data)))]
    wanted = [on_white(shot).resize((90, 90)) for shot in shots]
    worst = max(mean_difference(one, other) for one, other in zip(shown, wanted, strict=True))
    assert (len(result.data) <= len(data), worst < 10) == (True, True)


def test_no_small_tiff_becomes_larger_for_its_palette():
    data = tiff(10, 10, {258: (1,), 262: (3,), 320: (0, 0, 32_896, 0, 0, 0)}, bytes(20))

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=9))

    assert (result.format, len(result.data) <= len(data)) == ("tiff", True)


@pytest.mark.parametrize("asked", STAYS)
def test_frames_that_show_the_same_become_one_where_each_would_be_too_much(asked):
    # The other formats' writers see to it themselves.
    data = saved(photo(40, 40), "AVIF", save_all=True, append_images=[photo(40, 40)] * 3, duration=50, quality=40)
    assert getattr(opened(data), "n_frames", 1) == 4

    result = compress(data, ImageOptions(format=asked, max_width=36))

    assert (getattr(opened(result.data), "n_frames", 1), len(result.data) <= len(data)) == (1, True)


@pytest.mark.parametrize(("source", "width", "height", "narrow"), [("GIF", 52, 22, 41), ("PNG", 29, 44, 23)])
def test_a_pattern_of_single_pixels_becomes_coarser_in_the_end(source, width, height, narrow):
    board = Image.frombytes("L", (width, height), bytes((x + y) % 2 * 255 for y in range(height) for x in range(width)))
    data = tight(board.convert("1"), source, **SOURCES[source])

    assert len(compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=narrow)).data) <= len(data)


@pytest.mark.parametrize("asked", STAYS)
def test_of_what_is_small_enough_the_one_that_looks_best_is_taken(asked):
    chance = Random(7)
    shapes = [
        (*[chance.randrange(90) for _ in range(2)], *[chance.randrange(3, 20) for _ in range(2)], number % 8)
        for number in range(90)
    ]
    image = drawn((96, 96), shapes, "RGB")
    data = saved(image.quantize(8, dither=Image.Dither.NONE), "PNG", optimize=True)

    result = compress(data, ImageOptions(format=asked, max_width=86))

    shown = opened(result.data).convert("RGB")
    wanted = image.resize(shown.size, Image.Resampling.LANCZOS)
    blurred = ImageChops.difference(shown.reduce(4), wanted.reduce(4))
    assert (len(result.data) <= len(data), max(ImageStat.Stat(blurred).mean) < 8) == (True, True)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("source", ["JPEG", "WEBP", "AVIF", "PNG", "TIFF"])
@pytest.mark.parametrize("part", [0.99, 0.9, 0.6])
@pytest.mark.parametrize("asked", STAYS)
def test_no_photograph_becomes_larger(mode, source, part, asked):
    data = saved(photo(160, 120, mode), source, **SOURCES[source])

    result = compress(data, ImageOptions(format=asked, quality=90, max_width=int(160 * part)))

    shown = opened(result.data).convert("RGB")
    wanted = photo(160, 120, mode).convert("RGB").resize(shown.size, Image.Resampling.LANCZOS)
    assert (result.width, len(result.data) <= len(data)) == (int(160 * part), True)
    assert mean_difference(shown, wanted) < 16
