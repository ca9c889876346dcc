"""A job's delivery log, and delivering again."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Any

from imagemill.adapters.aws.completion import start_deliveries
from imagemill.adapters.store.deliveries import FIRST_PLACE, Place, every_attempt, list_attempts
from imagemill.domain.ids import new_id
from imagemill.domain.job import Job
from imagemill.steps.webhooks import announce, deliveries_of

from .pagination import MAX_PAGE_BYTES, PageRoom
from .problems import ProblemError

#: An attempt within a page has more bytes than that, so a page holds no more attempts than follow from it.
MIN_ATTEMPT_BYTES = 200

#: An attempt's place, as a cursor names it.
PLACE_PATTERN = r"[0-9TZ:.+-]{10,40}/[A-Za-z0-9_-]{1,128}/[0-9]{1,9}"


def delivery_log(job: Job, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """The attempts after a place, in the order in which they were made; and the place to go on from, if any."""
    most = MAX_PAGE_BYTES // MIN_ATTEMPT_BYTES
    found = list_attempts(job.job_id, _place_of(after) if after else FIRST_PLACE, most + 1)
    room = PageRoom()
    page: list[dict[str, Any]] = []
    for attempt in found[:most]:
        document = asdict(attempt)
        if not room.takes(document):
            break
        page.append(document)
    if len(page) == len(found):
        return page, None
    return page, "/".join(map(str, found[len(page) - 1].place))


def _place_of(text: str) -> Place:
    at, message_id, number = text.split("/")
    return at, message_id, int(number)


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
    for attempt in every_attempt(job.job_id):
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
