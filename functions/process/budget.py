"""Memory that images in work may take together, so that a batch of giants waits instead of crashing the process."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Lock

#: Who asks for less than this part of a budget need not wait behind one who asks for more than is free.
SMALL_SHARE = 1 / 8


class Budget:
    """`capacity` bytes, given out in the order of asking: a large image is not starved by middling ones.

    Small ones go ahead of it: an image that takes long holds memory for long, and all others would wait behind the
    one that waits for it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._queue: deque[object] = deque()
        self._lock = Lock()
        self._changed = Condition(self._lock)

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def take(self, amount: int, deadline: float | None = None) -> None:
        """Wait until `amount` bytes are free and take them.

        deadline: monotonic seconds, None for none; one that is over asks for what is free at once.

        Raises:
            OverflowError: when there are not so many.
            TimeoutError: when they are not free by then.
        """
        if amount > self._capacity:
            raise OverflowError("more than the whole budget")
        is_small = amount <= self._capacity * SMALL_SHARE
        ticket = object()
        with self._lock:
            if self._free >= amount and (is_small or not self._queue):
                self._free -= amount
                return
            self._queue.append(ticket)
            try:
                while self._free < amount or not (is_small or self._queue[0] is ticket):
                    remaining = None if deadline is None else deadline - time.monotonic()
                    if remaining is not None and remaining <= 0:
                        raise TimeoutError("no memory free in time")
                    self._changed.wait(remaining)
                self._free -= amount
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def give_back(self, amount: int) -> None:
        with self._lock:
            self._free += amount
            if self._queue:
                self._changed.notify_all()


class MemoryReservation:
    """What one image holds of a budget. Not to be used by two threads."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes."""
        return self._held

    def take(self, amount: int, deadline: float | None = None) -> None:
        """Hold `amount` bytes instead of what was held before. Raises OverflowError and TimeoutError."""
        self.release()
        self._budget.take(amount, deadline)
        self._held = amount

    def shrink(self, amount: int) -> None:
        """Keep `amount` bytes at most."""
        if self._held > amount:
            surplus, self._held = self._held - amount, amount
            self._budget.give_back(surplus)

    def release(self) -> None:
        self.shrink(0)
