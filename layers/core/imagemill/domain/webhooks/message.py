"""Webhooks after Standard Webhooks (https://www.standardwebhooks.com): messages, signatures, and when to try."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import random
from typing import Any

from imagemill.domain.codes import JobStatus

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret, as the specification has it
#: Entropy of a secret, in bytes (contract A6; the specification asks for 24 to 64).
SECRET_BYTES = 32
#: Share by which a delay is prolonged at random, so that receivers that failed together are not called together.
JITTER = 0.1
#: The longest that a receiver's Retry-After is obeyed, in seconds (contract A6: 24 h).
MAX_RETRY_AFTER_SECONDS = 24 * 3600


class EventType(StrEnum):
    """What a message tells (contract A6)."""

    JOB_COMPLETED = "job.completed"
    JOB_PARTIAL = "job.partial"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_REJECTED = "job.rejected"
    WEBHOOK_TEST = "webhook.test"


def event_of(status: JobStatus) -> EventType:
    """The event that tells of a job's end. Raises ValueError for a status that is no end."""
    return EventType(f"job.{status.value.lower()}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the completion state machine hands to deliver: one message on its way to one receiver.

    webhook_id: the registered endpoint, or None for the job's own `webhook_url`. attempt: the number that
    is to be made, from 1. first_attempt: where this delivery began; a redelivery goes on counting, but
    starts the schedule anew.
    """

    job_id: str
    run: int
    webhook_id: str | None
    attempt: int = 1
    first_attempt: int = 1

    @property
    def message_id(self) -> str:
        """One a job, run and receiver: the same over all attempts and redeliveries, so that receivers can tell."""
        return "_".join(["msg", self.job_id, str(self.run), *([self.webhook_id] if self.webhook_id else [])])

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "message_id": self.message_id}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Delivery:
        """The inverse of `as_dict`."""
        return cls(
            job_id=values["job_id"],
            run=int(values["run"]),
            webhook_id=values["webhook_id"],
            attempt=int(values["attempt"]),
            first_attempt=int(values["first_attempt"]),
        )


def message_body(event: EventType, timestamp: str | None, data: Mapping[str, Any]) -> bytes:
    """The payload. timestamp: of the event, ISO 8601."""
    payload = {"type": event.value, "timestamp": timestamp, "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,` signature: base64 HMAC-SHA256 of `id.timestamp.body`. timestamp: of the attempt, epoch seconds."""
    signing_key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(signing_key, signed, hashlib.sha256).digest()).decode()


def delay_before(attempt: int, schedule: Sequence[int], retry_after: float | None) -> float | None:
    """Seconds to wait before an attempt (from 1), after the one before; None when there is to be none.

    schedule: the delay before each attempt. retry_after: seconds that the receiver asked for, with 429 or 503.
    """
    if attempt > len(schedule):
        return None
    planned = schedule[attempt - 1] * (1 + JITTER * random())
    return max(planned, min(retry_after or 0, MAX_RETRY_AFTER_SECONDS))
