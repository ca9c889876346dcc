"""When the next request to an origin that complained may go out: in slots that all workers share (design B10).

An origin that never complained has none, and nothing is asked of anybody about it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform
from threading import Condition
from typing import Protocol

from imagemill.adapters.web.faults import FarSlotError
from imagemill.domain.pace import HORIZON_SECONDS, NotedPace, Pace
from imagemill.domain.web_urls import Origin
from imagemill.errors import OriginNotKeptError

#: A request whose slot is further away is put off instead, so that its worker is free for others, in seconds.
FAR_SECONDS = 30.0
#: Who loses to other workers steps back, in seconds, twice as long each time, and reads before it writes again: a
#: thousand of them share an item that is read three thousand times a second, and written a thousand. Longer, and the
#: last one would sleep while slots pass that nobody else wants any more.
FIRST_STEP_BACK_SECONDS, MOST_STEP_BACK_SECONDS = 0.1, 1.0
#: What others have changed is looked at so often while nothing else is due, in seconds.
LOOK_SECONDS = 1.0
#: A slot is not used later than this, in seconds: the next one would follow too soon.
LATE_SECONDS = 0.05


class Paces(Protocol):
    """Where the paces of all workers are kept: `adapters/store/origins.py`."""

    def change(
        self, origin: Origin, known: NotedPace | None, change: Callable[[Pace | None], Pace]
    ) -> tuple[NotedPace, bool]: ...

    def read(self, origin: Origin) -> NotedPace | None: ...


class OwnPaces:
    """For a process that knows of no others."""

    def change(
        self, _origin: Origin, known: NotedPace | None, change: Callable[[Pace | None], Pace]
    ) -> tuple[NotedPace, bool]:
        return NotedPace(change(known.pace if known else None), 0), False

    def read(self, _origin: Origin) -> NotedPace | None:
        return None


@dataclass(frozen=True, slots=True)
class Slot:
    """A moment in epoch seconds, and the era of the pace that it was leased in."""

    moment: float
    era: int


@dataclass(slots=True)
class _Paced:
    """One origin's. good: answers in `noted`'s era that nobody was told of. next_try: of a lease, in epoch seconds.

    step_back: the most seconds by which the next try comes later, since others were first.
    """

    noted: NotedPace
    slots: deque[Slot] = field(default_factory=deque)
    waiting: int = 0
    good: int = 0
    is_leasing: bool = False
    next_try: float = 0.0
    looked_at: float = 0.0
    step_back: float = 0.0


class SharedPaces:
    """What one process knows of the paces, and the slots that it has leased. Thread-safe.

    As long as the paces cannot be reached, those that are known are kept to without the others.
    """

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._changed = Condition()
        self._paced: dict[Origin, _Paced] = {}

    def is_paced(self, origin: Origin) -> bool:
        return origin in self._paced

    def know(self, origin: Origin, noted: NotedPace) -> None:
        """Learn of an origin that complained to others, before the first request to it."""
        with self._changed:
            self._paced.setdefault(origin, _Paced(noted))

    def wait(self, origin: Origin, until: float) -> Slot | None:
        """Wait for a slot; None at once for an origin that has no pace.

        until: monotonic seconds.

        Raises:
            FarSlotError: when it would not come by then, or within FAR_SECONDS.
        """
        if origin not in self._paced:
            return None
        patient_until = min(until, time.monotonic() + FAR_SECONDS)
        self._count_waiting(origin, 1)
        try:
            while paced := self._still_paced(origin):
                self._raise_when_far(origin, paced, patient_until)
                slot = self._next_slot(origin, paced, patient_until)
                if slot is None:
                    continue
                time.sleep(max(0.0, slot.moment - time.time()))
                # What was leased before the last fall comes too fast.
                if slot.era >= paced.noted.pace.fell_in:
                    return slot
        finally:
            self._count_waiting(origin, -1)
        return None

    def answered_well(self, origin: Origin, slot: Slot | None) -> None:
        """Note a good answer; it is passed on with the next lease."""
        paced = self._paced.get(origin)
        if paced and slot:
            with self._changed:
                era = paced.noted.pace.era
                paced.good += slot.era == era
                if paced.noted.pace.answered_well(era, paced.good).era != era:
                    # The rate rises: that brings the next slot nearer.
                    paced.next_try = 0.0
                    self._changed.notify_all()

    def refused(self, origin: Origin, slot: Slot | None, status: int, retry_after: float | None) -> None:
        """Let all workers know that an origin has too much to do."""
        now, era = time.time(), slot.era if slot else None

        def change(pace: Pace | None) -> Pace:
            return pace.refused(now, era, status, retry_after) if pace else Pace.begun(now, status, retry_after)

        paced = self._paced.get(origin)
        known = paced.noted if paced else None
        try:
            noted, _ = self._paces.change(origin, known, change)
        except OriginNotKeptError:
            noted = NotedPace(change(known.pace if known else None), known.version if known else 0)
        with self._changed:
            paced = self._paced.setdefault(origin, _Paced(noted))
            self._take_note(paced, noted)
            paced.next_try = 0.0
            self._changed.notify_all()

    def put_off(self, origin: Origin, requests: int) -> list[FarSlotError]:
        """Put off so many requests: each with a moment to come back that no other worker's has."""
        paced, now = self._paced.get(origin), time.time()
        if paced is None:
            return [FarSlotError(0.0, 0, 0.0)] * requests
        first = now

        def change(pace: Pace | None) -> Pace:
            nonlocal first
            changed, first = (pace or paced.noted.pace).put_off(now, requests)
            return changed

        try:
            noted, _ = self._paces.change(origin, paced.noted, change)
        except OriginNotKeptError:
            noted = NotedPace(change(paced.noted.pace), paced.noted.version)
        with self._changed:
            self._take_note(paced, noted)
        pace = noted.pace
        refused_seconds = now - pace.refused_since if pace.refused_since else 0.0
        return [
            FarSlotError(max(0.0, first + number * pace.interval - now), pace.status, refused_seconds)
            for number in range(requests)
        ]

    def interval(self, origin: Origin) -> float:
        """Seconds between two slots, 0 for an origin that has no pace."""
        paced = self._paced.get(origin)
        return paced.noted.pace.interval if paced else 0.0

    # ---- waiting

    def _count_waiting(self, origin: Origin, one: int) -> None:
        with self._changed:
            if paced := self._paced.get(origin):
                paced.waiting = max(0, paced.waiting + one)

    def _still_paced(self, origin: Origin) -> _Paced | None:
        with self._changed:
            paced = self._paced.get(origin)
            if paced and paced.noted.pace.is_over(time.time()):
                del self._paced[origin]
                self._changed.notify_all()
                return None
            return paced

    def _raise_when_far(self, origin: Origin, paced: _Paced, until: float) -> None:
        now, left = time.time(), until - time.monotonic()
        if left <= 0 or paced.noted.pace.next_free(now) - now > max(left, LOOK_SECONDS):
            [far] = self.put_off(origin, 1)
            raise far

    def _next_slot(self, origin: Origin, paced: _Paced, until: float) -> Slot | None:
        """A slot that was leased, or None when it is to be looked again."""
        with self._changed:
            now = time.time()
            while paced.slots:
                slot = paced.slots.popleft()
                if slot.moment >= now - LATE_SECONDS and slot.era >= paced.noted.pace.fell_in:
                    return slot
            if paced.is_leasing or now < paced.next_try:
                pause = LOOK_SECONDS if paced.is_leasing else paced.next_try - now
                self._changed.wait(max(0.0, min(pause, until - time.monotonic())))
                return None
            paced.is_leasing = True
        try:
            self._lease(origin, paced)
        finally:
            with self._changed:
                paced.is_leasing = False
                self._changed.notify_all()
        return None

    def _lease(self, origin: Origin, paced: _Paced) -> None:
        """Tell of good answers, and lease as many slots as there are who wait for one."""
        with self._changed:
            known, good, wanted = paced.noted, paced.good, paced.waiting
            paced.good = 0
        era = known.pace.era
        if paced.step_back:
            known = self._read(origin, known)
        leased: tuple[float, ...] = ()

        def change(pace: Pace | None) -> Pace:
            nonlocal leased
            answered = (pace or known.pace).answered_well(era, good)
            changed, leased = answered.leased(time.time(), wanted)
            return changed

        try:
            noted, has_lost = self._paces.change(origin, known, change)
        except OriginNotKeptError:
            # Not to be reached, or too many others: the slots are nobody's.
            noted, has_lost, leased = known, True, ()
        now = time.time()
        if noted is known and now - paced.looked_at > LOOK_SECONDS:
            noted, paced.looked_at = self._read(origin, known), now
        with self._changed:
            self._take_note(paced, noted)
            paced.slots.extend(Slot(moment, noted.pace.era) for moment in leased)
            has_stepped_back, paced.step_back = paced.step_back, 0.0
            if (has_lost or has_stepped_back) and not leased:
                paced.step_back = min(max(FIRST_STEP_BACK_SECONDS, 2 * has_stepped_back), MOST_STEP_BACK_SECONDS)
            due = min(noted.pace.next_free(now) - HORIZON_SECONDS, now + LOOK_SECONDS)
            paced.next_try = max(due, now) + uniform(0, paced.step_back) if not leased else due

    @staticmethod
    def _take_note(paced: _Paced, noted: NotedPace) -> None:
        if noted.pace.era != paced.noted.pace.era:
            paced.good = 0
        paced.noted = noted

    def _read(self, origin: Origin, known: NotedPace) -> NotedPace:
        try:
            return self._paces.read(origin) or known
        except OriginNotKeptError:
            return known
