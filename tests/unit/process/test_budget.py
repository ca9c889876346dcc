"""Memory that images in work share."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process.budget import Budget, MemoryReservation
from tests.support.shop import eventually


def test_what_does_not_fit_waits_for_what_is_given_back():
    budget = Budget(10)
    first, second = MemoryReservation(budget), MemoryReservation(budget)
    first.take(7)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.take, 4)
        assert not waiting.done()
        first.shrink(6)
        waiting.result(5)


def test_more_than_there_is_counts_as_all():
    budget = Budget(10)

    with budget.holding(1_000), pytest.raises(TimeoutError):
        budget.take(1, time.monotonic() + 0.01)
    assert budget.take(10, time.monotonic() + 1) == 10


def test_a_large_image_is_not_overtaken_by_small_ones():
    budget = Budget(10)
    large_has_it = Event()

    def large():
        with budget.holding(10):
            large_has_it.set()

    with ThreadPoolExecutor(2) as pool:
        with budget.holding(5):
            asked = pool.submit(large)
            eventually(lambda: budget.waiting == 1, "the large one waits", 5)
            small = pool.submit(budget.take, 5)
            eventually(lambda: budget.waiting == 2, "the small one waits behind it", 5)
        small.result(5)
        assert large_has_it.is_set()
        asked.result(5)


def test_who_gives_up_waiting_does_not_hold_up_the_others():
    budget = Budget(10)

    with budget.holding(5):
        with pytest.raises(TimeoutError):
            budget.take(6, time.monotonic() + 0.01)
        assert budget.take(5, time.monotonic() + 1) == 5


def test_a_share_that_is_taken_anew_gives_back_what_it_held():
    budget = Budget(10)
    share = MemoryReservation(budget)

    share.take(8)
    share.take(9, time.monotonic() + 1)
    share.release()
    share.release()

    assert budget.take(10, time.monotonic() + 1) == 10


@given(amounts=st.lists(st.integers(0, 15), max_size=30), capacity=st.integers(1, 12))
def test_never_is_more_held_than_there_is_and_all_come_to_their_turn(amounts, capacity):
    budget = Budget(capacity)
    held, most, lock = [0], [0], Lock()

    def work(amount: int) -> None:
        with budget.holding(amount):
            with lock:
                held[0] += min(amount, capacity)
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= min(amount, capacity)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, amounts))

    assert most[0] <= capacity
    assert budget.take(capacity, time.monotonic() + 1) == capacity
