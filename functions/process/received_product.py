"""A received message of the products queue, and what its receive count and its product's result say about it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from imagemill.domain.product import MAX_RECEIVE_COUNT, ProductMessage, ProductResult, Receives
from imagemill.domain.web_urls import Origin, WebUrl
from imagemill.errors import InvalidUrlError, UnreadableMessageError
from imagemill.logs import logger

#: Of one batch, whose paces are looked for in the call that reads its results.
MOST_ORIGINS = 20


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedProduct:
    """A message in hand; each receive of it is one of its own.

    receive_count: how often it has been received, this time included. is_taken: the function took it from the queue
    itself, and has to delete it; the others Lambda handed in, and deletes. group: of the message, in the queue.
    """

    message: ProductMessage
    message_id: str
    receipt_handle: str
    receive_count: int
    is_taken: bool = False
    group: str | None = None

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

    def receives(self, known: ProductResult | None) -> Receives:
        """The receives before this one. Each whose end nobody wrote down was a crash."""
        before = self._written_down(known)
        crashes = before.crashes + max(0, self.receive_count - 1 - before.seen)
        return Receives(self.receive_count, crashes, before.put_off, before.tries, before.slowed_since)

    def has_crashed(self, known: ProductResult | None) -> bool:
        """Whether the receive before this one ended without a word: whoever gives a product back says so."""
        return self.receive_count - 1 > self._written_down(known).seen

    def is_worn_out(self, known: ProductResult | None) -> bool:
        """Whether it crashed its worker as often as it may, over several messages: SQS counts those of one."""
        return self.receives(known).crashes >= MAX_RECEIVE_COUNT

    def _written_down(self, known: ProductResult | None) -> Receives:
        if known is None:
            return Receives(0)
        if known.receives is not None:
            return known.receives
        # As the last release wrote it, whose every receive was a try of every image that was not settled.
        return Receives(known.attempts, tries=dict.fromkeys(range(1, len(self.message.urls) + 1), known.attempts))


def origins_of(products: Iterable[ReceivedProduct]) -> list[Origin]:
    """The origins of the products' images, `MOST_ORIGINS` at most; those of URLs that are none are left out."""
    urls = {url.partition("//")[2].partition("/")[0]: url for product in products for url in product.message.urls}
    origins: dict[Origin, None] = {}
    for url in islice(urls.values(), MOST_ORIGINS):
        with suppress(InvalidUrlError):
            origins[WebUrl.parse(url).origin] = None
    return list(origins)


def read_product(
    body: str,
    message_id: str,
    receipt_handle: str,
    receive_count: int,
    *,
    is_taken: bool = False,
    group: str | None = None,
) -> ReceivedProduct | None:
    """None, and a word in the log, for a message that cannot be read."""
    try:
        message = ProductMessage.from_json(body)
    except UnreadableMessageError:
        logger.error("Message unreadable", extra={"message_id": message_id})
        return None
    return ReceivedProduct(message, message_id, receipt_handle, receive_count, is_taken, group)
