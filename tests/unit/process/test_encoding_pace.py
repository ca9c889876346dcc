"""No more is fetched than can be made in time: what is fetched in vain is fetched again."""

import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Event, Lock
from types import SimpleNamespace
from typing import NamedTuple

import pytest

import process.encoding_pace
import process.image
from imagemill.domain.options import ImageOptions, OutputFormat
from process.app import handler
from process.codec.compress import Compressed, ImageFormat
from process.codec_pool import CodecPool
from process.encoding_pace import CHANCE_SECONDS, LEAST_AHEAD, EncodingPace, kind_of
from tests.support.caller import context_of
from tests.support.product_batches import batch, message, result_of

#: Origins, as they are named to the pace.
URL, OTHER = "https://shop.example/", "https://other.example/"
PLAIN = ImageOptions()


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(process.encoding_pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def made_in(pace: EncodingPace, clock: SimpleNamespace, seconds: float) -> None:
    with pace.turn(URL, PLAIN) as turn, turn.making():
        clock.now += seconds


def test_a_stranger_is_not_held_up():
    pace = EncodingPace()

    assert pace.at_once(URL) == float("inf")
    with pace.turn(URL, PLAIN) as turn:
        assert turn.seconds == 0
        assert pace.at_once(URL) == float("inf")


@pytest.mark.parametrize(("seconds", "at_once"), [(0.005, 1_000), (0.5, 10), (1.2, 4), (60, 2)])
def test_as_many_are_in_work_as_are_made_in_five_seconds(clock, seconds, at_once):
    pace = EncodingPace()

    made_in(pace, clock, seconds)

    assert pace.at_once(URL) == pytest.approx(at_once, abs=1)
    assert pace.at_once(OTHER) == float("inf")


def test_a_stranger_whose_images_will_take_long_has_few_in_work_until_one_has_ended():
    pace, asked = EncodingPace(), ImageOptions(format=OutputFormat.AVIF)
    dear = f"{URL}{kind_of(asked)}"

    assert pace.at_once(dear) == LEAST_AHEAD
    with pace.turn(URL, asked):
        assert pace.at_once(dear) == LEAST_AHEAD
    assert pace.at_once(dear) == float("inf")


def test_what_takes_long_is_not_told_by_an_origins_other_images(clock):
    pace, asked = EncodingPace(), ImageOptions(format=OutputFormat.AVIF)
    for _ in range(10):
        made_in(pace, clock, 0.005)

    assert pace.at_once(f"{URL}{kind_of(asked)}") == LEAST_AHEAD
    with pace.turn(URL, asked) as turn, turn.making():
        clock.now += 9
    assert pace.at_once(URL) > 500


@pytest.mark.parametrize("seconds", [0.001, 3.1, 30])
def test_few_are_in_work_while_the_first_is_made(clock, seconds):
    pace = EncodingPace()

    with pace.turn(URL, PLAIN) as turn, turn.making():
        clock.now += seconds
        assert pace.at_once(URL) == LEAST_AHEAD


def test_an_image_that_takes_longer_than_others_holds_further_ones_up(clock):
    pace = EncodingPace()
    made_in(pace, clock, 1)
    assert pace.at_once(URL) == 5

    with pace.turn(URL, PLAIN) as turn, turn.making():
        clock.now += 1
        assert pace.at_once(URL) == 5
        clock.now += 8
        assert pace.at_once(URL) == 2


def test_images_that_share_the_processor_share_its_time(clock):
    pace = EncodingPace()

    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(stack.enter_context(pace.turn(URL, PLAIN)).making())
        clock.now += 4

    assert pace.at_once(URL) == 5


def test_time_that_ran_out_made_nothing(clock):
    pace = EncodingPace()

    with suppress(TimeoutError), ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(stack.enter_context(pace.turn(URL, PLAIN)).making())
        clock.now += 15
        raise TimeoutError

    assert pace.at_once(URL) == LEAST_AHEAD


def test_a_further_image_waits_for_those_that_were_begun_before_it(clock):
    pace = EncodingPace()
    made_in(pace, clock, 2)

    with pace.turn(URL, PLAIN) as first, pace.turn(URL, PLAIN) as second, pace.turn(URL, PLAIN) as third:
        assert [turn.seconds for turn in (first, second, third)] == [6, 12, 18]
    with pace.turn(URL, PLAIN) as next_one:
        assert next_one.seconds == 6


def test_an_image_that_takes_longer_than_any_invocation_is_begun_all_the_same(clock):
    pace = EncodingPace()

    made_in(pace, clock, 2_000)

    with pace.turn(URL, PLAIN) as turn:
        assert turn.seconds == CHANCE_SECONDS


class Slowness(NamedTuple):
    """So many images that take so many seconds each, and for how many seconds they may wait for the codec."""

    images: int
    seconds: float
    ahead_seconds: float
    options: ImageOptions


@pytest.mark.usefixtures("aws", "open_runs")
@pytest.mark.parametrize(
    "slow",
    [Slowness(40, 0.05, 0.2, ImageOptions()), Slowness(6, 0.4, 0.5, ImageOptions(format=OutputFormat.AVIF))],
    ids=["many that are known after a moment", "so slow that an invocation makes three"],
)
def test_each_image_of_a_long_product_is_fetched_once(web, picture, monkeypatch, slow):
    """One is made after the other, in invocations of 1.5 seconds."""
    processor = Lock()

    def compress(_pool, data, _options, deadline):
        if not processor.acquire(timeout=max(0, deadline - time.monotonic())):
            raise TimeoutError
        Event().wait(slow.seconds)
        processor.release()
        return Compressed(data, ImageFormat.JPEG, 1, 1, kept=False)

    monkeypatch.setattr(CodecPool, "compress", compress)
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.5)
    monkeypatch.setattr(process.encoding_pace, "AHEAD_SECONDS", slow.ahead_seconds)
    monkeypatch.setattr(process.encoding_pace, "CHANCE_SECONDS", 0.15)
    urls = [web.route(f"/{number}.jpg", picture) for number in range(slow.images)]

    for _ in range(12):
        handler(batch(replace(message(*urls), options=slow.options)), context_of(6_500))
        if result_of().status.has_ended:
            break

    assert result_of().status == "COMPLETED"
    assert Counter(request.path for request in web.requests) == {f"/{number}.jpg": 1 for number in range(slow.images)}
