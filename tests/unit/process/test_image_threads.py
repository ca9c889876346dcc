"""Threads that origins share: one that hangs holds its own, and others' images go ahead."""

from collections.abc import Iterator
from functools import partial
from threading import Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import process.image_threads
from process.image_threads import ImageThreads

HANGING, HEALTHY = "https://hangs.example/{}.jpg", "https://works.example/{}.jpg"


@pytest.fixture
def release() -> Iterator[Event]:
    """Lets calls end that hang."""
    event = Event()
    yield event
    event.set()


def test_an_origin_that_hangs_leaves_threads_to_the_others(release):
    threads = ImageThreads(4, lambda _: 2)
    hanging = [threads.submit(HANGING.format(number), release.wait) for number in range(20)]

    healthy = [threads.submit(HEALTHY.format(number), lambda: "made") for number in range(20)]

    assert [future.result(5) for future in healthy] == ["made"] * 20
    assert not any(future.done() for future in hanging)
    release.set()
    threads.close()


def test_a_kind_of_an_origins_images_has_a_share_of_its_own(release):
    asked = []

    def share(origin_and_kind: str) -> int:
        asked.append(origin_and_kind)
        return 1 if origin_and_kind.endswith("#avif") else 2

    threads = ImageThreads(4, share)
    dear = [threads.submit(HEALTHY.format(number), release.wait, "#avif") for number in range(20)]

    others = [threads.submit(HEALTHY.format(number), lambda: "made") for number in range(20)]

    assert [future.result(5) for future in others] == ["made"] * 20
    assert sum(future.running() for future in dear) == 1
    assert set(asked) == {"https://works.example/#avif", "https://works.example/"}
    release.set()
    threads.close()


def test_images_of_an_origin_that_keeps_us_waiting_do_not_count(release, monkeypatch):
    threads = ImageThreads(4, lambda _: 2)
    for number in range(20):
        threads.submit(HANGING.format(number), release.wait)
    assert threads.moving == 20

    monkeypatch.setattr(process.image_threads, "STUCK_SECONDS", 0.0)

    assert threads.moving == 0
    assert threads.has_room
    release.set()
    threads.close()


def test_what_a_call_raises_is_its_futures(release):
    threads = ImageThreads(1, lambda _: 1)

    future = threads.submit("no URL: http://[", lambda: 1 // 0)

    assert isinstance(future.exception(5), ZeroDivisionError)
    assert threads.submit(HEALTHY, lambda: "made").result(5) == "made"
    threads.close()


def test_what_is_cancelled_is_not_begun(release):
    threads = ImageThreads(1, lambda _: 1)
    first, second = threads.submit(HANGING, release.wait), threads.submit(HEALTHY, lambda: pytest.fail("begun"))

    assert second.cancel()
    release.set()

    assert first.result(5)
    threads.close()


@given(origins=st.lists(st.integers(0, 3), max_size=40), threads=st.integers(1, 6), share=st.integers(1, 4))
def test_all_come_to_their_turn_and_no_origin_has_more_than_its_share(origins, threads, share):
    pool, lock = ImageThreads(threads, lambda _: share), Lock()
    at_work, most = dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)

    def work(origin: int) -> int:
        with lock:
            at_work[origin] += 1
            most[origin] = max(most[origin], at_work[origin])
        with lock:
            at_work[origin] -= 1
        return origin

    futures = [pool.submit(f"https://{origin}.example/", partial(work, origin)) for origin in origins]

    assert [future.result(5) for future in futures] == origins
    assert max(most.values()) <= share
    pool.close()
