"""No more is fetched than can be made in time: what is fetched in vain is fetched again."""

import time
from collections import Counter
from contextlib import suppress
from threading import Event, Lock
from types import SimpleNamespace

import pytest

import process.encoding_pace
import process.image
from process.app import handler
from process.codec.compress import Compressed, ImageFormat
from process.codec_pool import CodecPool
from process.encoding_pace import CHANCE_SECONDS, LEAST_AHEAD, EncodingPace
from tests.support.caller import context_of
from tests.support.product_batches import batch, message, result_of

URL, OTHER = "https://shop.example/a.jpg", "https://other.example/a.jpg"


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(process.encoding_pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def made_in(pace: EncodingPace, clock: SimpleNamespace, seconds: float) -> None:
    with pace.making(URL):
        clock.now += seconds


def test_a_stranger_is_not_held_up():
    assert EncodingPace().at_once(URL) == float("inf")
    assert EncodingPace().seconds(URL) == 0


@pytest.mark.parametrize(("seconds", "at_once"), [(0.005, 2_000), (0.5, 20), (2.4, 4), (60, 2)])
def test_as_many_are_in_work_as_are_made_in_ten_seconds(clock, seconds, at_once):
    pace = EncodingPace()

    made_in(pace, clock, seconds)

    assert pace.at_once(URL) == pytest.approx(at_once, abs=1)
    assert pace.at_once(OTHER) == float("inf")


def test_images_that_share_the_processor_share_its_time(clock):
    pace = EncodingPace()

    with pace.making(URL), pace.making(URL), pace.making(URL), pace.making(URL):
        clock.now += 8

    assert pace.at_once(URL) == 5


def test_time_that_ran_out_made_nothing(clock):
    pace = EncodingPace()

    with suppress(TimeoutError), pace.making(URL), pace.making(URL), pace.making(URL):
        clock.now += 15
        raise TimeoutError

    assert pace.at_once(URL) == LEAST_AHEAD


def test_a_further_image_waits_for_those_that_are_fetched(clock):
    pace = EncodingPace()
    made_in(pace, clock, 2)

    assert pace.seconds(URL) == 2
    with pace.making(URL), pace.making(URL):
        assert pace.seconds(URL) == 6


def test_an_image_that_takes_longer_than_any_invocation_is_begun_all_the_same(clock):
    pace = EncodingPace()

    made_in(pace, clock, 2_000)

    assert pace.seconds(URL) == CHANCE_SECONDS


@pytest.mark.usefixtures("open_runs")
def test_each_image_of_a_long_product_is_fetched_once(aws, web, picture, monkeypatch):
    """Forty that take a twentieth of a second each, one after the other, in invocations of 1.5 seconds."""
    processor = Lock()

    def compress(_pool, data, _options, deadline):
        if not processor.acquire(timeout=max(0, deadline - time.monotonic())):
            raise TimeoutError
        Event().wait(0.05)
        processor.release()
        return Compressed(data, ImageFormat.JPEG, 1, 1, kept=False)

    monkeypatch.setattr(CodecPool, "compress", compress)
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.5)
    monkeypatch.setattr(process.encoding_pace, "AHEAD_SECONDS", 0.2)
    monkeypatch.setattr(process.encoding_pace, "CHANCE_SECONDS", 0.15)
    urls = [web.route(f"/{number}.jpg", picture) for number in range(40)]

    for _ in range(12):
        handler(batch(message(*urls)), context_of(6_500))
        if result_of().status.has_ended:
            break

    assert result_of().status == "COMPLETED"
    assert Counter(request.path for request in web.requests) == {f"/{number}.jpg": 1 for number in range(40)}
