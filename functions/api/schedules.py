"""Schedules of a tenant: made, changed, removed, and told of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from imagemill.adapters.aws.queues import ask_ingest
from imagemill.adapters.aws.timers import remove_timer, set_timer
from imagemill.adapters.store.jobs import get_jobs
from imagemill.adapters.store.schedules import (
    change_schedule,
    delete_schedule,
    get_schedule,
    list_schedules,
    put_schedule,
)
from imagemill.domain.clock import now
from imagemill.domain.ids import created_seconds, is_id, new_id
from imagemill.domain.ingest_messages import RunSchedule
from imagemill.domain.job import options_as_dict
from imagemill.domain.options import JobOptions
from imagemill.domain.recurrence import CronLine, Interval, parse_recurrence
from imagemill.domain.schedule import MAX_SCHEDULES, Schedule, schedule_document, time_of_run
from imagemill.errors import InvalidOptionError

from .idempotency import claimed_id
from .problems import ProblemError
from .remote import RemoteRequest


def register(tenant: str, fields: Mapping[str, Any], idempotency_key: str | None = None) -> Schedule:
    """Make a schedule, or find the one that its idempotency key already stands for.

    One by a duration has its first run at once.

    The timer is made first: one that a crash leaves without a schedule removes itself when it is due, but a schedule
    without a timer would never run. Written first and counted then, so that of several at once none remains above the
    limit. Safe to repeat with the same key, also after a crash half-way: timer, schedule and first run go by its id.

    Raises:
        InvalidOptionError: when a field is missing, or for how often.
        ProblemError: 409 above the limit, or when the key stands for something else.
    """
    for name in ("source_url", "every"):
        if name not in fields:
            raise InvalidOptionError(name, "required")
    options = fields.get("options", JobOptions())
    parse_recurrence(fields["every"], fields.get("timezone"))
    schedule_id = new_id()
    if idempotency_key is not None:
        schedule_id = claimed_id(tenant, idempotency_key, schedule_id, _content_hash(fields), made="schedule")
        if standing := get_schedule(tenant, schedule_id):
            _begin(standing)
            return standing
    schedule = Schedule(
        schedule_id=schedule_id,
        tenant=tenant,
        source_url=fields["source_url"],
        filename=RemoteRequest(fields["source_url"], options).filename,
        every=fields["every"],
        timezone=fields.get("timezone") or None,
        created_at=now(),
        options=options,
        enabled=fields.get("enabled", True),
    )
    if len(list_schedules(tenant)) >= MAX_SCHEDULES:
        raise _too_many()
    set_timer(schedule)
    put_schedule(schedule)
    if len(list_schedules(tenant)) > MAX_SCHEDULES:
        remove(schedule)
        raise _too_many()
    _begin(schedule)
    return schedule


def _begin(schedule: Schedule) -> None:
    """Ask for the first run of a schedule by a duration. Asked twice, it is one job."""
    is_by_duration = isinstance(parse_recurrence(schedule.every, schedule.timezone), Interval)
    if schedule.enabled and is_by_duration and not schedule.runs:
        made = datetime.fromtimestamp(created_seconds(schedule.schedule_id), UTC)
        ask_ingest(RunSchedule(schedule.tenant, schedule.schedule_id, time_of_run(made)))


def _content_hash(fields: Mapping[str, Any]) -> str:
    asked = {**fields, "options": options_as_dict(fields.get("options", JobOptions()))}
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def owned(schedule_id: str, tenant: str) -> Schedule:
    """The tenant's schedule.

    Raises:
        ProblemError: 404, the same whether there is none or it is another's.
    """
    schedule = get_schedule(tenant, schedule_id) if is_id(schedule_id) else None
    if schedule is None:
        raise _not_found()
    return schedule


def change(schedule: Schedule, fields: Mapping[str, Any]) -> Schedule:
    """Change the fields that are given; `options` all together. A cron line keeps the time zone that there is.

    Safe to repeat and to race: whoever was last has written schedule and timer.

    Raises:
        InvalidOptionError: for how often.
    """
    changes = dict(fields)
    if "every" in changes or "timezone" in changes:
        _change_recurrence(schedule, changes)
    changed = replace(schedule, **changes)
    changed = replace(changed, filename=RemoteRequest(changed.source_url, changed.options).filename)
    if not change_schedule(changed):
        raise _not_found()
    return _settle(changed)


def _change_recurrence(schedule: Schedule, changes: dict[str, Any]) -> None:
    changes.setdefault("every", schedule.every)
    if "timezone" not in changes:
        is_line = isinstance(changes["every"], str) and len(changes["every"].split()) > 1
        changes["timezone"] = schedule.timezone if is_line else None
    recurrence = parse_recurrence(changes["every"], changes["timezone"])
    changes["timezone"] = recurrence.timezone if isinstance(recurrence, CronLine) else None


def _settle(schedule: Schedule) -> Schedule:
    """Let the timer be what the schedule says. Goes on only while others change the latter, so it comes to an end."""
    while True:
        set_timer(schedule)
        latest = get_schedule(schedule.tenant, schedule.schedule_id)
        if latest is None:
            remove_timer(schedule.schedule_id)
            raise _not_found()
        if latest.timing == schedule.timing:
            return latest
        schedule = latest


def remove(schedule: Schedule) -> None:
    """Remove a schedule; its jobs stay. A timer that a crash leaves removes itself when it is due."""
    delete_schedule(schedule.tenant, schedule.schedule_id)
    remove_timer(schedule.schedule_id)


def show(schedules: Sequence[Schedule]) -> list[dict[str, Any]]:
    """Their documents, with what came of the last runs."""
    # A hundred jobs at most: MAX_SCHEDULES of KEPT_RUNS.
    jobs = get_jobs([run.job_id for schedule in schedules for run in schedule.runs])
    moment = datetime.now(UTC)
    return [schedule_document(schedule, jobs, moment) for schedule in schedules]


def _not_found() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "SCHEDULE_NOT_FOUND", "There is no such schedule.")


def _too_many() -> ProblemError:
    detail = f"There are {MAX_SCHEDULES} schedules already. Delete one, or change its source_url."
    return ProblemError(HTTPStatus.CONFLICT, "TOO_MANY_SCHEDULES", detail)
