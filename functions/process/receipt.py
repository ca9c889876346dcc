"""A received message of the products queue, and what its receives and its product's result say about it."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.domain.product import MAX_RECEIVES, ProductMessage, ProductResult, UnreadableMessage
from imagemill.logs import logger


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """A message in hand; each receive of it is one of its own.

    receives: how often it has been received, this time included. is_taken: the function took it from the queue
    itself, and has to delete it; the others Lambda handed in, and deletes.
    """

    message: ProductMessage
    message_id: str
    receipt_handle: str
    receives: int
    is_taken: bool = False

    @property
    def is_last(self) -> bool:
        return self.receives >= MAX_RECEIVES

    @property
    def log_keys(self) -> dict[str, str | int]:
        return {
            "job_id": self.message.job_id,
            "row": self.message.row,
            "message_id": self.message_id,
            "receives": self.receives,
        }

    def is_answered(self, known: ProductResult | None) -> bool:
        """Whether there is nothing to make: the product has ended, or a later run has taken it up."""
        if known is None or known.run is None:
            return False
        return known.status.has_ended or known.run > self.message.run

    def has_crashed(self, known: ProductResult | None) -> bool:
        """Whether the receive before this one ended without a word: whoever gives a product back says so."""
        return self.receives > 1 and (known is None or known.attempts < self.receives - 1)


def read_receipt(
    body: str, message_id: str, receipt_handle: str, receives: int, *, is_taken: bool = False
) -> Receipt | None:
    """None, and a word in the log, for a message that cannot be read."""
    try:
        return Receipt(ProductMessage.from_json(body), message_id, receipt_handle, receives, is_taken)
    except UnreadableMessage:
        logger.error("Message unreadable", extra={"message_id": message_id})
        return None
