"""More products for an invocation that still has time, taken from the queue by the function itself.

SQS treats these receives as it does Lambda's own: they count, and what is not deleted comes again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from imagemill.adapters.aws.queues import delete_products, receive_products
from imagemill.adapters.store.results import Standing, get_standing
from imagemill.logs import logger

from .receipt import Receipt, read_receipt

#: Part of an invocation's time in which it takes more: a product that is taken last has the rest of it, which is
#: three quarters of what those have that Lambda hands in.
TAKING_SHARE = 0.25


class Intake:
    """One invocation's. `take` is called by one thread at a time."""

    def __init__(self, begun: float, deadline: float) -> None:
        """begun, deadline: of the invocation, in monotonic seconds."""
        self._open_until = begun + TAKING_SHARE * (deadline - begun)

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def take(self) -> tuple[Sequence[Receipt], Standing]:
        """At most ten products, and what stands of them. None, also where SQS does not answer, closes the intake.

        A message that cannot be read is left to come again, and to end in the dead-letter queue.
        """
        try:
            messages = receive_products()
        except (BotoCoreError, ClientError):
            logger.exception("No more products taken")
            messages = []
        if not messages:
            self._open_until = 0.0
        receipts = [
            receipt
            for message in messages
            if (
                receipt := read_receipt(
                    message.body, message.message_id, message.handle, message.receives, is_taken=True
                )
            )
        ]
        return receipts, get_standing(receipt.message.key for receipt in receipts)

    def delete(self, receipts: Sequence[Receipt]) -> None:
        """Delete messages; one that stays comes again, and finds its product ended."""
        try:
            delete_products([receipt.receipt_handle for receipt in receipts])
        except (BotoCoreError, ClientError):
            logger.exception("Messages not deleted")
