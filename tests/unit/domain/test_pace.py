"""One pace for all workers: never more slots than the rate allows, always progress, and soon the origin's own rate."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.domain.pace import (
    HORIZON_SECONDS,
    LEAST_RATE,
    MOST_PUT_OFF_SECONDS,
    MOST_RATE,
    REMEMBERED_SECONDS,
    Pace,
)

NOW = 1_700_000_000.0
#: Rounding of moments of this size, in seconds.
TINY = 1e-5

#: What a worker does: leases slots, was answered well, or was refused; then time passes.
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("lease"), st.integers(1, 40)),
            st.tuples(st.just("well"), st.integers(1, 80)),
            st.tuples(st.just("refused"), st.one_of(st.none(), st.floats(0, 20))),
        ),
        st.floats(0, 5),
    ),
    max_size=80,
)


@given(STEPS)
def test_slots_are_never_closer_than_the_rate_allows_whoever_leases_them(steps):
    now, pace, last = NOW, Pace.begun(NOW, 429, None), NOW
    for (event, value), seconds in steps:
        if event == "lease":
            pace, slots = pace.leased(now, value)
            assert len(slots) <= value
            for slot in slots:
                assert slot - last >= pace.interval - TINY
                assert pace.not_before - TINY <= slot <= now + HORIZON_SECONDS + TINY
                last = slot
        elif event == "well":
            pace = pace.answered_well(pace.era, value)
        else:
            pace = pace.refused(now, pace.era, 503, value)
        assert LEAST_RATE <= pace.rate <= MOST_RATE
        now += seconds


@given(STEPS)
def test_a_slot_always_comes(steps):
    now, pace = NOW, Pace.begun(NOW, 503, None)
    for (event, value), seconds in steps:
        if event == "lease":
            pace, _ = pace.leased(now, value)
        elif event == "well":
            pace = pace.answered_well(pace.era, value)
        else:
            pace = pace.refused(now, pace.era, 503, value)
        now += seconds

    _, slots = pace.leased(pace.next_free(now), 1)

    assert slots
    assert pace.next_free(now) - now <= max(1 / LEAST_RATE + 2 * HORIZON_SECONDS, pace.not_before - now) + TINY


def test_a_clock_that_is_wrong_by_a_day_holds_nobody_up():
    pace, _ = Pace.begun(NOW, 503, None).leased(NOW + 86_400, 1)

    assert pace.next_free(NOW) - NOW < 2


def test_what_was_under_way_when_the_rate_fell_says_nothing_new():
    pace = Pace.begun(NOW, 503, None)
    fallen = pace.refused(NOW + 1, pace.era, 503, None)

    assert fallen.rate < pace.rate
    assert fallen.refused(NOW + 2, pace.era, 503, None).rate == fallen.rate
    assert fallen.refused(NOW + 2, None, 503, None).rate == fallen.rate
    assert fallen.answered_well(pace.era, 50) == fallen


def test_refusals_among_workers_that_do_not_know_the_pace_yet_are_no_ceiling():
    begun = Pace.begun(NOW, 429, None)
    again = begun.refused(NOW + 0.5, begun.era, 429, None)
    fast = again.answered_well(again.era, 1)

    after_one = fast.refused(NOW + 1, None, 429, None).refused(NOW + 1.1, fast.era, 429, None)
    before_one = fast.refused(NOW + 1, fast.era, 429, None).refused(NOW + 1.1, None, 429, None)

    assert (again.rate, fast.rate) == (begun.rate / 2, begun.rate)
    assert [pace.ceiling for pace in (again, fast, after_one, before_one)] == [0, 0, 0, 0]
    assert fast.refused(NOW + 1, fast.era, 429, None).ceiling == fast.rate


def test_retry_after_moves_the_next_slot_whoever_heard_it():
    pace = Pace.begun(NOW, 503, None).refused(NOW, None, 429, 120)

    assert pace.next_free(NOW) == NOW + 120
    assert not pace.is_over(NOW + 119)


def test_an_origin_that_stopped_complaining_is_asked_freely_again():
    assert not Pace.begun(NOW, 503, None).is_over(NOW + REMEMBERED_SECONDS - 1)
    assert Pace.begun(NOW, 503, None).is_over(NOW + REMEMBERED_SECONDS)


def test_those_that_are_put_off_come_back_one_after_the_other_and_not_later_than_a_queue_can_wait():
    pace = replace(Pace.begun(NOW, 503, None), rate=2.0)

    pace, first = pace.put_off(NOW, 10)
    pace, second = pace.put_off(NOW, 10_000)
    pace, third = pace.put_off(NOW, 1)

    assert second - first == pytest.approx(5)
    assert third == NOW + MOST_PUT_OFF_SECONDS


@dataclass
class LeakyBucket:
    """As nginx's limit_req without burst counts, to the millisecond."""

    rate: float
    last: float = 0.0

    def takes(self, moment: float) -> bool:
        if round((moment - self.last) * 1000) * self.rate < 1000:
            return False
        self.last = moment
        return True


#: At the most, from a worker's look at the pace to its first request, in seconds: where all of them start at once.
FIRST_REQUEST_SECONDS = 1.0


def simulated(
    bucket: LeakyBucket, images: int, workers: int, seed: int, jitter: float, starting_seconds: float = 0.0
) -> tuple[float, int]:
    """How long so many images take, in seconds, and how many requests are refused.

    Each worker has its share of the images, looks once whether there is a pace, knows nothing then until it is refused
    itself, and has one lease at a time; a request arrives within `jitter` seconds after its slot. The workers start
    within `starting_seconds`.
    """
    random, refused, finished = Random(seed), 0, NOW
    pace: Pace | None = None
    left = [images // workers + (worker < images % workers) for worker in range(workers)]
    knows = [False] * workers
    events = [
        (NOW + random.random() * (starting_seconds or jitter), worker, "look" if starting_seconds else "ask", -1)
        for worker in range(workers)
    ]
    heapq.heapify(events)
    while events:
        now, worker, event, era = heapq.heappop(events)
        if event == "look":
            knows[worker] = pace is not None
            begun = now + random.random() * FIRST_REQUEST_SECONDS
            heapq.heappush(events, (begun, worker, "lease" if knows[worker] else "ask", -1))
            continue
        if event == "lease":
            assert pace
            pace, slots = pace.leased(now, 1)
            if slots:
                heapq.heappush(events, (slots[0] + random.random() * jitter, worker, "ask", pace.era))
            else:
                due = max(pace.next_free(now) - HORIZON_SECONDS, now + 0.005)
                heapq.heappush(events, (due + random.random() * 0.01, worker, "lease", -1))
            continue
        is_paced = era >= 0
        if bucket.takes(now):
            left[worker], finished = left[worker] - 1, now
            pace = pace.answered_well(era, 1) if is_paced and pace else pace
        else:
            refused, knows[worker] = refused + 1, True
            pace = pace.refused(now, era if is_paced else None, 503, None) if pace else Pace.begun(now, 503, None)
        if left[worker]:
            heapq.heappush(events, (now + 0.005, worker, "lease" if knows[worker] else "ask", -1))
    return finished - NOW, refused


@pytest.mark.parametrize(
    ("rate", "images"), [(2, 40), (10, 100), (1, 60), (3, 60), (5, 100), (7, 100), (13, 150), (30, 600)]
)
@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("starting_seconds", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("jitter", [0.0, 0.005])
def test_the_rate_of_an_origin_is_found_with_few_refusals_and_little_time_lost(
    rate, images, workers, jitter, starting_seconds
):
    for seed in range(20):
        seconds, refused = simulated(LeakyBucket(rate), images, workers, seed, jitter, starting_seconds)

        # Each worker that looked before there was a pace is refused once by that alone.
        most = 0.25 if starting_seconds else 0.2
        assert refused <= most * (images + refused), (seconds, refused)
        assert seconds <= 1.5 * images / rate, (seconds, refused)
