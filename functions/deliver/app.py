"""The deliver Lambda: one attempt of one message, called by the completion state machine in a loop."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import __version__
from imagemill.adapters.web import WebClient, WebPolicy
from imagemill.logs import logger
from imagemill.settings import settings

from .delivery import deliver


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make the attempt `{"job_id", "message_id", "attempt"}`.

    Returns the same with the number of the next attempt, `state` (`DELIVERED`, `RETRY` or `GIVEN_UP`)
    and `wait_seconds` until the next attempt.
    """
    logger.append_keys(job_id=event["job_id"], message_id=event["message_id"], attempt=event["attempt"])
    outcome = deliver(event["job_id"], event["message_id"], int(event["attempt"]), _web(), _schedule())
    logger.info("Webhook attempt", extra={"state": outcome.state, "wait_seconds": outcome.wait_seconds})
    return {
        "job_id": event["job_id"],
        "message_id": event["message_id"],
        "attempt": int(event["attempt"]) + 1,
        "state": outcome.state.value,
        "wait_seconds": outcome.wait_seconds,
    }


@cache
def _web() -> WebClient:
    policy = WebPolicy(allow_loopback=settings().is_local, user_agent=f"imagemill/{__version__}")
    return WebClient(policy)


@cache
def _schedule() -> tuple[int, ...]:
    return tuple(int(seconds) for seconds in os.environ["WEBHOOK_DELAYS_SECONDS"].split(","))
