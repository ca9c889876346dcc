"""The processing Lambda: batches of the products queue."""

from __future__ import annotations

import os
import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.adapters.store.origins import OriginPaces
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.policy import WebPolicy, user_agent
from imagemill.kept import kept
from imagemill.logs import logger
from imagemill.settings import settings

from .image import WorkerResources
from .intake import Intake
from .pipeline import Pipeline
from .received_product import ReceivedProduct, read_product


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch; the answer names the messages to be delivered again (ReportBatchItemFailures).

    Among them those that cannot be read: they end in the dead-letter queue, where an alarm rings.
    """
    begun = time.monotonic()
    deadline = begun + context.get_remaining_time_in_millis() / 1000
    received = [(record["messageId"], _receipt(record)) for record in event["Records"]]
    products = [received for _, received in received if received]
    failures = [message_id for message_id, received in received if received is None]
    failures += [received.message_id for received in _pipeline().run(products, deadline, Intake(begun, deadline))]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


@kept
def _pipeline() -> Pipeline:
    """One for the life of the process, so that connections stay open between invocations."""
    policy = WebPolicy(
        allow_loopback=settings().is_local,
        user_agent=user_agent(os.environ["CONTACT_URL"]),
        connect_timeout_seconds=float(os.environ["CONNECT_TIMEOUT_SECONDS"]),
        total_timeout_seconds=float(os.environ["IMAGE_TIMEOUT_SECONDS"]),
        max_retry_after_seconds=float(os.environ["MAX_RETRY_AFTER_SECONDS"]),
        referer=os.environ["REFERER"],
    )
    redelivery = tuple(int(seconds) for seconds in os.environ["REDELIVERY_SECONDS"].split(","))
    memory = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    resources = WorkerResources(WebClient(policy, paces=OriginPaces()), memory, os.cpu_count() or 1)
    resources.codec.start()
    return Pipeline(resources, redelivery, float(os.environ["THROTTLE_PATIENCE_SECONDS"]))


def _receipt(record: dict[str, Any]) -> ReceivedProduct | None:
    attributes = record["attributes"]
    return read_product(
        record["body"],
        record["messageId"],
        record["receiptHandle"],
        int(attributes["ApproximateReceiveCount"]),
        group=attributes.get("MessageGroupId"),
    )


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    # In the init phase: the codec's processes start while the rest of this one is being set up.
    _pipeline()
