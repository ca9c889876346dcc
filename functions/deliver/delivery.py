"""One attempt to deliver a webhook message."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from math import ceil

from imagemill.adapters.deliveries import Attempt, get_attempt, put_attempt
from imagemill.adapters.jobs import get_job
from imagemill.adapters.secrets import signing_secret
from imagemill.adapters.web import FetchFault, WebClient
from imagemill.domain.codes import ImageCode
from imagemill.domain.job import Job, ProductCounts, job_document, now
from imagemill.domain.webhook import delay_before, signature

#: How long a receiver may take to answer, in seconds (contract A6).
ANSWER_SECONDS = 15.0
#: Faults of the URL itself, which no later attempt mends.
PERMANENT_ERRORS = frozenset({ImageCode.INVALID_URL, ImageCode.BLOCKED_ADDRESS})
#: The statuses with which Retry-After is obeyed (contract A6).
BUSY_STATUSES = frozenset({429, 503})


class DeliveryState(StrEnum):
    DELIVERED = "DELIVERED"
    RETRY = "RETRY"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Outcome:
    state: DeliveryState
    wait_seconds: int = 0


def deliver(job_id: str, message_id: str, number: int, web: WebClient, schedule: Sequence[int]) -> Outcome:
    """Make an attempt (from 1) and log it.

    An attempt that is logged is not made again, so a repeated invocation only repeats its outcome. One
    that died between the call and the log is made again under the same webhook-id, by which receivers
    tell (Standard Webhooks, "idempotency").

    Raises:
        LookupError: when the job is gone.
    """
    attempt = get_attempt(job_id, message_id, number)
    if attempt is None:
        job = get_job(job_id)
        if job is None or job.options.webhook_url is None:
            raise LookupError(f"job {job_id} has no webhook")
        attempt = _call(job, job.options.webhook_url, message_id, number, web)
        put_attempt(job_id, attempt)
    return _outcome(attempt, schedule)


def _outcome(attempt: Attempt, schedule: Sequence[int]) -> Outcome:
    if attempt.delivered:
        return Outcome(DeliveryState.DELIVERED)
    if attempt.status == HTTPStatus.GONE or attempt.error in PERMANENT_ERRORS:
        return Outcome(DeliveryState.GIVEN_UP)
    delay = delay_before(attempt.number + 1, schedule, attempt.retry_after)
    if delay is None:
        return Outcome(DeliveryState.GIVEN_UP)
    return Outcome(DeliveryState.RETRY, ceil(delay))


def _call(job: Job, url: str, message_id: str, number: int, web: WebClient) -> Attempt:
    event = f"job.{job.status.value.lower()}"
    body = _body(job, event)
    timestamp = int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(signing_secret(job.tenant), message_id, timestamp, body),
    }
    begun, at = time.monotonic(), now()
    try:
        response = web.post(url, body, headers, timeout_seconds=ANSWER_SECONDS)
    except FetchFault as fault:
        elapsed = int((time.monotonic() - begun) * 1000)
        return Attempt(message_id, number, event, at, elapsed, delivered=False, error=fault.code.value)
    delivered = 200 <= response.status < 300
    asked = response.retry_after if response.status in BUSY_STATUSES else None
    return Attempt(
        message_id,
        number,
        event,
        at,
        response.elapsed_ms,
        delivered=delivered,
        status=response.status,
        error=None if delivered else "HTTP_STATUS",
        retry_after=None if asked is None else ceil(asked),
    )


def _body(job: Job, event: str) -> bytes:
    """The payload. It depends on the ended job alone, so that it is the same at every attempt."""
    document = job_document(job, job.counts or ProductCounts())
    payload = {"type": event, "timestamp": job.ended_at, "data": document}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
