"""How products end that no worker could end."""

from __future__ import annotations

from collections.abc import Sequence

from imagemill.adapters.store.results import get_results
from imagemill.domain.codes import ImageCode
from imagemill.domain.product import ImageResult, ProductMessage, ProductResult, settled
from imagemill.logs import logger
from imagemill.steps.ledger import finish_products
from imagemill.steps.results import record_result


def bury(messages: Sequence[ProductMessage], attempts: int) -> None:
    """Fail each product as PROCESSING_CRASHED, keeping the images that an earlier receive or run had finished.

    attempts: how often each was tried, at least. Safe to repeat: a terminal result that stands is left
    as it is, and the ledger is a set.
    """
    known = get_results(message.key for message in messages)
    finish_products((message, buried(message, known.get(message.key), attempts)) for message in messages)


def buried(message: ProductMessage, known: ProductResult | None, attempts: int) -> ProductResult:
    """Write the end of one product, given what stands of it. What then stands is yet to be entered in the ledger."""
    done = known.settled_images if known else {}
    images = [
        done.get(position) or ImageResult.failed(position, ImageCode.PROCESSING_CRASHED)
        for position in range(1, len(message.urls) + 1)
    ]
    tried = max(attempts, known.attempts if known else 0)
    result = record_result(message.key, settled(message.row, tried, images))
    logger.error("Product buried", extra={"job_id": message.job_id, "row": message.row, "status": result.status})
    return result
