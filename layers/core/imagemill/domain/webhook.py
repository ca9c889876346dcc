"""Webhooks after Standard Webhooks (https://www.standardwebhooks.com): signatures and the schedule of attempts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from random import random

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret, as the specification has it
#: Entropy of a secret, in bytes (contract A6; the specification asks for 24 to 64).
SECRET_BYTES = 32
#: Share by which a delay is prolonged at random, so that receivers that failed together are not called together.
JITTER = 0.1
#: The longest that a receiver's Retry-After is obeyed, in seconds (contract A6: 24 h).
MAX_RETRY_AFTER_SECONDS = 24 * 3600


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
