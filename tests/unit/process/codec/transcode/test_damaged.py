"""What Pillow calls truncated never becomes a picture, and no bytes at all do any harm."""

from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from process.codec.transcode.jpeg import Transcoded, transcode
from process.codec.transcode.refusal import ALARMING, NotTranscodableError, Refusal
from tests.support.account import PROJECT
from tests.support.image_files import photo, saved
from tests.support.jpeg_pictures import pictures
from tests.support.jpeg_writer import written

#: A picture has up to a hundred blocks of 64 numbers: on a busy machine that takes a while.
SLOW_TO_DRAW = [HealthCheck.too_slow]
WIDTH, HEIGHT = 72, 56
SOURCES = {
    "baseline": saved(photo(WIDTH, HEIGHT), "JPEG", quality=85),
    "progressive": saved(photo(WIDTH, HEIGHT), "JPEG", quality=85, progressive=True, subsampling="4:4:4"),
    "restarts": saved(photo(WIDTH, HEIGHT), "JPEG", quality=85, restart_marker_blocks=2),
    "grey": saved(photo(WIDTH, HEIGHT, "L"), "JPEG", quality=85),
}


def answer(data: bytes) -> Transcoded | Refusal:
    try:
        return transcode(data, 50, pixels=WIDTH * HEIGHT)
    except NotTranscodableError as refused:
        return refused.reason


def is_transcoded(data: bytes) -> bool:
    made = answer(data)
    if isinstance(made, Refusal):
        assert made not in ALARMING
        return False
    with Image.open(BytesIO(made.data)) as image:
        image.load()
        assert image.size == (made.width, made.height)
    return True


def is_read_by_pillow(data: bytes) -> bool:
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
    except Exception:  # noqa: BLE001 - on damaged files Pillow has raised every kind there is
        return False
    return True


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_cut_anywhere_is_refused(kind):
    data = SOURCES[kind]
    for length in range(0, len(data), 7):
        assert not is_transcoded(data[:length])
    assert not is_transcoded(data[:-1])
    assert is_transcoded(data)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_cut_and_ended_properly_is_refused(kind):
    """Whose lower part would be grey."""
    data = SOURCES[kind]
    begin = data.rindex(b"\xff\xda") + 14
    for length in range(begin, len(data) - 3, 5):
        assert not is_transcoded(data[:length] + b"\xff\xd9")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_with_a_piece_missing_is_refused_where_rows_would_be(kind):
    data = SOURCES[kind]
    begin = data.rindex(b"\xff\xda") + 14
    for start in range(begin, len(data) - 60, 11):
        mutilated = data[:start] + data[start + 40 :]
        if is_transcoded(mutilated):
            assert is_read_by_pillow(mutilated)


@given(st.sampled_from(sorted(SOURCES)), st.data())
@settings(deadline=None, max_examples=150)
def test_mutated_files_give_a_picture_only_where_pillow_gives_one(kind, data):
    mutated = bytearray(SOURCES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(2, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    if is_transcoded(bytes(mutated)):
        assert is_read_by_pillow(bytes(mutated))


@given(pictures(), st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=SLOW_TO_DRAW)
def test_mutated_pictures_of_any_kind_end_in_an_answer(picture, data):
    mutated = bytearray(written(picture))
    mutated[data.draw(st.integers(2, len(mutated) - 1))] ^= data.draw(st.integers(1, 255))
    if is_transcoded(bytes(mutated)):
        assert is_read_by_pillow(bytes(mutated))


@pytest.mark.parametrize("path", sorted((PROJECT / "transcoder/fuzz/corpus").iterdir()), ids=lambda path: path.name[:8])
def test_what_the_fuzzer_has_found_ends_in_an_answer(path):
    """Its first byte chooses what is asked for; see transcoder/fuzz/fuzz.c."""
    choice, *_ = path.read_bytes()
    data = path.read_bytes()[1:]
    reasons = []
    try:
        transcode(data, 50, pixels=1_000_000, orientation=1 + (choice & 7), progressive=bool(choice & 8))
    except NotTranscodableError as refused:
        reasons.append(refused.reason)
    assert not ALARMING.intersection(reasons)


def test_bytes_that_are_left_over_before_a_marker_are_refused():
    data = SOURCES["baseline"]
    assert answer(data[:-2] + b"\x12\x34\x56" + data[-2:]) is Refusal.DAMAGED
