"""A job as all can see it, and what must hold of it at any time."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from imagemill.adapters.aws import clients
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.codes import ImageStatus, JobStatus
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.product import ImageResult, ProductResult
from tests.support.account import CATALOGUE_BUCKET, TENANT, Account
from tests.support.caller import Caller

#: Rows of a chunk in these tests: small, so that a few products make several chunks.
CHUNK_ROWS = 3


@dataclass
class ObservedJob:
    """A job of which is known what was seen of it before: nothing of that may change."""

    aws: Account
    caller: Caller
    job_id: str
    #: Number of images by row; 0 for a row at fault.
    images: dict[int, int]
    #: Job documents by run, as first seen ended.
    ends: dict[int, Any] = field(default_factory=dict, kw_only=True)
    completed: dict[tuple[int, int], ImageResult] = field(default_factory=dict, kw_only=True)
    answered_cancelled: set[int] = field(default_factory=set, kw_only=True)

    @property
    def job(self) -> Job:
        job = get_job(self.job_id)
        assert job
        return job

    def results(self) -> dict[int, ProductResult]:
        chunks = range((max(self.images) - 1) // CHUNK_ROWS + 1)
        return {result.row: result for chunk in chunks for result in results_of_chunk(self.job_id, chunk)}

    def to_report(self) -> set[int]:
        """Runs whose report was asked for."""
        asked = (name.partition("-") for name in self.aws.reports())
        return {int(run) for job_id, _, run in asked if job_id == self.job_id}

    def check(self) -> None:
        job, results = self.job, self.results()
        asked = self.to_report()
        assert asked <= set(range(1, job.run + 1))
        assert asked >= set(range(1, job.run)), "a run began before the one before had ended"
        self._nothing_completed_is_lost(results)
        counts = job.counts or live_counts(self.job_id, job.run)
        assert counts.ended <= len(self.images)
        if job.run in asked:
            assert sorted(results) == sorted(self.images)
            assert live_counts(self.job_id, job.run) == counts_of(results)
        if job.status.has_ended:
            assert job.run in asked
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


def counts_of(results: dict[int, ProductResult]) -> ProductCounts:
    by_status = Counter(result.status.value.lower() for result in results.values())
    return ProductCounts(**by_status)
