"""Products through download, compression and upload, all images side by side, until there are no more.

Lambda hands in ten products at a time. The threads would idle at a batch's begin, before its first image has
arrived, and at its end; so while time allows, more is taken from the queue before what is in hand is used up.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from imagemill.adapters.aws.queues import send_product_anew, show_again_after
from imagemill.adapters.store.results import CurrentResults
from imagemill.adapters.web.shared_pace import FAR_SECONDS
from imagemill.domain.product import MAX_RECEIVE_COUNT, ImageResult, ProductResult, cancelled
from imagemill.domain.source import Source, SourceKey
from imagemill.logs import logger
from imagemill.steps.burial import buried
from imagemill.steps.ledger import finish_products
from imagemill.steps.results import record_result

from .batch import Batch
from .encoding_pace import kind_of
from .image import ImageTask, SlowedDownError, TransientImageError, WorkerResources, make_image
from .image_threads import ImageThreads
from .intake import Intake
from .progress import DEFAULT_PATIENCE_SECONDS, ProductProgress
from .received_product import ReceivedProduct
from .reuse import SourceTask, current_results, remember
from .target import Awaiting, Target, image_task

#: Images in work at once. An origin has 24 of them at the most, enough to hide its latency behind the compression of
#: the others, and 8 until it has answered: several that hang leave some to those that do not.
IMAGES_IN_WORK = 64
#: Images in hand below which more products are taken: they last while that is done. Those that an origin keeps us
#: waiting for do not count, up to a number that memory bounds.
IMAGES_WANTED, MAX_IMAGES_IN_HAND = 32, 2_000
#: How often it is looked whether more are wanted while nothing else happens, in seconds.
LOOK_SECONDS = 1.0
#: Products whose results are written at once, and one more thread to take products.
RESULTS_AT_ONCE = 4
#: What came of so many images is written together, with those of products to come: 25 fit into a call.
SOURCES_AT_ONCE = 20
#: How long a product may wait for others' to be written with its own, in seconds.
SOURCES_SECONDS = 0.1
#: Ended products that are entered in the ledger, and deleted from the queue, together: as many as a batch has.
ENTERED_AT_ONCE = 10
#: How long an ended product may wait for others to be entered with it, in seconds.
LEDGER_SECONDS = 1.0
#: Kept free at the end of an invocation for writing results and the ledger, in seconds.
RESERVED_SECONDS = 5.0


class Pipeline:
    """The threads.

    redelivery_seconds: how long a product with transient faults rests after its first, second … receive.
    patience_seconds: how long an image is waited for whose origin only ever asks for time.
    """

    def __init__(
        self,
        resources: WorkerResources,
        redelivery_seconds: Sequence[int],
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.patience_seconds = patience_seconds
        self._resources = resources
        self._redelivery_seconds = redelivery_seconds
        self._makers = ImageThreads(IMAGES_IN_WORK, self._at_once)
        self._closers = ThreadPoolExecutor(RESULTS_AT_ONCE + 1, "result")

    def close(self) -> None:
        """End the threads and close the connections, when what is in work is done."""
        self._makers.close()
        self._closers.shutdown()
        self._resources.close()

    def run(
        self, products: Sequence[ReceivedProduct], deadline: float, intake: Intake | None = None
    ) -> list[ReceivedProduct]:
        """Process products until `deadline` (monotonic seconds); returns which of `products` are to come again.

        intake: where more of them come from; those that are to come again are left in the queue.

        Safe to repeat and to run twice at once: a product with a terminal result is only entered in the
        ledger again, images that an earlier receive or run settled are not made again, and an image made
        twice is the same object. Of a cancelled run, nothing is begun. A message is deleted, by whomever,
        only when its product has been entered in the ledger.
        """
        return _Run(self, deadline - RESERVED_SECONDS, intake).work(products)

    def _at_once(self, url: str) -> float:
        """How many images of a URL's origin may be in work: as it pleases the origin, and as fast as they are made."""
        return min(self._resources.web.at_once(url), self._resources.encoding.at_once(url))

    def make(self, task: ImageTask) -> Future[Any]:
        making = partial(make_image, task, self._resources)
        return self._makers.submit(task.url, making, kind_of(task.options))

    def wants_more(self, images: int) -> bool:
        """Whether threads or encoders would idle, with so many images in hand."""
        if images < IMAGES_WANTED:
            return True
        is_waiting = self._makers.has_room and self._makers.moving < IMAGES_WANTED and not self._resources.codec.waiting
        return is_waiting and images < MAX_IMAGES_IN_HAND

    def learn(self, found: CurrentResults) -> None:
        """Let the client know the paces of origins that complained to others."""
        self._resources.web.know(found.paces)

    def put_off_far(self) -> None:
        """Let go of images whose turn at their origin is far off, so that others may have this worker."""

        def most(url: str) -> float:
            interval = self._resources.web.interval(url)
            return FAR_SECONDS / interval if interval else math.inf

        for url, futures in self._makers.take_out(most):
            for future, far in zip(futures, self._resources.web.put_off(url, len(futures)), strict=True):
                future.set_exception(SlowedDownError.by(far))

    def beside(self, call: Callable[[], Any]) -> Future[Any]:
        """Let AWS be called while images are made."""
        return self._closers.submit(call)

    def give_back(self, progress: ProductProgress) -> None:
        """Let a product rest: as long as origins asked for, at least its turn's time, none when time ran out."""
        received, faults = progress.received, progress.faults.values()
        turn = min(max(progress.tries_used, 1), len(self._redelivery_seconds)) - 1
        asked = [max(fault.retry_after or 0, self._redelivery_seconds[turn]) for fault in faults if fault.is_tried]
        if progress.is_put_off:
            asked = [fault.retry_after or 0 for fault in faults if isinstance(fault, SlowedDownError)]
        seconds = max(asked, default=0)
        if progress.needs_new_message:
            put_off(received, seconds)
        else:
            show_again_after(received.receipt_handle, seconds)
        logger.info(
            "Product given back",
            extra={**received.log_keys, "codes": sorted({fault.code for fault in faults})},
        )


def put_off(received: ReceivedProduct, seconds: float) -> None:
    """Let a product come again after `seconds`, at most 15 minutes, without using up a receive of its own.

    What stands of it is to be written before, with `Receives.seen` 0: its next message has been received by nobody.
    Whoever puts off says for how long altogether, since SQS no longer does. Safe to repeat: a duplicate finds what
    the first one left to do.
    """
    send_product_anew(received.message, received.receipt_handle, received.group, seconds)


class _Run:
    """One invocation: what it has in hand, and what its threads are doing. Belongs to one thread.

    What a thread has done is taken up here by the continuation that was noted when it was begun.
    """

    def __init__(self, pipeline: Pipeline, deadline: float, intake: Intake | None) -> None:
        self._pipeline = pipeline
        self._deadline = deadline
        self._intake = intake
        self._under_way: dict[Future[Any], Callable[[Future[Any]], None]] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._images = 0
        self._looked_far_at = 0.0
        self._is_taking = False
        #: Whether an image was not come to: then it is too late for others.
        self._is_late = False
        #: Products of whose images something is to be remembered before their results are written.
        self._made_products: Batch[ProductProgress] = Batch(SOURCES_AT_ONCE, SOURCES_SECONDS)
        #: Products that have ended, to be entered in the ledger.
        self._ended: Batch[tuple[ReceivedProduct, ProductResult]] = Batch(ENTERED_AT_ONCE, LEDGER_SECONDS)
        self._entered: set[ReceivedProduct] = set()
        #: Products whose last receive ended in a crash, with what stands of them.
        self._suspects: list[tuple[ReceivedProduct, ProductResult | None]] = []
        #: What earlier jobs made of images that are still to come.
        self._sources: dict[SourceKey, Source] = {}

    def work(self, products: Sequence[ReceivedProduct]) -> list[ReceivedProduct]:
        try:
            self._admit(products, current_results(products))
            self._until_all_is_done()
            for received, known in self._in_turning_order():
                logger.warning("Last receive ended without a word", extra=received.log_keys)
                self._make([(received, known)])
                self._until_all_is_done()
        finally:
            for future in self._under_way:
                future.cancel()
        return [received for received in products if received not in self._entered]

    def _until_all_is_done(self) -> None:
        """Let the threads work, and more be taken, until nothing is in hand. Each image's end costs the same."""
        self._take_when_wanted()
        while self._under_way:
            wait = min(self._ended.seconds_left, self._made_products.seconds_left, LOOK_SECONDS)
            try:
                future = self._done.get(timeout=wait)
            except Empty:
                pass
            else:
                self._under_way.pop(future)(future)
            # Without images in hand there will be no others to write with.
            if self._made_products.is_due or not self._images:
                self._remember_made()
            if self._ended.is_due:
                self._enter_ended()
            self._put_off_far()
            self._take_when_wanted()
        self._enter_ended()

    def _put_off_far(self) -> None:
        if time.monotonic() - self._looked_far_at >= LOOK_SECONDS:
            self._looked_far_at = time.monotonic()
            self._pipeline.put_off_far()

    def _begin(self, future: Future[Any], continuation: Callable[[Future[Any]], None]) -> None:
        self._under_way[future] = continuation
        future.add_done_callback(self._done.put)

    # ---- products come in

    def _take_when_wanted(self) -> None:
        """Have more products taken before the images in hand are used up; none beside suspects, which may crash."""
        is_wanted = not self._suspects and not self._is_late and self._pipeline.wants_more(self._images)
        if self._intake and is_wanted and not self._is_taking and self._intake.is_open:
            self._is_taking = True
            self._begin(self._pipeline.beside(self._intake.take), self._taken)

    def _taken(self, taking: Future[tuple[Sequence[ReceivedProduct], CurrentResults]]) -> None:
        self._is_taking = False
        self._admit(*taking.result())

    def _admit(self, products: Sequence[ReceivedProduct], found: CurrentResults) -> None:
        self._pipeline.learn(found)
        self._sources.update(found.sources)
        fresh = []
        for received in products:
            message = received.message
            known = found.results.get(message.key)
            if known and received.is_answered(known):
                self._ended.add((received, known))
            elif (message.job_id, message.run) in found.cancelled:
                result = cancelled(message.row, len(message.urls), known)
                writing = self._pipeline.beside(partial(record_result, message.key, result))
                self._begin(writing, partial(self._closed, received))
            elif received.is_worn_out(known):
                writing = self._pipeline.beside(partial(buried, message, known, MAX_RECEIVE_COUNT))
                self._begin(writing, partial(self._closed, received))
            elif received.has_crashed(known):
                self._suspects.append((received, known))
            else:
                fresh.append((received, known))
        self._make(fresh)

    def _in_turning_order(self) -> list[tuple[ReceivedProduct, ProductResult | None]]:
        """The suspects, to be made one by one.

        One of them may be what crashes the process. As their order turns with every receive, those before
        it and those after it are done by the last one, and it is buried alone.
        """
        suspects = self._suspects
        return suspects if suspects and suspects[0][0].receive_count % 2 else suspects[::-1]

    # ---- images are made

    def _make(self, products: Iterable[tuple[ReceivedProduct, ProductResult | None]]) -> None:
        """Begin with what is not settled of products; a URL that several of a tenant's show is fetched once."""
        targets: dict[Target, list[Awaiting]] = defaultdict(list)
        for received, known in products:
            progress = ProductProgress.on(received, known, self._pipeline.patience_seconds)
            for position in progress.turns():
                targets[Target.of(received.message, position)].append((progress, position))
                progress.awaited += 1
            if not progress.awaited:
                self._close(progress)
        for target, waiting in targets.items():
            self._images += 1
            task = image_task(target, waiting, self._deadline, self._sources)
            self._begin(self._pipeline.make(task), partial(self._made, task.source, waiting))

    def _made(
        self,
        source: SourceTask | None,
        waiting: Sequence[Awaiting],
        making: Future[Sequence[ImageResult]],
    ) -> None:
        """Enter what came of an image with the products that wait for it; close those that wait no more.

        A fault that nobody foresaw costs its own products alone: they come again; when it stays, they are buried.
        """
        self._images -= 1
        images: Sequence[ImageResult | None]
        fault = None
        try:
            images = making.result()
        except TransientImageError as transient:
            self._is_late |= not transient.is_tried
            images, fault = [None] * len(waiting), transient
        except Exception:  # noqa: BLE001 - logged, and answered by giving the products back
            logger.exception("Image failed unforeseen", extra=waiting[0][0].received.log_keys)
            return
        latest = source and (source.fresh or source.known)
        if source and latest and self._suspects:
            # Suspects are made one by one, and may show the same picture.
            self._sources[source.key] = latest
        for (progress, position), image in zip(waiting, images, strict=True):
            if image:
                progress.settled[position] = image
                if source and source.fresh:
                    progress.sources[source.key] = source.fresh
            elif fault:
                progress.faults[position] = fault
            progress.awaited -= 1
            if not progress.awaited:
                self._close(progress)

    # ---- products go out

    def _close(self, progress: ProductProgress) -> None:
        if progress.sources:
            self._made_products.add(progress, len(progress.sources))
        else:
            self._begin_writing(progress)

    def _remember_made(self) -> None:
        """Write what came of products' images, in one call; only then their results."""
        if products := self._made_products.taken():
            sources = {key: source for progress in products for key, source in progress.sources.items()}
            self._begin(self._pipeline.beside(partial(remember, sources)), partial(self._remembered, products))

    def _remembered(self, products: Sequence[ProductProgress], remembering: Future[None]) -> None:
        if fault := remembering.exception():
            logger.error("Sources not remembered", exc_info=fault)
        for progress in products:
            self._begin_writing(progress)

    def _begin_writing(self, progress: ProductProgress) -> None:
        self._begin(self._pipeline.beside(partial(self._write, progress)), partial(self._closed, progress.received))

    def _write(self, progress: ProductProgress) -> ProductResult | None:
        """Write a product's result. Gives the product back unless it is terminal or another result stands.

        What stands, or None when the message at hand is to come again.
        """
        standing = record_result(progress.received.message.key, progress.result())
        if not progress.is_to_be_tried_again or progress.received.is_answered(standing):
            return standing
        self._pipeline.give_back(progress)
        return standing if progress.needs_new_message else None

    def _closed(self, received: ReceivedProduct, closing: Future[ProductResult | None]) -> None:
        try:
            result = closing.result()
        except Exception:  # noqa: BLE001 - logged, and answered by giving the product back
            logger.exception("Result not written", extra=received.log_keys)
            return
        if result and received.is_answered(result):
            self._ended.add((received, result))
        elif result:
            # Put off: another message has taken the place of this one.
            self._entered.add(received)

    def _enter_ended(self) -> None:
        """Enter products in the ledger; only then may their messages go."""
        ended = self._ended.taken()
        if ended:
            finish_products((received.message, result) for received, result in ended)
        self._entered.update(received for received, _ in ended)
        if self._intake:
            self._intake.delete([received for received, _ in ended if received.is_taken])
