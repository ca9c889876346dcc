"""Timers of schedules, in EventBridge Scheduler: each puts a message into the ingest queue when it is due."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import error_code, scheduler
from imagemill.domain.ingest_messages import RunSchedule, to_json
from imagemill.domain.recurrence import CronLine, Interval, Recurrence
from imagemill.domain.schedule import Schedule

#: What EventBridge Scheduler puts in place of it (its user guide, "Adding context attributes").
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


def set_timer(schedule: Schedule) -> None:
    """Make the schedule's timer, or make it anew. Repeating changes nothing.

    What cannot be put into the queue for a day goes to its dead letters.
    """
    request = _request(schedule)
    try:
        scheduler().update_schedule(**request)
    except ClientError as fault:
        if error_code(fault) != "ResourceNotFoundException":
            raise
        try:
            scheduler().create_schedule(**request)
        except ClientError as taken:
            if error_code(taken) != "ConflictException":
                raise
            scheduler().update_schedule(**request)


def remove_timer(schedule_id: str) -> None:
    """Repeating changes nothing."""
    try:
        scheduler().delete_schedule(Name=schedule_id, GroupName=os.environ["SCHEDULE_GROUP"])
    except ClientError as fault:
        if error_code(fault) != "ResourceNotFoundException":
            raise


def _request(schedule: Schedule) -> dict[str, Any]:
    message = to_json(RunSchedule(schedule.tenant, schedule.schedule_id, SCHEDULED_TIME))
    recurrence = schedule.recurrence
    request: dict[str, Any] = {
        "Name": schedule.schedule_id,
        "GroupName": os.environ["SCHEDULE_GROUP"],
        "ScheduleExpression": expression(recurrence),
        "State": "ENABLED" if schedule.enabled else "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": os.environ["SCHEDULE_TARGET"],
            "RoleArn": os.environ["SCHEDULE_ROLE"],
            "Input": message,
            "DeadLetterConfig": {"Arn": os.environ["SCHEDULE_DEAD_LETTERS"]},
        },
    }
    if isinstance(recurrence, CronLine):
        return {**request, "ScheduleExpressionTimezone": recurrence.timezone}
    # Without it a rate begins at once, and begins anew with each change.
    return {**request, "StartDate": schedule.next_after(datetime.now(UTC))}


def expression(recurrence: Recurrence) -> str:
    """In EventBridge's dialect: a year, weekdays from 1, and `?` in one of the two fields of days."""
    if isinstance(recurrence, Interval):
        return f"rate({recurrence.minutes} minutes)"
    weekdays = tuple(weekday + 1 for weekday in recurrence.weekdays)
    by_weekday = len(weekdays) < 7
    fields = (
        str(recurrence.minute),
        _listed(recurrence.hours, 24),
        "?" if by_weekday else _listed(recurrence.days, 31),
        _listed(recurrence.months, 12),
        _listed(weekdays, 7) if by_weekday else "?",
        "*",
    )
    return f"cron({' '.join(fields)})"


def _listed(values: tuple[int, ...], of: int) -> str:
    return "*" if len(values) == of else ",".join(map(str, values))
