"""More products for an invocation that still has time, taken from the queue by the function itself.

SQS treats these receives as it does Lambda's own: they count, and what is not deleted comes again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from imagemill.adapters.aws.queues import delete_products, receive_products
from imagemill.adapters.store.results import CurrentResults
from imagemill.logs import logger

from .received_product import ReceivedProduct, read_product
from .reuse import current_results

#: Part of an invocation's time in which it takes more: a product that is taken last has the rest of it. What it
#: does not come to in that time it is put off for, which costs it nothing.
TAKING_SHARE = 0.75
#: Nor is anything taken with less time left, in seconds: it would only be put off.
CHANCE_SECONDS = 12.0
#: After SQS had nothing, or did not answer, it is asked again only after so many seconds.
PAUSE_SECONDS = 1.0


class Intake:
    """One invocation's. `take` is called by one thread at a time."""

    def __init__(self, begun: float, deadline: float) -> None:
        """begun, deadline: of the invocation, in monotonic seconds."""
        self._open_from = begun
        self._open_until = min(begun + TAKING_SHARE * (deadline - begun), deadline - CHANCE_SECONDS)

    @property
    def is_open(self) -> bool:
        return self._open_from <= time.monotonic() < self._open_until

    def take(self) -> tuple[Sequence[ReceivedProduct], CurrentResults]:
        """At most ten products, and what stands of them. None, also where SQS does not answer, is a pause.

        A message that cannot be read is left to come again, and to end in the dead-letter queue.
        """
        try:
            messages = receive_products()
        except (BotoCoreError, ClientError):
            logger.exception("No more products taken")
            messages = []
        if not messages:
            self._open_from = time.monotonic() + PAUSE_SECONDS
        products = [
            received
            for message in messages
            if (
                received := read_product(
                    message.body,
                    message.message_id,
                    message.handle,
                    message.receive_count,
                    is_taken=True,
                    group=message.group,
                )
            )
        ]
        return products, current_results(products)

    def delete(self, products: Sequence[ReceivedProduct]) -> None:
        """Delete messages; one that stays comes again, and finds its product ended."""
        try:
            delete_products([received.receipt_handle for received in products])
        except (BotoCoreError, ClientError):
            logger.exception("Messages not deleted")
