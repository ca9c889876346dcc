"""What is done for several at once: when there are enough of them, or when the first one has waited long enough."""

from __future__ import annotations

import math
import time
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Batch(Generic[_Item]):
    """size: how much is enough. seconds: how long the first one waits for others. Belongs to one thread."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._items: list[_Item] = []
        self._weight = 0
        self._due = math.inf

    def add(self, item: _Item, weight: int = 1) -> None:
        if not self._items:
            self._due = time.monotonic() + self._seconds
        self._items.append(item)
        self._weight += weight

    @property
    def seconds_left(self) -> float:
        """Until it is due, whatever comes; infinite while it is empty."""
        return max(0.0, self._due - time.monotonic())

    @property
    def is_due(self) -> bool:
        return self._weight >= self._size or self.seconds_left == 0

    def taken(self) -> list[_Item]:
        """All of them, in order; it is empty then."""
        items, self._items, self._weight, self._due = self._items, [], 0, math.inf
        return items
