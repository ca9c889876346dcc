"""Waiting that is ours, not an origin's: it takes nothing of a fetch's own time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imagemill.adapters.web.faults import NotTriedError


@dataclass(slots=True)
class OwnQueue:
    """Time that we let a fetch wait ourselves: for a connection or a slot that its origin may have, or for memory.

    until: monotonic seconds, when waiting is given up. seconds: waited so far, which is none of the fetch's time.
    """

    until: float
    seconds: float = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block. A TimeoutError in it becomes a NotTriedError."""
        begun = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise NotTriedError from None
        finally:
            self.seconds += time.monotonic() - begun
