"""A job among all that can happen to it: handlers that die, messages that come twice, late or out of order."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from itertools import repeat
from typing import Any

import pytest
from botocore.exceptions import ClientError

import bury.app
import ingest.app
import process.app
import process.pipeline
import report.app
from imagemill.adapters.aws import clients, queues
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.layouts import put_layout
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.catalogue import inspection
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.product import MAX_RECEIVE_COUNT, ImageResult, ProductResult
from process.image import ImageTask, TransientImageError
from tests.support.account import CATALOGUE_BUCKET, STATE_MACHINE, TENANT, Account, CrashError
from tests.support.caller import Caller, LambdaContext

#: Rows of a chunk in these tests: small, so that a few products make several chunks.
CHUNK_ROWS = 3
#: More than any job of these tests takes to its end.
MOST_STEPS = 200
HEADER = "S. No.,Product Name,Input Image Urls\r\n"

#: What an origin answers for an image.
GOOD, GONE, DOWN = "good", "gone", "down"


class Inline:
    """An executor that works in the caller's thread, so that a test decides the order of all calls."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given))
        except Exception as fault:  # noqa: BLE001 - as executors do
            future.set_exception(fault)
        return future

    def map(self, work: Callable[..., Any], *given: Any) -> Iterator[Any]:
        return map(work, *given)

    def shutdown(self) -> None:
        pass


@dataclass
class Sent:
    """A message of a queue. receive_count: how often it was received."""

    body: str
    receive_count: int = 0


@dataclass
class World:
    """One job, what is in its queues, and what its origin answers for each image (row, position)."""

    aws: Account
    caller: Caller
    job_id: str
    images: dict[int, int]
    origin: dict[tuple[int, int], str]
    ingest_queue: list[Sent] = field(default_factory=list)
    products_queue: list[Sent] = field(default_factory=list)
    #: Bodies of all messages there ever were: any may come again.
    history: list[str] = field(default_factory=list)
    reported: set[int] = field(default_factory=set)
    #: Job documents by run, as first seen ended.
    ends: dict[int, Any] = field(default_factory=dict)
    completed: dict[tuple[int, int], ImageResult] = field(default_factory=dict)
    answered_cancelled: set[int] = field(default_factory=set)
    #: Whether an image that a result shows as completed may not be made again: two workers at once may.
    is_strict: bool = True

    # ---- what is

    @property
    def job(self) -> Job:
        job = get_job(self.job_id)
        assert job
        return job

    def results(self) -> dict[int, ProductResult]:
        chunks = range((max(self.images) - 1) // CHUNK_ROWS + 1)
        return {result.row: result for chunk in chunks for result in results_of_chunk(self.job_id, chunk)}

    def executions(self) -> set[int]:
        """Runs whose completion was started."""
        return {run for run in range(1, self.job.run + 2) if self._is_started(run)}

    def _is_started(self, run: int) -> bool:
        arn = f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{self.job_id}-{run}"
        try:
            clients.step_functions().describe_execution(executionArn=arn)
        except ClientError:
            return False
        return True

    # ---- what happens

    @contextmanager
    def dying_at(self, point: int) -> Iterator[list[str]]:
        """End the block at the n-th point (from 1) before or after one of its AWS calls, 0 for never.

        No call after it succeeds: the process is dead.
        """
        points: list[str] = []

        def seen(name: str) -> None:
            points.append(name)
            if point and len(points) >= point:
                raise CrashError(name)

        with self.aws.watched(seen), suppress(CrashError):
            yield points

    def collect(self) -> None:
        """Take up what was sent to the queues."""
        for name, queue in (("INGEST_QUEUE", self.ingest_queue), ("PRODUCTS_QUEUE", self.products_queue)):
            for body in self.aws.bodies(name):
                queue.append(Sent(body))
                self.history.append(body)

    def started(self) -> World:
        """The world when all of the run's products have been sent."""
        while self.ingest_queue:
            self.ingest(self.ingest_queue[0])
        return self

    def ingest(self, sent: Sent, crash: int = 0, milliseconds: int = 300_000) -> None:
        event = {"Records": [{"messageId": "1", "body": sent.body, "attributes": {"ApproximateReceiveCount": "1"}}]}
        with self.dying_at(crash) as points:
            ingest.app.handler(event, context(milliseconds))
        if not crash or len(points) < crash:
            self.ingest_queue.remove(sent)
        self.collect()

    def process(self, batch: Sequence[Sent], crash: int = 0) -> None:
        """A receive of a batch; messages received too often are buried."""
        for sent in batch:
            sent.receive_count += 1
        fresh = [sent for sent in batch if sent.receive_count <= MAX_RECEIVE_COUNT]
        dead = [sent for sent in batch if sent.receive_count > MAX_RECEIVE_COUNT]
        for handler, received in ((process.app.handler, fresh), (bury.app.handler, dead)):
            if not received:
                continue
            records = [
                {
                    "messageId": str(number),
                    "receiptHandle": str(number),
                    "body": sent.body,
                    "attributes": {"ApproximateReceiveCount": str(sent.receive_count)},
                }
                for number, sent in enumerate(received)
            ]
            answer: Any = None
            with self.dying_at(crash) as points:
                answer = handler({"Records": records}, context())
            if answer is not None and (not crash or len(points) < crash):
                failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
                for number, sent in enumerate(received):
                    if str(number) not in failed:
                        self.products_queue.remove(sent)

    def report(self, run: int, crash: int = 0) -> None:
        with self.dying_at(crash) as points:
            report.app.handler({"job_id": self.job_id, "run": run}, context())
        if not crash or len(points) < crash:
            self.reported.add(run)

    def act(self, action: str, crash: int = 0) -> int:
        """`cancel` or `retry`; returns the HTTP status."""
        with self.dying_at(crash):
            self.caller.act(self.job_id, action)
        self.collect()
        return self.caller.status

    def make_image(self, task: ImageTask, _: Any) -> list[ImageResult]:
        """In the place of the real one: what the origin answers now."""
        images = []
        for slot in task.slots:
            result = self.results().get(slot.row)
            done = result.settled_images.get(slot.position) if result else None
            assert not self.is_strict or done is None or done.status is not ImageStatus.COMPLETED, f"made again: {slot}"
            match self.origin[slot.row, slot.position]:
                case "good":
                    key = f"images/{slot.row}-{slot.position}.jpg"
                    images.append(
                        ImageResult(slot.position, ImageStatus.COMPLETED, key=key, input_bytes=9, output_bytes=5)
                    )
                case "gone":
                    images.append(ImageResult.failed(slot.position, ImageCode.HTTP_STATUS, 404))
                case _:
                    raise TransientImageError(ImageCode.HTTP_STATUS, 503)
        return images

    # ---- what must hold

    def check(self) -> None:
        job, results = self.job, self.results()
        executions = self.executions()
        assert executions <= set(range(1, job.run + 1))
        assert executions >= set(range(1, job.run)), "a run began before the one before had ended"
        self._nothing_completed_is_lost(results)
        counts = job.counts or live_counts(self.job_id, job.run)
        assert counts.ended <= len(self.images)
        if job.run in executions:
            assert sorted(results) == sorted(self.images)
            assert live_counts(self.job_id, job.run) == counts_of(results)
        if job.status.has_ended:
            assert job.run in executions
            self._ended_exactly(job, results)

    def _nothing_completed_is_lost(self, results: dict[int, ProductResult]) -> None:
        for result in results.values():
            for image in result.images:
                if image.status is ImageStatus.COMPLETED:
                    self.completed.setdefault((result.row, image.position), image)
        for (row, position), image in self.completed.items():
            assert results[row].by_position.get(position) == image

    def _ended_exactly(self, job: Job, results: dict[int, ProductResult]) -> None:
        document = self.caller.get(f"/jobs/{self.job_id}")
        assert self.ends.setdefault(job.run, document) == document, "ended twice"
        assert job.counts == counts_of(results)
        assert job.totals
        done = [image for image in self.completed if image[0] in results]
        assert (job.totals.images, job.totals.images_completed) == (sum(self._counted_images(results)), len(done))
        assert job.status is self._expected_status(job, job.counts)
        key = f"outputs/{TENANT}/{self.job_id}/{job.run}.csv"
        assert job.output_key == key
        body = clients.s3().get_object(Bucket=CATALOGUE_BUCKET, Key=key)["Body"].read().decode()
        rows = list(csv.DictReader(StringIO(body, newline="")))
        assert [(int(row["S. No."]), row["Status"]) for row in rows] == [
            (number, results[number].status.value) for number in sorted(self.images)
        ]

    def _counted_images(self, results: dict[int, ProductResult]) -> list[int]:
        return [self.images[row] for row, result in results.items() if result.error is None]

    def _expected_status(self, job: Job, counts: ProductCounts) -> JobStatus:
        if job.run in self.answered_cancelled:
            assert job.cancelled_at
        if job.cancelled_at:
            return JobStatus.CANCELLED
        assert not counts.cancelled
        if counts.completed == len(self.images):
            return JobStatus.COMPLETED
        return JobStatus.PARTIAL if counts.completed + counts.partial else JobStatus.FAILED

    # ---- how it ends

    def proceed(self) -> bool:
        """Let one thing happen that is due, undisturbed. False when nothing is."""
        job = self.job
        if job.run > 1 and job.status is JobStatus.QUEUED and not self.ingest_queue:
            # The call that began the retry died before its message was sent: repeated, it mends that.
            self.act("retry")
        elif self.ingest_queue:
            self.ingest(self.ingest_queue[0])
        elif self.products_queue:
            self.process(self.products_queue[:4])
        elif left := sorted(self.executions() - self.reported):
            self.report(left[0])
        else:
            return False
        return True

    def settle(self) -> None:
        """Let everything that is under way come to its end, undisturbed."""
        for _ in range(MOST_STEPS):
            if not self.proceed():
                break
        assert self.job.status.has_ended, f"stuck: {self.job}"
        self.check()


def context(milliseconds: int = 300_000) -> Any:
    """A context with that much time left, whenever asked."""
    return LambdaContext(repeat(milliseconds))


def counts_of(results: dict[int, ProductResult]) -> ProductCounts:
    by_status = Counter(result.status.value.lower() for result in results.values())
    return ProductCounts(**by_status)


def new_world(aws: Account, caller: Caller, images: Sequence[int], origin: str) -> World:
    """A queued job whose upload has been announced. images: of each row in turn; none for a row at fault."""
    job_id = new_id()
    lines = [
        f'{row},{"P" if count else ""},"{",".join(f"https://o/{row}/{n}" for n in range(1, (count or 1) + 1))}"\r\n'
        for row, count in enumerate(images, 1)
    ]
    body = (HEADER + "".join(lines)).encode()
    job, _ = aws.store_job(body, job_id=job_id)
    put_layout(job_id, inspect(BytesIO(body), chunk_rows=CHUNK_ROWS))
    world = World(
        aws,
        caller,
        job_id,
        dict(enumerate(images, 1)),
        {(row, n): origin for row, count in enumerate(images, 1) for n in range(1, count + 1)},
    )
    upload = f'{{"Records": [{{"s3": {{"object": {{"key": "{job.catalogue_key}"}}}}}}]}}'
    world.ingest_queue.append(Sent(upload))
    world.history.append(upload)
    return world


def world_maker(aws: Account, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Makes worlds, of which the last is the one whose images are made."""
    monkeypatch.setattr(inspection, "CHUNK_ROWS", CHUNK_ROWS)
    monkeypatch.setattr(process.pipeline, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(queues, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(process.pipeline, "show_again_after", lambda *_: None)

    def make(images: Sequence[int], origin: str = GOOD) -> World:
        world = new_world(aws, caller, images, origin)
        monkeypatch.setattr(process.pipeline, "make_image", world.make_image)
        return world

    return make
