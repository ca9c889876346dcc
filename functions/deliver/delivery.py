"""One attempt to deliver a webhook message."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from math import ceil

from imagemill.adapters.store.deliveries import Attempt, get_attempt, put_attempt
from imagemill.adapters.store.messages import WebhookMessage, get_message
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.faults import FetchError, WebCode
from imagemill.domain.clock import now
from imagemill.domain.webhooks.message import Delivery, delay_before, signature
from imagemill.logs import logger

from .receiver import NoReceiver, Receiver, find_receiver, note

#: How long a receiver may take to answer, in seconds (contract A6).
ANSWER_SECONDS = 15.0
#: Errors that no later attempt mends: the URL itself is at fault, or there is no receiver any more.
PERMANENT_ERRORS = frozenset({WebCode.INVALID_URL, WebCode.BLOCKED_ADDRESS, *NoReceiver})
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


def deliver(delivery: Delivery, web: WebClient, schedule: Sequence[int]) -> Outcome:
    """Make the delivery's attempt, note it at the endpoint, and log it.

    An attempt that is logged is not made again, so a repeated invocation only repeats its outcome, and a
    redelivery that meets an earlier delivery on its way shares its attempts. One that died between the
    call and the log is made again under the same webhook-id, by which receivers tell (Standard Webhooks,
    "idempotency").
    """
    attempt = get_attempt(delivery.job_id, delivery.message_id, delivery.attempt)
    if attempt is None:
        message = get_message(delivery.job_id, delivery.run)
        if message is None:
            logger.warning("The job is no longer kept, nor is what was to be told of it")
            return Outcome(DeliveryState.GIVEN_UP)
        attempt = put_attempt(delivery.job_id, _make(delivery, message, web))
    return _outcome(attempt, delivery, schedule)


def _outcome(attempt: Attempt, delivery: Delivery, schedule: Sequence[int]) -> Outcome:
    if attempt.delivered:
        return Outcome(DeliveryState.DELIVERED)
    if attempt.status == HTTPStatus.GONE or attempt.error in PERMANENT_ERRORS:
        return Outcome(DeliveryState.GIVEN_UP)
    made = attempt.number - delivery.first_attempt + 1
    delay = delay_before(made + 1, schedule, attempt.retry_after)
    if delay is None:
        return Outcome(DeliveryState.GIVEN_UP)
    return Outcome(DeliveryState.RETRY, ceil(delay))


def _make(delivery: Delivery, message: WebhookMessage, web: WebClient) -> Attempt:
    receiver = find_receiver(message, delivery.webhook_id)
    untried = Attempt(
        message_id=delivery.message_id,
        number=delivery.attempt,
        event=message.event.value,
        at=now(),
        milliseconds=0,
        delivered=False,
        webhook_id=delivery.webhook_id,
    )
    if isinstance(receiver, NoReceiver):
        return replace(untried, error=receiver.value)
    attempt = _call(receiver, message.body, untried, web)
    if receiver.webhook:
        note(receiver.webhook, attempt)
    return attempt


def _call(receiver: Receiver, body: bytes, untried: Attempt, web: WebClient) -> Attempt:
    begun = time.monotonic()
    try:
        headers = _headers(receiver, untried.message_id, body)
        response = web.post(receiver.url, body, headers, timeout_seconds=ANSWER_SECONDS)
    except FetchError as fault:
        elapsed = int((time.monotonic() - begun) * 1000)
        return replace(untried, milliseconds=elapsed, error=fault.code.value)
    tried = replace(untried, milliseconds=response.elapsed_ms, status=response.status)
    if 200 <= response.status < 300:
        return replace(tried, delivered=True)
    asked = response.retry_after if response.status in BUSY_STATUSES else None
    return replace(tried, error="HTTP_STATUS", retry_after=None if asked is None else ceil(asked))


def _headers(receiver: Receiver, message_id: str, body: bytes) -> dict[str, str]:
    """With a signature of each secret that is valid now, separated by spaces (Standard Webhooks)."""
    timestamp = int(time.time())
    secrets = receiver.secrets.valid_at(timestamp)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }
