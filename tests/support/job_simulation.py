"""A job among all that can happen to it: handlers that die, messages that come twice, late or out of order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import pytest

import bury.app
import ingest.app
import process.app
import process.pipeline
import report.app
from imagemill.adapters.aws import clients, queues
from imagemill.adapters.aws.objects import versions_of
from imagemill.adapters.store.layouts import get_layout
from imagemill.domain.catalogue import inspection
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.product import MAX_RECEIVE_COUNT, ImageResult
from imagemill.domain.report_request import ReportRequest
from process.image import ImageTask, TransientImageError
from tests.support.account import CATALOGUE_BUCKET, Account, CrashError
from tests.support.caller import Caller, LambdaContext
from tests.support.inline_executor import Inline
from tests.support.observed_job import CHUNK_ROWS, ObservedJob

#: More than any job of these tests takes to its end.
MOST_STEPS = 200
HEADER = "S. No.,Product Name,Input Image Urls\r\n"

#: What an origin answers for an image.
GOOD, GONE, DOWN = "good", "gone", "down"


@dataclass
class Sent:
    """A message of a queue. receive_count: how often it was received."""

    body: str
    receive_count: int = 0


@dataclass
class JobSimulation(ObservedJob):
    """One job, what is in its queues, and what its origin answers for each image (row, position)."""

    origin: dict[tuple[int, int], str]
    ingest_queue: list[Sent] = field(default_factory=list)
    products_queue: list[Sent] = field(default_factory=list)
    #: Bodies of all messages there ever were: any may come again.
    history: list[str] = field(default_factory=list)
    reported: set[int] = field(default_factory=set)
    #: Whether an image that a result shows as completed may not be made again: two workers at once may.
    is_strict: bool = True

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

    def started(self) -> JobSimulation:
        """The simulation when all of the run's products have been sent."""
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
        """The message stays: it may come again at any time."""
        body = ReportRequest(self.job_id, run).to_json()
        attributes = {"ApproximateReceiveCount": "1"}
        record = {"messageId": "1", "receiptHandle": "1", "body": body, "attributes": attributes}
        with self.dying_at(crash) as points:
            report.app.handler({"Records": [record]}, context())
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
        elif left := sorted(self.to_report() - self.reported):
            self.report(left[0])
        else:
            return False
        return True

    def versions(self) -> list[str]:
        """The versions of the job's CSV, the first first."""
        return versions_of(self.job.catalogue_key)

    def arrive(self, *versions: str) -> None:
        """S3's event of each version of the job's CSV."""
        for version in versions:
            described = {"key": self.job.catalogue_key, "versionId": version}
            body = json.dumps({"Records": [{"s3": {"object": described}}]})
            self.ingest_queue.append(Sent(body))
            self.history.append(body)

    def post_again(self) -> None:
        """Another catalogue comes by the job's form: as many rows, other products."""
        lines = [f"{row},Other,https://o/{row}/1\r\n" for row in self.images]
        body = (HEADER + "".join(reversed(lines))).encode()
        key = self.job.catalogue_key
        stored = clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=body)
        self.arrive(stored["VersionId"])

    def settle(self) -> None:
        """Let everything that is under way come to its end, undisturbed."""
        for _ in range(MOST_STEPS):
            if not self.proceed():
                break
        assert self.job.status.has_ended, f"stuck: {self.job}"
        layout = get_layout(self.job_id)
        assert layout
        assert self.versions() == [layout.version], "what came by a used form is still there"
        self.check()


def context(milliseconds: int = 300_000) -> Any:
    """A context with that much time left, whenever asked."""
    return LambdaContext(repeat(milliseconds))


def new_simulation(aws: Account, caller: Caller, images: Sequence[int], origin: str) -> JobSimulation:
    """A queued job whose upload has been announced. images: of each row in turn; none for a row at fault."""
    job_id = new_id()
    lines = [
        f'{row},{"P" if count else ""},"{",".join(f"https://o/{row}/{n}" for n in range(1, (count or 1) + 1))}"\r\n'
        for row, count in enumerate(images, 1)
    ]
    body = (HEADER + "".join(lines)).encode()
    aws.store_job(body, job_id=job_id, pinned=True)
    simulation = JobSimulation(
        aws,
        caller,
        job_id,
        dict(enumerate(images, 1)),
        {(row, n): origin for row, count in enumerate(images, 1) for n in range(1, count + 1)},
    )
    simulation.arrive(*simulation.versions())
    return simulation


def job_simulator(aws: Account, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Callable[..., JobSimulation]:
    """Makes simulations, of which the last is the one whose images are made."""
    monkeypatch.setattr(inspection, "CHUNK_ROWS", CHUNK_ROWS)
    monkeypatch.setattr(process.pipeline, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(queues, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(process.pipeline, "show_again_after", lambda *_: None)

    def make(images: Sequence[int], origin: str = GOOD) -> JobSimulation:
        simulation = new_simulation(aws, caller, images, origin)
        monkeypatch.setattr(process.pipeline, "make_image", simulation.make_image)
        return simulation

    return make
