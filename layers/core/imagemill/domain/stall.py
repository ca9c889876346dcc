"""When a job counts as stalled, and how long it is waited for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagemill.domain.codes import JobStatus

#: While messages wait in a queue, a job's may be among them: it is left in peace for this many stall times.
BACKLOG_STALLS = 12
#: Pauses after redrives double up to this: 2^7 stall times of 15 minutes are 32 hours.
MAX_DOUBLINGS = 7


@dataclass(frozen=True, slots=True)
class Seen:
    """What progress changes. ended: products of the run that have ended, as `live_counts` tells."""

    status: JobStatus
    run: int
    ended: int


@dataclass(frozen=True, slots=True)
class Note:
    """What the sweep saw of a job. at: since when, or when it last re-drove the job, in epoch seconds.

    redrives: how often it did, without progress since.
    """

    seen: Seen
    at: int
    redrives: int = 0

    def redriven(self, moment: int) -> Note:
        return replace(self, at=moment, redrives=self.redrives + 1)

    def pause(self, stalled_seconds: int) -> int:
        """How long to wait for progress, in seconds: twice as long after each redrive that brought none."""
        return stalled_seconds << min(self.redrives, MAX_DOUBLINGS)

    def is_stalled(self, moment: int, stalled_seconds: int) -> bool:
        return moment - self.at >= self.pause(stalled_seconds)

    def outlasts_backlog(self, moment: int, stalled_seconds: int) -> bool:
        """Whether a job has waited so long that its messages must be lost, whatever waits in the queues."""
        return moment - self.at >= BACKLOG_STALLS * self.pause(stalled_seconds)
