"""One round of the sweep: what is seen of each job that is due, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import ClientError

from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.reports import rows_reported
from imagemill.adapters.store.watch import Watched, due_jobs, forget, look_again, unwatch
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import Job
from imagemill.domain.stall import Note, Seen
from imagemill.logs import logger

from .remedy import Outlook, Remedy, outlook, remedy_for

#: When less time than this remains, in milliseconds, the rest is left to the next round. A job takes
#: well under a second; the reserve is for calls that are throttled.
RESERVED_MILLISECONDS = 30_000


class Finding(StrEnum):
    """MOVING: progress since the last look. WAITING: none, but it may yet come. REDRIVEN: what was missing is
    started again. GIVEN_UP: ended, or left, without what was missing. DONE: ended and told, or gone.
    TAKEN: another round, or a retry, was first. NOT_SWEPT: looking after it failed.
    """

    MOVING = "MOVING"
    WAITING = "WAITING"
    REDRIVEN = "REDRIVEN"
    GIVEN_UP = "GIVEN_UP"
    DONE = "DONE"
    TAKEN = "TAKEN"
    NOT_SWEPT = "NOT_SWEPT"


@dataclass(frozen=True, slots=True)
class Round:
    """moment: now, in epoch seconds. are_idle: whether the queues are, so that nothing of a job may wait in them."""

    moment: int
    stalled_seconds: int
    are_idle: bool

    def over_due_jobs(self, remaining_milliseconds: Callable[[], int]) -> Counter[Finding]:
        """Look after all jobs that are due, as long as there is time. One that fails does not stop the others."""
        findings: Counter[Finding] = Counter()
        for entry in due_jobs(self.moment):
            if remaining_milliseconds() < RESERVED_MILLISECONDS:
                logger.warning("The rest is left to the next round")
                break
            findings[self._safely(entry)] += 1
        return findings

    def _safely(self, entry: Watched) -> Finding:
        try:
            return self.look_after(entry)
        except Exception:  # noqa: BLE001 - logged, counted, and raised as JobsNotSweptError when the round is over
            logger.exception("Job not swept", extra={"job_id": entry.job_id})
            # Behind the others: a job that always fails must not be the first of every round.
            with suppress(ClientError):
                look_again(entry, self.moment + self.stalled_seconds)
            return Finding.NOT_SWEPT

    def look_after(self, entry: Watched) -> Finding:
        """Compare a job with what was noted of it, and re-drive it when it has made no progress for too long.

        The note is written before anything is done, on condition that nobody else wrote one, so two rounds
        at once do nothing twice. A crash between costs one redrive, which the next round makes up for.
        """
        job = get_job(entry.job_id)
        if job is None:
            forget(entry)
            return Finding.DONE
        seen = _seen(job)
        before = entry.note
        note = before if before and before.seen == seen else Note(seen, self.moment)
        expected = outlook(job, note.redrives)
        if expected is not Outlook.OPEN:
            if not unwatch(entry, job.status, job.run):
                return Finding.TAKEN
            return Finding.DONE if expected is Outlook.TOLD else Finding.GIVEN_UP
        remedy = self._remedy(job, note)
        if remedy is None:
            look_again(entry, self._next_look(note), note)
            return Finding.WAITING if note is before else Finding.MOVING
        redriven = note.redriven(self.moment)
        if not look_again(entry, self._next_look(redriven), redriven):
            return Finding.TAKEN
        logger.warning("Job stalled", extra={"job_id": job.job_id, "run": job.run, "remedy": str(remedy)})
        remedy.apply(job)
        return Finding.GIVEN_UP if remedy.gives_up else Finding.REDRIVEN

    def _remedy(self, job: Job, note: Note) -> Remedy | None:
        if not note.is_stalled(self.moment, self.stalled_seconds):
            return None
        outlasts = note.outlasts_backlog(self.moment, self.stalled_seconds)
        return remedy_for(job, note.redrives, self.moment, may_be_queued=not self.are_idle and not outlasts)

    def _next_look(self, note: Note) -> int:
        due = note.at + note.pause(self.stalled_seconds)
        return due if due > self.moment else self.moment + self.stalled_seconds


def _seen(job: Job) -> Seen:
    ended = live_counts(job.job_id, job.run).ended if job.status is JobStatus.PROCESSING else 0
    if 0 < job.products <= ended:
        # The progress of a long report counts, too.
        ended += rows_reported(job.job_id, job.run)
    return Seen(job.status, job.run, ended)
