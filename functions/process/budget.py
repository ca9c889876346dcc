"""Memory that images in work may take together, so that a batch of giants waits instead of crashing the process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """`capacity` bytes, given out in the order of asking: a large image is not starved by small ones."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._queue: deque[object] = deque()
        self._changed = Condition()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @contextmanager
    def holding(self, amount: int) -> Iterator[None]:
        """Hold `amount` bytes inside the block, waiting for them as long as it takes."""
        reservation = MemoryReservation(self)
        reservation.take(amount)
        try:
            yield
        finally:
            reservation.release()

    def take(self, amount: int, deadline: float | None = None) -> int:
        """Wait until `amount` bytes are free and take them; more than there are count as all.

        deadline: monotonic seconds, None for none. Returns what was taken.

        Raises:
            TimeoutError: when they are not free by then.
        """
        taken = min(amount, self._capacity)
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or self._free < taken:
                    remaining = None if deadline is None else deadline - time.monotonic()
                    if remaining is not None and remaining <= 0:
                        raise TimeoutError("no memory free in time")
                    self._changed.wait(remaining)
                self._free -= taken
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        return taken

    def give_back(self, amount: int) -> None:
        with self._changed:
            self._free += amount
            self._changed.notify_all()


class MemoryReservation:
    """What one image holds of a budget. Not to be used by two threads."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    def take(self, amount: int, deadline: float | None = None) -> None:
        """Hold `amount` bytes instead of what was held before. Raises TimeoutError."""
        self.release()
        self._held = self._budget.take(amount, deadline)

    def shrink(self, amount: int) -> None:
        """Keep `amount` bytes at most."""
        surplus = max(0, self._held - amount)
        self._held -= surplus
        self._budget.give_back(surplus)

    def release(self) -> None:
        self.shrink(0)
