"""How many requests one origin is sent at once: as many as it takes without slowing down.

One more for as many good answers as there are requests at once, half as many when it shows that it has too much to
do: additive increase, multiplicative decrease, as TCP keeps it with segments (RFC 5681 section 3.1).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

#: An answer that takes longer than this many times the fastest one is no reason to ask for more at once.
SLOWED_DOWN = 2.0


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Requests to one scheme, host and port at once.

    least: however much it has to do, so that one that hangs does not hold up all others. first: until its answers
    are known. most: however fast they come.
    """

    least: int = 2
    first: int = 8
    most: int = 24


DEFAULT_PACE = PaceLimits()


class OriginPace:
    """One origin's. Not thread-safe."""

    def __init__(self, limits: PaceLimits) -> None:
        self._limits = limits
        self._allowed = float(limits.first)
        self._fastest_seconds = float("inf")
        self._slowed_at = 0.0

    @property
    def at_once(self) -> int:
        return int(self._allowed)

    def answered(self, seconds: float) -> None:
        """A request was answered well; `seconds`: until the head of its response."""
        self._fastest_seconds = min(self._fastest_seconds, seconds)
        if seconds <= SLOWED_DOWN * self._fastest_seconds:
            self._allowed = min(self._allowed + 1 / self._allowed, self._limits.most)

    def overloaded(self, begun: float) -> None:
        """A request that began at `begun` (monotonic seconds) was refused for now.

        Those that were under way when the pace was last slowed down say nothing new.
        """
        if begun >= self._slowed_at:
            self._allowed = max(self._allowed / 2, self._limits.least)
            self._slowed_at = time.monotonic()
