"""The bury Lambda: the dead-letter queue of products."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill.adapters.results import get_results, put_result
from imagemill.domain.codes import ImageCode
from imagemill.domain.product import MAX_RECEIVES, Image, ProductMessage, ProductResult, UnreadableMessage, settled
from imagemill.logs import logger
from imagemill.steps.ledger import Finished, finish


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Fail each product as PROCESSING_CRASHED, keeping the images that an earlier receive had finished.

    A message that cannot be read stays in the queue, and its alarm rings. Raises on any fault: then all
    come again. Safe to repeat: a terminal result that stands is left as it is, and the ledger is a set.
    """
    messages: list[ProductMessage] = []
    failures: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            messages.append(ProductMessage.from_json(record["body"]))
        except UnreadableMessage:
            logger.error("Message unreadable", extra={"message_id": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    known = get_results(message.key for message in messages)
    finish(_bury(message, known.get(message.key)) for message in messages)
    return {"batchItemFailures": failures}


def _bury(message: ProductMessage, known: ProductResult | None) -> Finished:
    done = known.by_position if known else {}
    images = [
        done.get(position) or Image.failed(position, ImageCode.PROCESSING_CRASHED)
        for position in range(1, len(message.urls) + 1)
    ]
    result = put_result(message.job_id, message.run, settled(message.row, MAX_RECEIVES, images))
    logger.error("Product buried", extra={"job_id": message.job_id, "row": message.row, "status": result.status})
    return Finished(message.job_id, message.run, message.row, result.status, message.ledger_size)
