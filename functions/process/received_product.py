"""A received message of the products queue, and what its receive count and its product's result say about it."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.domain.product import MAX_RECEIVE_COUNT, ProductMessage, ProductResult
from imagemill.errors import UnreadableMessageError
from imagemill.logs import logger


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedProduct:
    """A message in hand; each receive of it is one of its own.

    receive_count: how often it has been received, this time included. is_taken: the function took it from the queue
    itself, and has to delete it; the others Lambda handed in, and deletes.
    """

    message: ProductMessage
    message_id: str
    receipt_handle: str
    receive_count: int
    is_taken: bool = False

    @property
    def is_last(self) -> bool:
        return self.receive_count >= MAX_RECEIVE_COUNT

    @property
    def log_keys(self) -> dict[str, str | int]:
        return {
            "job_id": self.message.job_id,
            "row": self.message.row,
            "message_id": self.message_id,
            "receive_count": self.receive_count,
        }

    def is_answered(self, known: ProductResult | None) -> bool:
        """Whether there is nothing to make: the product has ended, or a later run has taken it up."""
        if known is None or known.run is None:
            return False
        return known.status.has_ended or known.run > self.message.run

    def has_crashed(self, known: ProductResult | None) -> bool:
        """Whether the receive before this one ended without a word: whoever gives a product back says so."""
        return self.receive_count > 1 and (known is None or known.attempts < self.receive_count - 1)


def read_product(
    body: str, message_id: str, receipt_handle: str, receive_count: int, *, is_taken: bool = False
) -> ReceivedProduct | None:
    """None, and a word in the log, for a message that cannot be read."""
    try:
        return ReceivedProduct(ProductMessage.from_json(body), message_id, receipt_handle, receive_count, is_taken)
    except UnreadableMessageError:
        logger.error("Message unreadable", extra={"message_id": message_id})
        return None
