"""One pace for an origin that asked to be asked less, kept for all workers together (design B10).

Additive increase and multiplicative decrease, as TCP keeps it (RFC 5681 section 3.1), with a memory for the rate
that was refused last, as CUBIC has one (RFC 9438 section 4): servers count to the millisecond (nginx's limit_req),
and a rate but a little above theirs has every other request refused. So what was refused is approached, not tried
again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Requests a second that begin the search. 90 % of a round number, as are its halves and doubles: at a server's own
#: number exactly, whichever request comes a millisecond early is refused.
FIRST_RATE = 1.8
#: One request a minute: the least, so that an origin that recovers is noticed. And the most that is kept count of.
LEAST_RATE, MOST_RATE = 1 / 60, 1_000.0
#: While the rate is far from the one refused last it doubles with a good answer; nearer, it rises by a stride, and
#: then by a step, after so many; and where the next step would all but reach it, only after many more, since then the
#: origin may have changed. A stride from 90 % of a half of a round number leads to 90 % of five eighths.
DOUBLING, STRIDE, STEP = 2.0, 1.25, 1.05
GOOD_BEFORE_STRIDE, GOOD_BEFORE_STEP, GOOD_BEFORE_CEILING = 9, 10, 30
NEARLY = 0.95
CEILING_RISE = 1.25
#: Of the rate that was refused, what is left. Half when it had doubled, or when no good answer came since.
FALL = 1.1
#: So near to a refusal of somebody who does not know the pace yet, in seconds, another one says nothing about the rate:
#: workers that start one after the other ask in between.
CONFUSED_SECONDS = 0.5
#: Slots that begin later than this are not leased yet, in seconds: the rate may have changed by then.
HORIZON_SECONDS = 0.3
#: The first slot of a lease lies so far ahead, in seconds: it is to be reached in time.
LEAD_SECONDS = 0.02
#: How long after its last complaint an origin is paced.
REMEMBERED_SECONDS = 3_600
#: The farthest that a product is put off, as SQS delays messages, in seconds.
MOST_PUT_OFF_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What all workers know of one origin. Moments in epoch seconds, rates in requests a second.

    last_slot: the last that was leased. not_before: what Retry-After asked for. ceiling: the rate refused last, 0
    for none. era: how often the rate has changed; fell_in: the era that the last fall began. good: good answers of
    this era. grown_by: how the rate came about. refused_since: since when there was no good answer, 0 when one was
    the last. status: of the last refusal. complained_at: its moment. returns: until when products that were put off
    have been given moments to come back. fell_at: when the rate fell the last time. ceiling_before: of that fall.
    unpaced_at: when somebody was refused who did not know the pace.
    """

    rate: float
    last_slot: float
    complained_at: float
    status: int
    refused_since: float
    not_before: float = 0.0
    ceiling: float = 0.0
    era: int = 0
    fell_in: int = 0
    good: int = 0
    grown_by: float = DOUBLING
    returns: float = 0.0
    fell_at: float = 0.0
    ceiling_before: float = 0.0
    unpaced_at: float = 0.0

    @classmethod
    def begun(cls, now: float, status: int, retry_after: float | None) -> Pace:
        """After the first complaint."""
        return cls(FIRST_RATE, now, now, status, now, now + (retry_after or 0))

    @property
    def interval(self) -> float:
        """Seconds between two slots."""
        return 1 / self.rate

    def is_over(self, now: float) -> bool:
        """Whether the complaints are so long ago that the origin is asked freely."""
        return now >= max(self.complained_at + REMEMBERED_SECONDS, self.not_before)

    def next_free(self, now: float) -> float:
        """The moment of the next slot that nobody has leased.

        No lease reaches further than the horizon: a last slot beyond was leased by a clock that is wrong.
        """
        last = min(self.last_slot, now + 2 * HORIZON_SECONDS)
        return max(last + self.interval, now + LEAD_SECONDS, self.not_before)

    def leased(self, now: float, wanted: int) -> tuple[Pace, tuple[float, ...]]:
        """Lease up to `wanted` slots within the horizon; the pace as it is then, and the slots in order."""
        first = self.next_free(now)
        most = int((now + HORIZON_SECONDS - first) / self.interval) + 1 if first <= now + HORIZON_SECONDS else 0
        slots = tuple(first + number * self.interval for number in range(min(wanted, most)))
        return (replace(self, last_slot=slots[-1]) if slots else self), slots

    def answered_well(self, era: int, answers: int) -> Pace:
        """After good answers to requests in slots of an era. An earlier era's say nothing about this one's rate."""
        if era != self.era or not answers:
            return self
        pace = replace(self, good=self.good + answers, refused_since=0.0)
        if not self.ceiling or self.rate * DOUBLING <= NEARLY * self.ceiling:
            return _changed(pace, DOUBLING)
        if self.rate * STRIDE <= NEARLY * self.ceiling:
            return _changed(pace, STRIDE) if pace.good >= GOOD_BEFORE_STRIDE else pace
        if self.rate * STEP <= NEARLY * self.ceiling:
            return _changed(pace, STEP) if pace.good >= GOOD_BEFORE_STEP else pace
        if pace.good < GOOD_BEFORE_CEILING:
            return pace
        return replace(_changed(pace, STEP), ceiling=self.ceiling * CEILING_RISE)

    def refused(self, now: float, era: int | None, status: int, retry_after: float | None) -> Pace:
        """After a complaint about a request in a slot of an era, None about one without a slot.

        Those that were under way when the rate last fell, and those of who did not know the pace, say nothing new.
        Without a good answer since the last one, and near to one of who did not know, a refusal lets the rate fall,
        but is no ceiling: there it took a minute to find a rate that had been taken for a fifth of what it is.
        """
        pace = replace(
            self,
            complained_at=max(self.complained_at, now),
            status=status,
            not_before=max(self.not_before, now + (retry_after or 0)),
            refused_since=self.refused_since or now,
        )
        if era is None:
            has_misled = now - self.fell_at < CONFUSED_SECONDS
            return replace(pace, unpaced_at=now, ceiling=self.ceiling_before if has_misled else self.ceiling)
        if era < self.fell_in:
            return pace
        if self.refused_since or now - self.unpaced_at < CONFUSED_SECONDS:
            ceiling, fall = self.ceiling, DOUBLING
        else:
            ceiling, fall = self.rate, max(self.grown_by, FALL)
        changed = _changed(replace(pace, ceiling=ceiling), 1 / fall)
        return replace(changed, fell_in=changed.era, grown_by=1.0, fell_at=now, ceiling_before=self.ceiling)

    def put_off(self, now: float, products: int) -> tuple[Pace, float]:
        """Give so many products moments to come back, one after the other at this rate; when the first does."""
        first = max(self.returns, self.next_free(now))
        if first - now > MOST_PUT_OFF_SECONDS:
            first = now + MOST_PUT_OFF_SECONDS
        return replace(self, returns=first + products * self.interval), first


def _changed(pace: Pace, factor: float) -> Pace:
    rate = min(max(pace.rate * factor, LEAST_RATE), MOST_RATE)
    return replace(pace, rate=rate, era=pace.era + 1, good=0, grown_by=factor)


@dataclass(frozen=True, slots=True)
class NotedPace:
    """A pace as it is kept. version: of its item; whoever knows another one learns what stands."""

    pace: Pace
    version: int
