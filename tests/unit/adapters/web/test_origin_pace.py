"""How many requests an origin is sent at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.web.origin_pace import DEFAULT_PACE, SLOWED_DOWN, OriginPace, PaceLimits
from imagemill.domain.source import Validators
from tests.support.scripted_web import IMAGE, fault_of, response

pytest_plugins = ["tests.support.web_fixtures"]

#: A good answer after so many seconds, or None: refused for now.
EVENTS = st.lists(st.one_of(st.floats(0.001, 10), st.none()), max_size=200)


def answered(pace: OriginPace, times: int, seconds: float = 0.1) -> None:
    for _ in range(times):
        pace.answered(seconds)


def test_it_begins_with_what_is_polite_to_a_stranger() -> None:
    assert OriginPace(DEFAULT_PACE).at_once == 8


def test_one_more_is_asked_for_after_as_many_good_answers_as_there_are_at_once() -> None:
    pace = OriginPace(DEFAULT_PACE)

    answered(pace, 9)
    assert pace.at_once == 9
    answered(pace, 10)
    assert pace.at_once == 10


def test_answers_without_a_body_double_it_until_one_is_refused() -> None:
    pace = OriginPace(DEFAULT_PACE)

    for _ in range(8):
        pace.answered(0.1, has_body=False)
    assert pace.at_once == 16
    for _ in range(20):
        pace.answered(0.1, has_body=False)
    assert pace.at_once == DEFAULT_PACE.most

    pace.overloaded(time.monotonic())
    for _ in range(8):
        pace.answered(0.1, has_body=False)
    assert pace.at_once == DEFAULT_PACE.most // 2


def test_an_origin_that_slows_down_is_not_asked_for_more() -> None:
    pace = OriginPace(DEFAULT_PACE)
    pace.answered(0.1)

    answered(pace, 500, seconds=0.1 * SLOWED_DOWN * 1.01)

    assert pace.at_once == 8


def test_a_refusal_halves_it_once_for_all_that_were_under_way() -> None:
    pace = OriginPace(DEFAULT_PACE)
    begun = time.monotonic()

    for _ in range(5):
        pace.overloaded(begun)
    assert pace.at_once == 4
    pace.overloaded(time.monotonic())
    assert pace.at_once == 2


@given(EVENTS)
def test_it_stays_within_its_limits_whatever_happens(events: list[float | None]) -> None:
    limits = PaceLimits(least=2, first=5, most=9)
    pace = OriginPace(limits)

    for seconds in events:
        if seconds is None:
            pace.overloaded(time.monotonic())
        else:
            pace.answered(seconds)
        assert limits.least <= pace.at_once <= limits.most


class Crowd:
    """Answers after a while, and notes how many requests there were at once."""

    def __init__(self, status: int = 200, seconds: float = 0.02) -> None:
        self._answer = response(status, b"" if status == 304 else IMAGE)
        self._seconds = seconds
        self._lock = Lock()
        self._now = 0
        self.most = 0

    def __call__(self, connection) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self._seconds)  # the latency of the origin that is simulated
        with self._lock:
            self._now -= 1
        connection.sendall(self._answer)


def fetched_at_once(client, url: str, times: int) -> None:
    """Images that are known: what has not changed is an answer, too."""
    known = Validators('"1"')
    with ThreadPoolExecutor(24) as threads:
        list(threads.map(lambda _: client.get(url, known=known), range(times)))


@pytest.mark.parametrize("status", [200, 304])
def test_a_fast_origin_is_sent_more_at_once_as_it_answers(serve_origin, web_client, status) -> None:
    crowd = Crowd(status)
    origin = serve_origin(*[crowd] * 400)
    client = web_client(pace=PaceLimits(least=1, first=2, most=5))

    fetched_at_once(client, origin.url, 6)
    assert crowd.most <= 3
    fetched_at_once(client, origin.url, 60)

    assert crowd.most == 5


def test_an_origin_that_answers_429_is_sent_less_at_once(serve_origin, web_client) -> None:
    crowd = Crowd()
    origin = serve_origin(response(429, b"slow down"), *[crowd] * 60)
    client = web_client(pace=PaceLimits(least=1, first=4, most=4))

    assert fault_of(lambda: client.fetch(origin.url)).http_status == 429
    fetched_at_once(client, origin.url, 4)

    assert crowd.most <= 3
