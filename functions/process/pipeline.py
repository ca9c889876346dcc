"""A batch of products through download, compression and upload, all images side by side."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import BoundedSemaphore

from imagemill.adapters.queues import show_again_after
from imagemill.adapters.results import get_results, put_result
from imagemill.adapters.web import WebClient
from imagemill.domain.codes import ProductStatus
from imagemill.domain.product import MAX_RECEIVES, Image, ProductMessage, ProductResult, settled
from imagemill.logs import logger
from imagemill.steps.ledger import Finished, finish

from .image import ImageTask, NotBegun, TransientFault, make_image

#: Images in work at once: enough to hide an origin's latency behind the compression of the others,
#: few enough for their downloads to fit in memory.
IMAGES_IN_WORK = 24
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
    def product(self) -> tuple[str, int]:
        return (self.message.job_id, self.message.row)


class Pipeline:
    """redelivery_seconds: how long a product with transient faults rests after its first, second … receive."""

    def __init__(self, web: WebClient, redelivery_seconds: Sequence[int]) -> None:
        self._web = web
        self._redelivery_seconds = redelivery_seconds
        self._pool = ThreadPoolExecutor(IMAGES_IN_WORK, "image")
        self._encoders = BoundedSemaphore(os.cpu_count() or 1)

    def run(self, receipts: Sequence[Receipt], deadline: float) -> list[Receipt]:
        """Process a batch until `deadline` (monotonic seconds); returns what is to be delivered again.

        Safe to repeat and to run twice at once: a product with a terminal result is only entered in the
        ledger again, images that an earlier receive settled are not made again, and an image made twice
        is the same object.
        """
        known = get_results((r.message.job_id, r.message.run, r.message.row) for r in receipts)
        finished: list[Finished] = []
        futures: dict[Future[Image], Receipt] = {}
        settled_images = {receipt: _images_of(known.get(receipt.product)) for receipt in receipts}
        for receipt in receipts:
            standing = known.get(receipt.product)
            if standing and standing.status.has_ended:
                finished.append(_finished(receipt, standing))
                continue
            for task in _tasks(receipt, settled_images[receipt], deadline - RESERVED_SECONDS):
                futures[self._pool.submit(make_image, task, self._web, self._encoders)] = receipt

        results = self._collect(futures, settled_images)
        given_back = [receipt for receipt, result in results.items() if not isinstance(result, Finished)]
        finish(finished + [result for result in results.values() if isinstance(result, Finished)])
        return given_back

    def _collect(
        self, futures: dict[Future[Image], Receipt], settled_images: dict[Receipt, dict[int, Image]]
    ) -> dict[Receipt, Finished | None]:
        """Write each product's result as soon as its last image is settled; None for those given back."""
        missing = Counter(futures.values())
        faults: dict[Receipt, list[TransientFault | NotBegun]] = {receipt: [] for receipt in missing}
        closing: dict[Receipt, Future[Finished | None]] = {}
        for future in as_completed(futures):
            receipt = futures[future]
            try:
                image = future.result()
                settled_images[receipt][image.position] = image
            except (TransientFault, NotBegun) as fault:
                faults[receipt].append(fault)
            missing[receipt] -= 1
            if not missing[receipt]:
                images = settled_images[receipt]
                closing[receipt] = self._pool.submit(self._close, receipt, images, faults[receipt])
        return {receipt: future.result() for receipt, future in closing.items()}

    def _close(
        self, receipt: Receipt, images: dict[int, Image], faults: Sequence[TransientFault | NotBegun]
    ) -> Finished | None:
        """Write a product's result: terminal, or what is settled so far when the rest is worth another receive."""
        message = receipt.message
        if faults and not receipt.is_last:
            so_far = ProductResult(message.row, ProductStatus.PROCESSING, receipt.receives, tuple(images.values()))
            standing = put_result(message.job_id, message.run, so_far)
            if standing.status.has_ended:
                return _finished(receipt, standing)
            self._give_back(receipt, faults)
            return None
        failed = [fault.as_image() for fault in faults]
        result = settled(message.row, receipt.receives, [*images.values(), *failed])
        return _finished(receipt, put_result(message.job_id, message.run, result))

    def _give_back(self, receipt: Receipt, faults: Sequence[TransientFault | NotBegun]) -> None:
        """Let the message rest: as long as origins asked for, at least its turn's time, none when time ran out."""
        turn = min(receipt.receives, len(self._redelivery_seconds)) - 1
        asked = [max(fault.retry_after or 0, self._redelivery_seconds[turn]) for fault in faults if fault.is_remote]
        show_again_after(receipt.receipt_handle, max(asked, default=0))
        logger.info(
            "Product given back",
            extra={
                "job_id": receipt.message.job_id,
                "row": receipt.message.row,
                "receives": receipt.receives,
                "codes": sorted({fault.code for fault in faults}),
            },
        )


def _images_of(known: ProductResult | None) -> dict[int, Image]:
    return known.by_position if known else {}


def _tasks(receipt: Receipt, done: dict[int, Image], deadline: float) -> list[ImageTask]:
    message = receipt.message
    return [
        ImageTask(message.job_id, message.row, position, url, message.options, deadline)
        for position, url in enumerate(message.urls, 1)
        if position not in done
    ]


def _finished(receipt: Receipt, result: ProductResult) -> Finished:
    message = receipt.message
    return Finished(message.job_id, message.run, message.row, result.status, message.ledger_size)
