"""The codec's own processes: an image may end the one that it is in, and neither worker nor neighbours notice."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import process.codec_pool
from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.children import CodecChild
from process.codec.compress import compress
from tests.support.bombs import BOMBS, CODES
from tests.support.codec_pools import FAR, PHOTO, code_of, until
from tests.support.image_files import photo, saved
from tests.support.shop import eventually


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
        eventually(lambda: pool.fast.qsize() == 1 and not pool._idle and pool.waiting == 0, "it has stepped aside", 5)
        pool.compress(PHOTO, ImageOptions(), until(FAR))
        assert not first.done()
        assert first.result(FAR).width == 3_000


def test_the_time_of_its_header_counts_until_an_image_steps_aside(pool, monkeypatch):
    waits = []
    answer = CodecChild.answer

    def noted(child, deadline):
        waits.append(deadline)
        return answer(child, deadline)

    monkeypatch.setattr(CodecChild, "answer", noted)
    pool._granted = 0

    pool.compress(PHOTO, ImageOptions(), until(2 * FAR))

    assert len(waits) == 2
    assert waits[0] == waits[1]


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


@pytest.mark.parametrize(("bomb", "code"), CODES.items())
def test_what_is_cheap_to_send_and_dear_to_read_is_refused(pool, bomb, code):
    assert code_of(lambda: pool.compress(BOMBS[bomb](), ImageOptions(), until(FAR))) == code
