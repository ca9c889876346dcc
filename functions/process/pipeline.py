"""A batch of products through download, compression and upload, all images side by side."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from imagemill.adapters.queues import show_again_after
from imagemill.adapters.results import get_standing, put_result
from imagemill.domain.codes import ProductStatus
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import MAX_RECEIVES, Image, ProductMessage, ProductResult, cancelled, settled
from imagemill.logs import logger
from imagemill.steps.ledger import finish_products

from .image import ImageTask, Place, TransientFault, Workshop, make_image

#: Images in work at once: enough to hide an origin's latency behind the compression of the others.
IMAGES_IN_WORK = 24
#: Products whose results are written at once.
RESULTS_AT_ONCE = 4
#: How long a finished product may wait for others to be entered in the ledger with it, in seconds.
LEDGER_SECONDS = 2.0
#: Kept free at the end of an invocation for writing results and the ledger, in seconds.
RESERVED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A received message. receives: how often it has been received, this time included."""

    message: ProductMessage
    message_id: str
    receipt_handle: str
    receives: int

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


@dataclass(slots=True)
class _Work:
    """A product in work: what is settled of it, what is not, and how many images are still awaited.

    failed_before: what an earlier run failed, as PENDING, until a result of this run takes its place.
    """

    settled: dict[int, Image]
    failed_before: tuple[Image, ...] = ()
    faults: dict[int, TransientFault] = field(default_factory=dict)
    awaited: int = 0

    @classmethod
    def on(cls, known: ProductResult | None) -> _Work:
        if known is None:
            return cls({})
        settled_images = known.settled_images
        return cls(settled_images, tuple(image for image in known.images if image.position not in settled_images))

    @property
    def so_far(self) -> tuple[Image, ...]:
        failed_before = (image for image in self.failed_before if image.position not in self.settled)
        return (*self.settled.values(), *failed_before)


class Pipeline:
    """redelivery_seconds: how long a product with transient faults rests after its first, second … receive."""

    def __init__(self, workshop: Workshop, redelivery_seconds: Sequence[int]) -> None:
        self._workshop = workshop
        self._redelivery_seconds = redelivery_seconds
        self._makers = ThreadPoolExecutor(IMAGES_IN_WORK, "image")
        self._closers = ThreadPoolExecutor(RESULTS_AT_ONCE, "result")

    def close(self) -> None:
        """End the threads and close the connections, when what is in work is done."""
        self._makers.shutdown()
        self._closers.shutdown()
        self._workshop.web.close()

    def run(self, receipts: Sequence[Receipt], deadline: float) -> list[Receipt]:
        """Process a batch until `deadline` (monotonic seconds); returns what is to be delivered again.

        Safe to repeat and to run twice at once: a product with a terminal result is only entered in the
        ledger again, images that an earlier receive or run settled are not made again, and an image made
        twice is the same object. Of a cancelled run, nothing is begun.
        """
        found = get_standing(receipt.message.key for receipt in receipts)
        standing = {receipt: found.results.get(receipt.message.key) for receipt in receipts}
        answered = [receipt for receipt in receipts if receipt.is_answered(standing[receipt])]
        finish_products((receipt.message, result) for receipt in answered if (result := standing[receipt]))

        unanswered = [receipt for receipt in receipts if receipt not in answered]
        stopped = [receipt for receipt in unanswered if receipt.message.key[:2] in found.cancelled]
        results = self._cancel(stopped, standing)
        for group in _groups([receipt for receipt in unanswered if receipt not in stopped], standing):
            results |= self._process(group, standing, deadline - RESERVED_SECONDS)
        return [receipt for receipt in unanswered if not results.get(receipt)]

    def _cancel(
        self, receipts: Sequence[Receipt], standing: Mapping[Receipt, ProductResult | None]
    ) -> dict[Receipt, ProductResult | None]:
        """End products of cancelled runs; the answer is as of `_process`."""
        writing: dict[Future[ProductResult | None], Receipt] = {}
        for receipt in receipts:
            message = receipt.message
            result = cancelled(message.row, len(message.urls), standing[receipt])
            writing[self._closers.submit(put_result, message.job_id, message.run, result)] = receipt
        wait(writing)
        return _entered(writing)

    def _process(
        self, receipts: Sequence[Receipt], standing: Mapping[Receipt, ProductResult | None], deadline: float
    ) -> dict[Receipt, ProductResult | None]:
        """Make the images of products side by side; write each product's result when its last is settled.

        Results are entered in the ledger together, but none waits long for a slow neighbour. Absent or
        None in the answer: to be delivered again. A fault that nobody foresaw costs its own products
        alone; when it stays, they are buried.
        """
        works: dict[Receipt, _Work] = {}
        tasks: dict[tuple[str, ImageOptions], list[tuple[Receipt, int]]] = defaultdict(list)
        for receipt in receipts:
            works[receipt] = work = _Work.on(standing[receipt])
            for position, url in enumerate(receipt.message.urls, 1):
                if position not in work.settled:
                    tasks[url, receipt.message.options].append((receipt, position))
                    work.awaited += 1

        makings = {
            self._makers.submit(make_image, _task(url, options, targets, deadline), self._workshop): targets
            for (url, options), targets in tasks.items()
        }
        results: dict[Receipt, ProductResult | None] = {}
        closing: dict[Future[ProductResult | None], Receipt] = {}
        awaited, entered_at = set(makings), time.monotonic()
        while awaited:
            made, awaited = wait(awaited, LEDGER_SECONDS, FIRST_COMPLETED)
            for making in made:
                for receipt in self._enter(making, makings[making], works):
                    closing[self._closers.submit(self._close, receipt, works[receipt])] = receipt
            if awaited and time.monotonic() - entered_at > LEDGER_SECONDS:
                results |= _entered({future: closing.pop(future) for future in list(closing) if future.done()})
                entered_at = time.monotonic()
        wait(closing)
        return results | _entered(closing)

    @staticmethod
    def _enter(
        making: Future[list[Image]], targets: Sequence[tuple[Receipt, int]], works: Mapping[Receipt, _Work]
    ) -> Iterator[Receipt]:
        """Enter what came of an image with the products that wait for it; yields those that wait no more."""
        images: Sequence[Image | None]
        fault = None
        try:
            images = making.result()
        except TransientFault as transient:
            images, fault = [None] * len(targets), transient
        except Exception:  # noqa: BLE001 - logged, and answered by giving the products back
            logger.exception("Image failed unforeseen", extra=targets[0][0].log_keys)
            return
        for (receipt, position), image in zip(targets, images, strict=True):
            work = works[receipt]
            if image:
                work.settled[position] = image
            elif fault:
                work.faults[position] = fault
            work.awaited -= 1
            if not work.awaited:
                yield receipt

    def _close(self, receipt: Receipt, work: _Work) -> ProductResult | None:
        """Write a product's result: terminal, or what is settled so far when the rest is worth another receive."""
        message = receipt.message
        if work.faults and not receipt.is_last:
            so_far = ProductResult(message.row, ProductStatus.PROCESSING, receipt.receives, work.so_far)
            standing = put_result(message.job_id, message.run, so_far)
            if receipt.is_answered(standing):
                return standing
            self._give_back(receipt, tuple(work.faults.values()))
            return None
        failed = [fault.at(position) for position, fault in work.faults.items()]
        result = settled(message.row, receipt.receives, [*work.settled.values(), *failed])
        return put_result(message.job_id, message.run, result)

    def _give_back(self, receipt: Receipt, faults: Sequence[TransientFault]) -> None:
        """Let the message rest: as long as origins asked for, at least its turn's time, none when time ran out."""
        turn = min(receipt.receives, len(self._redelivery_seconds)) - 1
        asked = [max(fault.retry_after or 0, self._redelivery_seconds[turn]) for fault in faults if fault.is_remote]
        show_again_after(receipt.receipt_handle, max(asked, default=0))
        logger.info(
            "Product given back",
            extra={**receipt.log_keys, "codes": sorted({fault.code for fault in faults})},
        )


def _entered(closed: Mapping[Future[ProductResult | None], Receipt]) -> dict[Receipt, ProductResult | None]:
    """What products came to, entered in the ledger."""
    results: dict[Receipt, ProductResult | None] = {}
    for future, receipt in closed.items():
        try:
            results[receipt] = future.result()
        except Exception:  # noqa: BLE001 - logged, and answered by giving the product back
            logger.exception("Result not written", extra=receipt.log_keys)
    finish_products((receipt.message, result) for receipt, result in results.items() if result)
    return results


def _groups(
    receipts: Sequence[Receipt], standing: Mapping[Receipt, ProductResult | None]
) -> Iterator[Sequence[Receipt]]:
    """The products to be made side by side; then, one by one, those whose last receive ended in a crash.

    One of these may be what crashes the process. As their order turns with every receive, those before
    it and those after it are done by the last one, and it is buried alone.
    """
    suspects = [receipt for receipt in receipts if receipt.has_crashed(standing[receipt])]
    together = [receipt for receipt in receipts if receipt not in suspects]
    if together:
        yield together
    for suspect in suspects if suspects and suspects[0].receives % 2 else reversed(suspects):
        logger.warning("Last receive ended without a word", extra=suspect.log_keys)
        yield [suspect]


def _task(url: str, options: ImageOptions, targets: Sequence[tuple[Receipt, int]], deadline: float) -> ImageTask:
    places = tuple(Place(receipt.message.job_id, receipt.message.row, position) for receipt, position in targets)
    return ImageTask(url, options, places, deadline)
