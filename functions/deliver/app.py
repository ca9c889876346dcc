"""The deliver Lambda: one attempt of one message, called by the completion state machine in a loop."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.policy import WebPolicy, user_agent
from imagemill.domain.webhooks.message import Delivery
from imagemill.kept import kept
from imagemill.logs import logger
from imagemill.metrics import Metric
from imagemill.settings import settings

from .delivery import deliver


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make the next attempt of a delivery (`imagemill.domain.webhooks.message.Delivery`).

    Returns the delivery with the number of the attempt after it, `state` (`DELIVERED`, `RETRY` or
    `GIVEN_UP`) and `wait_seconds` until that attempt.
    """
    delivery = Delivery.from_dict(event)
    logger.append_keys(job_id=delivery.job_id, message_id=delivery.message_id, attempt=delivery.attempt)
    outcome = deliver(delivery, _web(), _schedule())
    metrics.count(Metric.WEBHOOK_ATTEMPTS, value=outcome.state.value)
    logger.info("Webhook attempt", extra={"state": outcome.state, "wait_seconds": outcome.wait_seconds})
    return {
        **replace(delivery, attempt=delivery.attempt + 1).as_dict(),
        "state": outcome.state.value,
        "wait_seconds": outcome.wait_seconds,
    }


@kept
def _web() -> WebClient:
    policy = WebPolicy(
        allow_loopback=settings().is_local,
        user_agent=user_agent(os.environ["CONTACT_URL"]),
        connect_timeout_seconds=float(os.environ["CONNECT_TIMEOUT_SECONDS"]),
    )
    return WebClient(policy)


@kept
def _schedule() -> tuple[int, ...]:
    return tuple(int(seconds) for seconds in os.environ["WEBHOOK_DELAYS_SECONDS"].split(","))
