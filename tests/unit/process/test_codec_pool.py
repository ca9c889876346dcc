"""The codec's own processes: an image may end the one that it is in, and neither worker nor neighbours notice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import ExifTags, Image

import process.codec_pool
from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.budget import MemoryReservation
from process.children import CodecChild
from process.codec.compress import ImageError, compress
from process.codec.transcode.refusal import TRANSCODED
from process.codec_pool import CodecPool
from process.shared_file import KEPT_BYTES
from tests.support.bombs import BOMBS
from tests.support.image_files import photo, saved
from tests.support.shop import eventually

MEGABYTES = 1_000_000
PHOTO = saved(photo(160, 120), "JPEG", quality=95)
FAR = 60.0


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodecPool]:
    """One whose images stay in the fast lane, however busy the machine is: a child that left it is not kept."""
    monkeypatch.setattr(process.codec_pool, "SLOW_SECONDS", FAR)
    pool = CodecPool(1, 600 * MEGABYTES)
    yield pool
    pool.close()


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def code_of(call: Callable[[], object]) -> ImageCode:
    with pytest.raises(ImageError) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize(
    "options", [ImageOptions(), ImageOptions(format=OutputFormat.WEBP, max_width=50, quality=30)], ids=["auto", "webp"]
)
def test_a_child_does_what_the_codec_does(pool, options):
    assert pool.compress(PHOTO, options, until(FAR)) == compress(PHOTO, options)


def test_an_image_that_is_kept_is_the_very_input(pool):
    coarse = saved(photo(160, 120), "JPEG", quality=30)

    compressed = pool.compress(coarse, ImageOptions(), until(FAR))

    assert compressed.kept
    assert compressed.data is coarse


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>", ImageCode.NOT_AN_IMAGE),
        (PHOTO[:500], ImageCode.CORRUPT_IMAGE),
        (b"%!PS-Adobe", ImageCode.UNSUPPORTED_FORMAT),
    ],
)
def test_a_fault_of_an_image_is_its_code_and_the_child_goes_on(pool, data, code):
    pool.start()
    [held] = pool._idle

    assert code_of(lambda: pool.compress(data, ImageOptions(), until(FAR))) is code
    assert pool.compress(PHOTO, ImageOptions(), until(FAR)).width == 160
    assert pool._idle == [held]


def test_an_image_that_takes_too_long_ends_alone(pool, monkeypatch):
    """The system ends the process, inside of a decoder that never looks at a clock."""
    ask = CodecChild.ask
    monkeypatch.setattr(CodecChild, "ask", lambda child, request: ask(child, {**request, "cpu_seconds": 0.1}))
    slow = saved(photo(3_000, 3_000), "JPEG", quality=95)
    options = ImageOptions(format=OutputFormat.AVIF)

    assert code_of(lambda: pool.compress(slow, options, until(FAR))) is ImageCode.PROCESSING_TIMEOUT

    monkeypatch.undo()
    assert pool.compress(PHOTO, ImageOptions(), until(FAR)).width == 160


def test_an_image_larger_than_all_memory_is_refused_before_it_is_decoded():
    pool = CodecPool(1, 5 * MEGABYTES)

    assert code_of(lambda: pool.compress(PHOTO, ImageOptions(), until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS
    pool.close()


def test_of_an_image_that_is_too_large_the_largest_that_would_do_is_told_and_does():
    pool = CodecPool(1, 100 * MEGABYTES)
    options = ImageOptions(format=OutputFormat.WEBP)
    large, largest = (saved(Image.new("RGB", (1_000, 1_000 * side)), "PNG") for side in (5, 3))

    with pytest.raises(ImageError) as refused:
        pool.compress(large, options, until(FAR))

    assert (refused.value.code, refused.value.reason) == (ImageCode.TOO_LARGE_TO_PROCESS, "AT_MOST_3_MEGAPIXELS")
    assert pool.compress(largest, options, until(FAR)).height == 3_000
    pool.close()


def test_a_jpeg_that_is_transcoded_needs_no_memory_for_its_pixels():
    large, little = saved(photo(3_000, 3_000), "JPEG", quality=95), 70 * MEGABYTES
    pool = CodecPool(1, little)

    assert pool.compress(large, ImageOptions(), until(FAR)).way == TRANSCODED
    scaled = ImageOptions(max_width=2_900)
    assert code_of(lambda: pool.compress(large, scaled, until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS
    pool.close()


@pytest.mark.parametrize("is_free", [True, False], ids=["at once", "after waiting"])
def test_a_jpeg_that_was_not_transcoded_gets_the_memory_for_its_pixels(pool, monkeypatch, is_free):
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    # Its last column of blocks is a part of one, and would come to lie on top.
    partial = saved(photo(2_001, 1_000), "JPEG", quality=60, exif=turned)
    asked = []
    take = MemoryReservation.take

    def noted(reservation, amount, deadline=None):
        if deadline is not None and amount > 16 * MEGABYTES:
            asked.append(amount)
            if not is_free and len(asked) == 1:
                raise TimeoutError
        take(reservation, amount, deadline)

    pool._granted = 0
    monkeypatch.setattr(MemoryReservation, "take", noted)
    expected = compress(partial, ImageOptions())

    assert pool.compress(partial, ImageOptions(), until(FAR)) == expected
    assert expected.way not in {TRANSCODED, None}
    assert len(asked) == 2 if is_free else 3
    assert max(asked) == asked[-1] > asked[0]


@pytest.mark.parametrize(("granted", "questions"), [(75, 1), (30, 2), (1, 3)])
def test_an_image_that_takes_no_more_than_is_granted_is_made_without_further_question(
    pool, monkeypatch, granted, questions
):
    """Transcoding takes 25 MB of it, and pixels 42: both at once, the first alone, or neither."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    partial = saved(photo(2_001, 1_000), "JPEG", quality=60, exif=turned)
    expected = compress(partial, ImageOptions())
    asked = []
    ask = CodecChild.ask

    def noted(child, request):
        asked.append(request["step"])
        ask(child, request)

    monkeypatch.setattr(CodecChild, "ask", noted)
    pool._granted = granted * MEGABYTES

    assert pool.compress(partial, ImageOptions(), until(FAR)) == expected
    assert asked == ["open", "compress", "compress"][:questions]
    assert pool._memory._free == pool._memory.capacity - pool._idle[0].memory._held


def test_large_images_leave_no_memory_in_the_shared_file(pool):
    large = saved(photo(1_500, 1_500), "PNG", compress_level=1)
    pool.compress(large, ImageOptions(format=OutputFormat.ORIGINAL), until(FAR))
    [held] = pool._idle

    assert len(large) > KEPT_BYTES
    assert os.fstat(held.child._shared.descriptor).st_size <= KEPT_BYTES


def test_a_decoder_that_takes_more_memory_than_was_foreseen_is_told_that_there_is_none(pool, monkeypatch):
    monkeypatch.setattr(process.codec_pool, "CHILD_BYTES", 0)
    monkeypatch.setattr(process.codec_pool, "HEADER_BYTES", 80 * MEGABYTES)
    monkeypatch.setattr(process.codec_pool, "_peak", lambda opened, data: 1)
    large = saved(photo(4_000, 4_000), "JPEG", quality=95)

    through_pixels = ImageOptions(max_width=3_900)

    assert code_of(lambda: pool.compress(large, through_pixels, until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_used_child_that_is_lost_is_replaced_and_the_image_made_all_the_same(pool, number):
    pool.compress(PHOTO, ImageOptions(), until(FAR))
    [held] = pool._idle
    os.kill(held.child.process_id, number)

    assert pool.compress(PHOTO, ImageOptions(), until(FAR)).width == 160


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGSEGV, ImageCode.PROCESSING_CRASHED), (signal.SIGKILL, ImageCode.TOO_LARGE_TO_PROCESS)],
)
def test_an_image_that_ends_a_fresh_child_is_told_so(pool, monkeypatch, number, code):
    ask = CodecChild.ask

    def ask_and_die(child, request):
        os.kill(child.process_id, number)
        ask(child, request)

    monkeypatch.setattr(CodecChild, "ask", ask_and_die)

    assert code_of(lambda: pool.compress(PHOTO, ImageOptions(), until(FAR))) is code


def test_at_the_deadline_an_image_is_left_undone(pool, monkeypatch):
    monkeypatch.setattr(CodecChild, "ask", lambda child, request: None)

    with pytest.raises(TimeoutError):
        pool.compress(PHOTO, ImageOptions(), until(1.2))
    assert pool._idle == []


def test_an_image_that_takes_long_steps_aside(pool, monkeypatch):
    monkeypatch.setattr(process.codec_pool, "SLOW_SECONDS", 0.05)
    slow = saved(photo(3_000, 3_000), "PNG", compress_level=1)

    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(pool.compress, slow, ImageOptions(format=OutputFormat.AVIF), until(FAR))
        eventually(lambda: pool._fast._value == 1 and not pool._idle and pool.waiting == 0, "it has stepped aside", 5)
        pool.compress(PHOTO, ImageOptions(), until(FAR))
        assert not first.done()
        assert first.result(FAR).width == 3_000


def test_a_closed_pool_leaves_no_process_behind(pool):
    pool.compress(PHOTO, ImageOptions(), until(FAR))
    [held] = pool._idle

    pool.close()

    assert not held.child.is_alive


def test_a_child_has_no_credentials(pool, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    pool.start()
    [held] = pool._idle

    environment = Path(f"/proc/{held.child.process_id}/environ").read_bytes().decode()

    assert "AWS" not in environment


def test_an_answer_that_makes_no_sense_is_a_crash(pool, monkeypatch):
    answer = {
        "peak_bytes": 1,
        "pixels_bytes": 1,
        "pixels": 1,
        "cpu_seconds": 1,
        "format": "exe",
        "width": -1,
        "height": 1,
        "bytes": 1 << 40,
    }
    monkeypatch.setattr(CodecChild, "answer", lambda child, deadline: answer)

    assert code_of(lambda: pool.compress(PHOTO, ImageOptions(), until(FAR))) is ImageCode.PROCESSING_CRASHED


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        ("jpeg_of_scans", ImageCode.PROCESSING_TIMEOUT),
        ("jpeg_of_exif_segments", ImageCode.PROCESSING_TIMEOUT),
        ("tiff_of_strips", ImageCode.TOO_LARGE_TO_PROCESS),
        ("tiff_of_tiles", ImageCode.TOO_LARGE_TO_PROCESS),
        ("tiff_of_lying_tags", ImageCode.PROCESSING_TIMEOUT),
        ("png_of_text_chunks", ImageCode.PROCESSING_TIMEOUT),
        ("png_of_empty_chunks", ImageCode.PROCESSING_TIMEOUT),
        ("png_transparent_giant", ImageCode.TOO_LARGE_TO_PROCESS),
        ("webp_transparent_giant", ImageCode.TOO_LARGE_TO_PROCESS),
    ],
)
def test_what_is_cheap_to_send_and_dear_to_read_is_refused(pool, bomb, code):
    assert code_of(lambda: pool.compress(BOMBS[bomb](), ImageOptions(), until(FAR))) is code
