"""A client and an origin that asks to be asked less: it waits for its slots, and is told when they are far off."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from imagemill.adapters.web.faults import FarSlotError
from imagemill.adapters.web.own_queue import OwnQueue
from imagemill.adapters.web.shared_pace import OwnPaces, SharedPaces
from imagemill.domain.pace import FIRST_RATE, NotedPace, Pace
from imagemill.domain.web_urls import Origin
from imagemill.errors import OriginNotKeptError
from tests.support.scripted_web import IMAGE, fault_of, response, then_close

pytest_plugins = ["tests.support.web_fixtures"]

ORIGIN = Origin("https", "shop.example", 443)


class NoPaces(OwnPaces):
    """Must not be asked."""

    def change(self, *_: object) -> tuple[NotedPace, bool]:
        raise AssertionError("asked of an origin that never complained")


class LostPaces(OwnPaces):
    def change(self, *_: object) -> tuple[NotedPace, bool]:
        raise OriginNotKeptError


def until(seconds: float = 10) -> float:
    return time.monotonic() + seconds


def test_nobody_is_asked_about_an_origin_that_never_complained(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE), response(404), response(500))
    client = web_client(paces=NoPaces())

    assert client.fetch(origin.url) == IMAGE
    assert fault_of(lambda: client.fetch(origin.url)).http_status == 404
    assert fault_of(lambda: client.fetch(origin.url)).http_status == 500


@pytest.mark.parametrize("status", [429, 503])
def test_after_a_refusal_requests_wait_for_their_slots(serve_origin, web_client, status):
    origin = serve_origin(response(status), response(200, IMAGE))
    client = web_client()

    fault = fault_of(lambda: client.fetch(origin.url))
    refused = time.monotonic()
    assert client.fetch(origin.url) == IMAGE

    assert fault.asks_to_slow_down
    assert time.monotonic() - refused >= 0.9 / FIRST_RATE


def test_waiting_for_a_slot_is_none_of_the_fetchs_time(serve_origin, web_client):
    origin = serve_origin(response(503), response(200, IMAGE))
    client = web_client()
    fault_of(lambda: client.fetch(origin.url))

    assert client.fetch(origin.url, timeout_seconds=0.3, queue=OwnQueue(until())) == IMAGE


def test_a_slot_that_is_far_off_is_not_waited_for(serve_origin, web_client):
    origin = serve_origin(response(429, retry_after="120"), response(200, IMAGE))
    client = web_client()
    fault_of(lambda: client.fetch(origin.url))

    with pytest.raises(FarSlotError) as far:
        client.fetch(origin.url, queue=OwnQueue(until(300)))

    assert far.value.seconds == pytest.approx(120, abs=5)
    assert far.value.http_status == 429
    assert len(origin.requests) == 1


def test_without_the_others_a_worker_keeps_to_what_it_knows():
    paces = SharedPaces(LostPaces())

    paces.refused(ORIGIN, None, 503, 100)

    with pytest.raises(FarSlotError) as far:
        paces.wait(ORIGIN, until())
    assert far.value.seconds > 90


def test_what_was_leased_before_the_rate_fell_is_not_used():
    paces = SharedPaces(OwnPaces())
    paces.refused(ORIGIN, None, 503, None)
    slot = paces.wait(ORIGIN, until())
    paces.refused(ORIGIN, slot, 503, None)

    later = paces.wait(ORIGIN, until())

    assert slot
    assert later
    assert later.era > slot.era
    assert later.moment - slot.moment >= 1 / FIRST_RATE


def test_an_origin_that_stopped_complaining_has_no_slots(monkeypatch):
    paces = SharedPaces(OwnPaces())
    paces.refused(ORIGIN, None, 503, None)
    now = time.time() + 4_000
    monkeypatch.setattr(time, "time", lambda: now)

    assert paces.wait(ORIGIN, until()) is None
    assert not paces.is_paced(ORIGIN)


def test_good_answers_make_it_faster_and_are_told_with_the_next_lease():
    told: list[Pace] = []

    class Told(OwnPaces):
        def change(
            self, origin: Origin, known: NotedPace | None, change: Callable[[Pace | None], Pace]
        ) -> tuple[NotedPace, bool]:
            noted, was_late = super().change(origin, known, change)
            told.append(noted.pace)
            return noted, was_late

    paces = SharedPaces(Told())
    paces.refused(ORIGIN, None, 503, None)
    paces.answered_well(ORIGIN, paces.wait(ORIGIN, until()))
    paces.wait(ORIGIN, until())

    assert told[-1].rate == 2 * FIRST_RATE


def test_who_was_late_reads_what_stands_before_it_tries_again():
    """A write that comes too late costs as much as five reads, and a thousand workers may wait for one origin."""

    class Crowd(OwnPaces):
        """Where another worker is first as soon as it is awake."""

        def __init__(self) -> None:
            self.calls: list[str] = []
            self.is_awake = False
            self.stands = NotedPace(Pace.begun(time.time(), 503, None), 1)

        def read(self, _origin: Origin) -> NotedPace:
            self.calls.append("read")
            return self.stands

        def change(
            self, _origin: Origin, known: NotedPace | None, change: Callable[[Pace | None], Pace]
        ) -> tuple[NotedPace, bool]:
            if self.is_awake:
                self.is_awake = False
                taken, _ = self.stands.pace.leased(self.stands.pace.next_free(time.time()), 1)
                self.stands = NotedPace(taken, self.stands.version + 1)
            is_late = known is not None and known != self.stands
            self.calls.append("late" if is_late else "in time")
            self.stands = NotedPace(change(self.stands.pace), self.stands.version + 1)
            return self.stands, is_late

    crowd = Crowd()
    paces = SharedPaces(crowd)
    paces.refused(ORIGIN, None, 503, None)
    crowd.calls.clear()
    crowd.is_awake = True

    assert paces.wait(ORIGIN, until())
    assert crowd.calls[:2] == ["late", "read"]
    assert crowd.calls[-1] == "in time"
    assert crowd.calls.count("late") == 1


def test_a_server_that_hangs_up_on_the_second_connection_is_asked_for_less(serve_origin, web_client):
    """As limit_conn and firewalls refuse: the first of them is answered."""
    origin = serve_origin(response(200, IMAGE), response(200, IMAGE), then_close(b""))
    client = web_client()
    client.fetch(origin.url)
    client.fetch(origin.url)
    client._pool._places[Origin("http", "127.0.0.1", origin.port)].in_use += 1

    fault = fault_of(lambda: client.fetch(origin.url))

    assert fault.asks_to_slow_down
