"""A GIF in fewer bytes: the same frames, by both readers that we have."""

from io import BytesIO

import pytest
import pyvips
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imagemill.domain.options import ImageOptions
from process.codec.encode import Picture, encode
from process.codec.formats import ImageFormat
from process.codec.gif_packing import packed_gif
from process.codec.graphics import sharing_a_palette
from tests.support.image_files import photo, saved

Frames = list[tuple[bytes, int]]

shapes = st.lists(st.tuples(*[st.integers(0, 40)] * 4, st.integers(0, 255)), max_size=6)


def frames_of(data: bytes) -> tuple[Frames, object]:
    """Each frame as it is seen, what is clear without its colour, for how long; and how often all of it is shown."""
    with Image.open(BytesIO(data)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown = image.convert("RGBA")
            clear = Image.new("RGBA", shown.size)
            frames.append((Image.composite(shown, clear, shown.getchannel("A")).tobytes(), image.info["duration"]))
        return frames, image.info.get("loop")


def seen_by_vips(data: bytes) -> bytes:
    image = pyvips.Image.new_from_buffer(data, "", n=-1).colourspace("srgb")
    pixels: bytes = (image.flatten(background=255) if image.hasalpha() else image).write_to_memory()
    return pixels


def animated(
    size: tuple[int, int], drawings: list[list[tuple[int, ...]]], colours: int, *, is_clear: bool, **timing: int
) -> bytes:
    shots = []
    for shapes in drawings:
        shot = Image.new("RGBA" if is_clear else "RGB", size, (0, 0, 0, 0) if is_clear else "white")
        for left, top, across, down, shade in shapes:
            colour = (shade % colours * 3, 255 - shade % colours * 2, shade % colours)
            ImageDraw.Draw(shot).rectangle((left, top, left + across, top + down), fill=colour)
        shots.append(shot)
    return saved(shots[0], "GIF", save_all=True, append_images=shots[1:], disposal=2 if is_clear else 1, **timing)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    drawings=st.lists(shapes, min_size=1, max_size=4),
    colours=st.sampled_from([1, 2, 5, 16, 70]),
    is_clear=st.booleans(),
    loop=st.sampled_from([{}, {"loop": 0}, {"loop": 7}]),
)
@settings(max_examples=150, deadline=None)
def test_the_same_is_shown_in_no_more_bytes(size, drawings, colours, is_clear, loop):
    data = animated(size, drawings, colours, is_clear=is_clear, duration=70, **loop)

    packed = packed_gif(data)

    assert (len(packed) <= len(data), packed_gif(packed)) == (True, packed)
    assert frames_of(packed) == frames_of(data)
    assert seen_by_vips(packed) == seen_by_vips(data)


@pytest.mark.parametrize("colours", [2, 3, 4, 5, 16, 17, 128, 255, 256])
@pytest.mark.parametrize("interlace", [0, 1])
def test_every_size_of_codes_is_written_and_read(colours, interlace):
    data = saved(photo(300, 200).quantize(colours), "GIF", interlace=interlace, duration=10)

    assert frames_of(packed_gif(data)) == frames_of(data)


def test_frames_of_more_colours_than_a_palette_holds_keep_their_own():
    shots = [photo().rotate(angle).quantize(200) for angle in (0, 90, 180)]
    data = saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=[10, 20, 30])

    assert frames_of(packed_gif(data)) == frames_of(data)


def test_two_colours_take_two_bits_and_a_palette_of_two():
    data = saved(Image.new("P", (28, 28), 1), "GIF")

    assert (len(data) > 80, len(packed_gif(data)) < 60) == (True, True)


@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    drawings=st.lists(shapes, min_size=2, max_size=5),
    grows=st.booleans(),
    is_clear=st.booleans(),
)
@example(size=(1, 1), drawings=[[(0, 0, 0, 0, 0)], [], [(0, 0, 0, 0, 0)]], grows=False, is_clear=True)
@settings(max_examples=150, deadline=None)
def test_frames_are_written_as_they_are_whether_they_only_draw_or_clear(size, drawings, grows, is_clear):
    shots, shot = [], Image.new("RGBA", size, (0, 0, 0, 0) if is_clear else "white")
    for number, drawing in enumerate(drawings):
        shot = shot.copy() if grows else Image.new("RGBA", size, (0, 0, 0, 0) if is_clear else "white")
        for left, top, across, down, shade in drawing:
            ImageDraw.Draw(shot).rectangle((left, top, left + across, top + down), fill=(shade, number, 9))
        shots.append(shot)
    frames = sharing_a_palette(shots if is_clear else [shot.convert("RGB") for shot in shots], 256)

    data = encode(Picture(frames, tuple(range(10, 10 + 10 * len(frames), 10))), ImageFormat.GIF, ImageOptions())

    # Frames that show the same are one, shown for longer.
    wanted: Frames = []
    for number, frame in enumerate(frames):
        shown = Image.composite(frame.convert("RGBA"), Image.new("RGBA", size), frame.convert("RGBA").getchannel("A"))
        before = wanted.pop() if wanted and wanted[-1][0] == shown.tobytes() else (b"", 0)
        wanted.append((shown.tobytes(), before[1] + 10 + 10 * number))
    assert frames_of(data)[0] == wanted


def test_what_is_cleared_by_no_pixel_of_its_own_stays_clear():
    screen = b"GIF89a\x02\0\x01\0\x80\0\0" + b"\xff\0\0\0\0\xff"
    red = b"\x21\xf9\4\x09\5\0\1\0" + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    beside = b"\x21\xf9\4\x09\5\0\1\0" + b",\1\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    data = screen + red + beside + b";"

    assert frames_of(data)[0] == [(b"\xff\0\0\xff" + bytes(4), 50), (bytes(4) + b"\xff\0\0\xff", 50)]
    assert frames_of(packed_gif(data)) == frames_of(data)


@pytest.mark.parametrize("rows", [7, 9])
def test_a_frame_that_ends_early_or_late_is_none(rows):
    data = saved(photo(12, 8).quantize(16), "GIF", interlace=0)

    with pytest.raises(ValueError, match="end"):
        packed_gif(data.replace(b"\x0c\0\x08\0\0\x08", bytes((12, 0, rows, 0, 0, 8))))


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_part_of_a_file_is_no_file(part):
    data = saved(photo(100, 80).quantize(16), "GIF")

    with pytest.raises((ValueError, LookupError)):
        packed_gif(data[: int(len(data) * part)])
