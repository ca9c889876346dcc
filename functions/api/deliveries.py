"""A job's delivery log, and delivering again."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Any

from imagemill.adapters.aws.completion import start_deliveries
from imagemill.adapters.store.deliveries import list_attempts
from imagemill.domain.ids import new_id
from imagemill.domain.job import Job
from imagemill.steps.webhooks import announce, deliveries_of

from .problems import ProblemError


def delivery_log(job: Job) -> list[dict[str, Any]]:
    """Every attempt, in the order in which they were made."""
    return [asdict(attempt) for attempt in list_attempts(job.job_id)]


def redeliver(job: Job) -> list[dict[str, Any]]:
    """Send the message of the job's last run again, under its ids, to all who receive it now.

    That includes endpoints registered since. Attempts go on counting behind those that were made; a
    delivery still on its way shares them, so what reaches the receiver ends both.

    Raises:
        ProblemError: 409 while the job runs, or when nobody is to be told.
    """
    if not job.status.has_ended:
        detail = f"The job is {job.status.value}. Its webhooks are delivered when it has ended."
        raise ProblemError(HTTPStatus.CONFLICT, "JOB_NOT_FINISHED", detail)
    announce(job)
    made: Counter[str] = Counter()
    for attempt in list_attempts(job.job_id):
        made[attempt.message_id] = max(made[attempt.message_id], attempt.number)
    deliveries = []
    for delivery in deliveries_of(job.job_id, job.run):
        following = made[delivery.message_id] + 1
        deliveries.append(replace(delivery, attempt=following, first_attempt=following))
    if not deliveries:
        detail = "The job has no webhook_url, and no enabled webhook takes its event. Register one with POST /webhooks."
        raise ProblemError(HTTPStatus.CONFLICT, "NO_WEBHOOKS", detail)
    start_deliveries(f"{job.job_id}-{job.run}-redelivery-{new_id()}", deliveries)
    return [{"message_id": delivery.message_id, "webhook_id": delivery.webhook_id} for delivery in deliveries]
