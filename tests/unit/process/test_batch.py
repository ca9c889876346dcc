"""A batch is due when there is enough, or when its first item has waited long enough."""

from __future__ import annotations

import time

import pytest

from process.batch import Batch


class Clock:
    now = 1_000.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def is_due(batch: Batch[str]) -> bool:
    return batch.is_due


def test_enough_is_counted_by_weight(clock: Clock) -> None:
    batch: Batch[str] = Batch(5, 60)

    batch.add("a", 3)
    assert not is_due(batch)
    batch.add("b")
    batch.add("c")
    assert is_due(batch)
    assert batch.taken() == ["a", "b", "c"]


def test_the_first_item_waits_and_those_that_come_later_wait_less(clock: Clock) -> None:
    batch: Batch[str] = Batch(5, 2)

    batch.add("a")
    clock.now += 1.5
    batch.add("b")
    assert not is_due(batch)
    assert batch.seconds_left == pytest.approx(0.5)
    clock.now += 0.75
    assert is_due(batch)
    assert batch.seconds_left == 0


def test_nothing_is_never_due_and_what_was_taken_is_forgotten(clock: Clock) -> None:
    batch: Batch[str] = Batch(2, 2)
    batch.add("a", 2)
    batch.taken()
    clock.now += 60

    assert not is_due(batch)
    assert batch.seconds_left == float("inf")
    assert batch.taken() == []
    batch.add("b")
    assert batch.seconds_left == 2
    assert not is_due(batch)
