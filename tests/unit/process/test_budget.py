"""Memory that images in work share."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process.budget import Budget, MemoryReservation
from tests.support.shop import eventually


@contextmanager
def holding(budget: Budget, amount: int) -> Iterator[None]:
    budget.take(amount)
    try:
        yield
    finally:
        budget.give_back(amount)


def free_at_once(budget: Budget, amount: int) -> bool:
    try:
        budget.take(amount, time.monotonic())
    except TimeoutError:
        return False
    return True


def test_what_does_not_fit_waits_for_what_is_given_back():
    budget = Budget(10)
    first, second = MemoryReservation(budget), MemoryReservation(budget)
    first.take(7)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.take, 4)
        assert not waiting.done()
        first.shrink(6)
        waiting.result(5)


def test_more_than_there_is_is_refused_at_once_and_nothing_of_it_is_taken():
    budget = Budget(10)

    with pytest.raises(OverflowError):
        budget.take(11)
    assert free_at_once(budget, 10)


def test_a_large_image_is_not_overtaken_by_middling_ones():
    budget = Budget(10)
    large_has_it = Event()

    def large():
        with holding(budget, 10):
            large_has_it.set()

    with ThreadPoolExecutor(2) as pool:
        with holding(budget, 5):
            asked = pool.submit(large)
            eventually(lambda: budget.waiting == 1, "the large one waits", 5)
            small = pool.submit(budget.take, 5)
            eventually(lambda: budget.waiting == 2, "the small one waits behind it", 5)
        small.result(5)
        assert large_has_it.is_set()
        asked.result(5)


def test_a_small_image_need_not_wait_behind_a_large_one():
    budget = Budget(16)

    with ThreadPoolExecutor(1) as pool:
        with holding(budget, 12):
            large = pool.submit(budget.take, 16)
            eventually(lambda: budget.waiting == 1, "the large one waits", 5)
            assert free_at_once(budget, 2)
            assert not large.done()
            budget.give_back(2)
        large.result(5)


def test_who_gives_up_waiting_does_not_hold_up_the_others():
    budget = Budget(10)

    with holding(budget, 5):
        with pytest.raises(TimeoutError):
            budget.take(6, time.monotonic() + 0.01)
        assert free_at_once(budget, 5)


def test_a_share_that_is_taken_anew_gives_back_what_it_held():
    budget = Budget(10)
    share = MemoryReservation(budget)

    share.take(8)
    share.take(9, time.monotonic() + 1)
    share.release()
    share.release()

    assert free_at_once(budget, 10)


@given(amounts=st.lists(st.integers(0, 8), max_size=30), capacity=st.integers(8, 12))
def test_never_is_more_held_than_there_is_and_all_come_to_their_turn(amounts, capacity):
    budget = Budget(capacity)
    held, most, lock = [0], [0], Lock()

    def work(amount: int) -> None:
        with holding(budget, amount):
            with lock:
                held[0] += amount
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, amounts))

    assert most[0] <= capacity
    assert free_at_once(budget, capacity)
