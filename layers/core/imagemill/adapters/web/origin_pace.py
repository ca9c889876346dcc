"""How many requests one origin is sent at once: as many as it takes without slowing down.

One more for as many good answers as there are requests at once, half as many when it shows that it has too much to
do: additive increase, multiplicative decrease, as TCP keeps it with segments (RFC 5681 section 3.1). A stranger is
asked once, and then for one more with each answer, so that a strict one refuses one request and not eight. An answer
without a body says that the origin has hardly anything to do: then there is one more with each, as in TCP's slow
start (section 3.1 there), until it has refused one.

How many a second is another matter, and all workers' together: `shared_pace.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

#: An answer that takes longer than this many times the fastest one is no reason to ask for more at once.
SLOWED_DOWN = 2.0
#: A stranger that has not answered by then, in seconds, is slow, not strict: strict ones answer at once.
FIRST_ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Requests to one scheme, host and port at once.

    least: however much it has to do; one, where a server counts connections. first: until its answers
    are known. most: however fast they come.
    """

    least: int = 1
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
        self._answers = 0
        self._is_strict = False
        self._asked_at: float | None = None

    @property
    def at_once(self) -> int:
        return int(self._allowed)

    @property
    def has_answered(self) -> bool:
        return self._answers > 0

    def admitted(self, now: float) -> int:
        """How many there may be now: as many as it has answered, of those at once. now: monotonic seconds."""
        is_late = self._asked_at is not None and now - self._asked_at >= FIRST_ANSWER_SECONDS
        if is_late and not self._answers and not self._is_strict:
            return self.at_once
        return min(self.at_once, max(1, self._answers))

    def asked(self, now: float) -> None:
        """A request begins."""
        if self._asked_at is None:
            self._asked_at = now

    def heard(self) -> None:
        """A request was answered, whatever the answer was but a refusal for now."""
        self._answers += 1

    def answered(self, seconds: float, *, has_body: bool = True) -> None:
        """A request was answered well; `seconds`: until the head of its response."""
        self._fastest_seconds = min(self._fastest_seconds, seconds)
        if seconds <= SLOWED_DOWN * self._fastest_seconds:
            more = 1 / self._allowed if has_body or self._is_strict else 1.0
            self._allowed = min(self._allowed + more, self._limits.most)

    def overloaded(self, begun: float) -> None:
        """A request that began at `begun` (monotonic seconds) was refused for now.

        Those that were under way when the pace was last slowed down say nothing new.
        """
        self._is_strict = True
        if begun >= self._slowed_at:
            self._allowed = max(self._allowed / 2, self._limits.least)
            self._slowed_at = time.monotonic()
