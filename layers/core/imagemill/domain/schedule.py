"""A schedule: a feed's address that is fetched again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import created_seconds
from imagemill.domain.job import Job, shown_options
from imagemill.domain.options import JobOptions
from imagemill.domain.recurrence import Recurrence, parse_recurrence

#: Schedules a tenant may have.
MAX_SCHEDULES = 20
#: Runs of which a schedule tells what came.
KEPT_RUNS = 5


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """at: when it was due, ISO 8601 UTC in seconds."""

    at: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """every and timezone: as the caller says them; see `parse_recurrence`. filename: what its jobs call the CSV."""

    schedule_id: str
    tenant: str
    source_url: str
    filename: str
    every: str
    timezone: str | None
    created_at: str
    options: JobOptions = field(default_factory=JobOptions)
    enabled: bool = True
    runs: tuple[ScheduledRun, ...] = ()

    @property
    def recurrence(self) -> Recurrence:
        return parse_recurrence(self.every, self.timezone)

    @property
    def timing(self) -> tuple[str, str | None, bool]:
        """What its timer has to know."""
        return self.every, self.timezone, self.enabled

    def next_after(self, moment: datetime) -> datetime:
        """When it is due next. Durations count from its making."""
        return self.recurrence.next_after(moment, datetime.fromtimestamp(created_seconds(self.schedule_id), UTC))

    def with_run(self, run: ScheduledRun) -> Schedule:
        """With a run among the last ones; noting it twice changes nothing."""
        known = {kept.at: kept for kept in (*self.runs, run)}
        return replace(self, runs=tuple(known[at] for at in sorted(known)[-KEPT_RUNS:]))


def time_of_run(moment: datetime) -> str:
    """As EventBridge Scheduler writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule_document(schedule: Schedule, jobs: Mapping[str, Job], moment: datetime) -> dict[str, Any]:
    """The schedule as its owner sees it. jobs: those of its runs, as far as they are kept."""
    known = [(run, jobs[run.job_id]) for run in reversed(schedule.runs) if run.job_id in jobs]
    return {
        "id": schedule.schedule_id,
        "source_url": schedule.source_url,
        "every": schedule.every,
        "timezone": schedule.timezone,
        "options": {**shown_options(schedule.options), "client_reference": schedule.options.client_reference},
        "enabled": schedule.enabled,
        "created_at": schedule.created_at,
        "next_run_at": time_of_run(schedule.next_after(moment)) if schedule.enabled else None,
        "runs": [_run_document(run, job) for run, job in known],
    }


def _run_document(run: ScheduledRun, job: Job) -> dict[str, Any]:
    return {
        "scheduled_at": run.at,
        "job_id": job.job_id,
        "status": job.status.value,
        "ended_at": job.ended_at,
        "unchanged_since": job.unchanged_since,
        "errors": _codes(job.errors) if job.status is JobStatus.REJECTED else [],
    }


def _codes(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(error["code"]) for error in errors]
