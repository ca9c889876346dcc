"""How a run of a job is closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from imagemill.adapters.aws.objects import (
    copy_catalogue,
    open_catalogue,
    output_url,
    put_catalogue,
    upload_catalogue,
)
from imagemill.adapters.store.jobs import end_job, get_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.runs import as_of_run, note_retryable
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.output import ROW_POSITION, OutputCsv, ReplacedCsv
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.codes import ImageStatus, JobStatus
from imagemill.domain.job import Job, ProductCounts, Totals, final_status, job_document
from imagemill.domain.options import OutputMode
from imagemill.domain.product import ImageResult, ProductResult
from imagemill.domain.retryable import Retryable
from imagemill.errors import UnfinishedProductError
from imagemill.steps.webhooks import announce, deliveries_of


@dataclass(slots=True)
class _Tally:
    counts: ProductCounts = field(default_factory=ProductCounts)
    totals: Totals = field(default_factory=Totals)
    retryable: Retryable = field(default_factory=Retryable)

    def add(self, chunk: int, result: ProductResult) -> None:
        done = [image for image in result.images if image.status is ImageStatus.COMPLETED]
        self.counts = self.counts.plus(result.status)
        self.totals = Totals(
            images=self.totals.images + len(result.images),
            images_completed=self.totals.images_completed + len(done),
            input_bytes=self.totals.input_bytes + sum(image.input_bytes or 0 for image in done),
            output_bytes=self.totals.output_bytes + sum(image.output_bytes or 0 for image in done),
            images_reused=self.totals.images_reused + sum(bool(image.reused) for image in done),
        )
        if result.is_retryable:
            self.retryable = self.retryable.plus(chunk, result.status)


def close_job(job_id: str, run: int) -> list[dict[str, Any]]:
    """Write the output CSV, the totals and the final status, and what a drop expects in its outbox.

    Returns the webhook messages to deliver. Safe to repeat: the same rows give the same CSV under the
    same key, and the first final status stands. Of a run after which another has begun, the messages are
    left to tell.

    Raises:
        UnfinishedProductError: when a product has no terminal result; the ledger rules that out.
    """
    job = _required(job_id)
    if job.status is JobStatus.PROCESSING and job.run == run:
        job = _end(job)
    if job.run != run:
        return _messages(as_of_run(job, run), run)
    if job.drop_key:
        _fill_outbox(job)
    return _messages(job, run)


def _end(job: Job) -> Job:
    """Write how a run ended; returns the job as it then is.

    What refuses the first final status is a cancellation that was accepted meanwhile, or another report's
    word; that refuses the second, too.
    """
    tally = _Tally()
    output_key = _write_output(job, job.options.output, tally)
    if job.drop_key:
        [other] = (mode for mode in OutputMode if mode is not job.options.output)
        _write_output(job, other, _Tally())
    note_retryable(job.job_id, job.run, tally.retryable)
    for cancelled in (job.cancelled_at is not None, True):
        status = final_status(tally.counts, cancelled=cancelled)
        if end_job(job.job_id, job.run, status, tally.counts, tally.totals, output_key):
            break
    return _required(job.job_id)


def _required(job_id: str) -> Job:
    job = get_job(job_id)
    if job is None:
        raise LookupError(f"job {job_id} is gone")
    return job


def _write_output(job: Job, mode: OutputMode, tally: _Tally) -> str:
    """Returns the key under which it is. tally: what is counted on the way."""
    key = _output_key(job, mode)
    pieces = _replaced(job, tally) if mode is OutputMode.REPLACE else _appended(job, tally)
    upload_catalogue(key, pieces, "text/csv; charset=utf-8")
    return key


def _output_key(job: Job, mode: OutputMode) -> str:
    suffix = ".replace.csv" if mode is OutputMode.REPLACE else ".csv"
    return f"outputs/{job.tenant}/{job.job_id}/{job.run}{suffix}"


def _inspection(job: Job) -> Inspection:
    inspection = get_layout(job.job_id)
    if inspection is None:
        raise LookupError(f"layout of job {job.job_id} is gone")
    return inspection


def _appended(job: Job, tally: _Tally) -> Iterator[bytes]:
    """The output CSV with columns of ours, row by row, counting as it goes."""
    inspection = _inspection(job)
    output = OutputCsv(inspection.layout)
    yield output.header
    for row, result in _rows_with_results(job, inspection):
        tally.add(inspection.chunk_of(row.number), result)
        urls = _output_urls(result)
        errors = [(image.position, _error_word(image)) for image in result.images if image.error]
        if result.error:
            errors.insert(0, (ROW_POSITION, result.error.value))
        slots = [urls.get(position) for position in range(1, len(row.urls) + 1)]
        yield output.row(row, slots, result.status, errors)


def _replaced(job: Job, tally: _Tally) -> Iterator[bytes]:
    """The input with output URLs in place of its own, row by row, counting as it goes."""
    inspection = _inspection(job)
    output = ReplacedCsv(inspection.layout)
    yield output.header
    for row, result in _rows_with_results(job, inspection):
        tally.add(inspection.chunk_of(row.number), result)
        urls = _output_urls(result)
        made = {url: urls[position] for position, url in enumerate(row.urls, 1) if position in urls}
        yield output.row(row, made)


def _output_urls(result: ProductResult) -> dict[int, str]:
    return {image.position: output_url(image.key) for image in result.images if image.key}


def _error_word(image: ImageResult) -> str:
    """An image's code; that of an origin's answer with its number."""
    code = image.error.value if image.error else ""
    return code if image.http_status is None else f"{code}={image.http_status}"


def _rows_with_results(job: Job, inspection: Inspection) -> Iterator[tuple[Row, ProductResult]]:
    stream = open_catalogue(job.catalogue_key, inspection.chunk_offsets[0], version=inspection.version)
    rows = read_rows(stream, inspection.layout, 1)
    for chunk in range(len(inspection.chunk_offsets)):
        results = {result.row: result for result in results_of_chunk(job.job_id, chunk)}
        for row in islice(rows, inspection.chunk_rows):
            result = results.get(row.number)
            if result is None or not result.status.has_ended or (result.is_retryable and result.run != job.run):
                raise UnfinishedProductError(f"job {job.job_id} row {row.number}")
            yield row, result


def _fill_outbox(job: Job) -> None:
    """Contract A5: the output CSV and the job, beside each other under the dropped file's name.

    They are of the last run that has ended, also when a retry has ended since `job` was read.
    """
    while True:
        _write_outbox(job)
        latest = _required(job.job_id)
        if latest.run == job.run or not latest.status.has_ended:
            return
        job = latest


def _write_outbox(job: Job) -> None:
    _, _, rest = (job.drop_key or "").partition("/")
    target = f"outbox/{rest[: -len('.csv')]}.{job.job_id}"
    for key, suffix in _outbox_files(job):
        copy_catalogue(key, None, f"{target}{suffix}")
    document = job_document(job, job.counts or ProductCounts())
    body = json.dumps(document, ensure_ascii=False, indent=2).encode()
    put_catalogue(f"{target}.json", body, "application/json")


def _outbox_files(job: Job) -> list[tuple[str, str]]:
    """The outputs of a drop, and what each is called in the outbox. Of a job that release 0.1 began there is one."""
    if not job.output_key:
        return []
    if job.csv is None:
        return [(job.output_key, ".csv")]
    return [(_output_key(job, OutputMode.APPEND), ".csv"), (_output_key(job, OutputMode.REPLACE), ".replace.csv")]


def _messages(job: Job, run: int) -> list[dict[str, Any]]:
    """One message a receiver. Their ids are made from the run, so that every repetition has the same."""
    if job.status.has_ended:
        announce(job)
    return [delivery.as_dict() for delivery in deliveries_of(job.job_id, run)]
