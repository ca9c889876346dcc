"""The bury Lambda: the dead-letter queue of products."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.domain.product import MAX_RECEIVE_COUNT, ProductMessage
from imagemill.errors import UnreadableMessageError
from imagemill.logs import logger
from imagemill.steps.burial import bury


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Bury each product whose message was received too often.

    A message that cannot be read is given back, and ends among the unburied, where an alarm rings and
    people look. So do all when burying keeps failing: their job is then the sweep's to end. Raises on
    any fault: then all come again.
    """
    messages: list[ProductMessage] = []
    failures: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            messages.append(ProductMessage.from_json(record["body"]))
        except UnreadableMessageError:
            logger.error("Message unreadable", extra={"message_id": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    bury(messages, MAX_RECEIVE_COUNT)
    return {"batchItemFailures": failures}
