"""From a catalogue to one message a product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from imagemill.adapters.aws.objects import open_catalogue, versions_of
from imagemill.adapters.aws.queues import ask_ingest, ask_report, send_products
from imagemill.adapters.store.jobs import get_job, has_ended, reject_job, start_job
from imagemill.adapters.store.layouts import get_layout, put_layout
from imagemill.adapters.store.runs import open_run
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.codes import JobStatus, RowCode
from imagemill.domain.ingest_messages import ContinueIngest
from imagemill.domain.job import Job
from imagemill.domain.options import Reuse
from imagemill.domain.product import ProductKey, ProductMessage, ProductResult, row_fault, skipped
from imagemill.domain.report_request import ReportRequest
from imagemill.errors import CatalogueRefusedError, NoSuchJobError
from imagemill.logs import logger
from imagemill.steps.ledger import Finished, finish
from imagemill.steps.results import record_result

#: When less time than this remains, in milliseconds, the rest is left to a continuation. A chunk takes
#: well under a second; the reserve is for a throttled queue. Each invocation does one chunk at least.
RESERVED_MILLISECONDS = 20_000


def fan_out(job_id: str, first_chunk: int, remaining_milliseconds: Callable[[], int]) -> None:
    """Send the products of a job's catalogue, from a chunk on, and end those that are not to be tried.

    The file is inspected whole before the first message, so a structural fault refuses all of it and
    the sizes of run and chunks are known to every worker. Safe to repeat from any chunk: results that
    stand are not written again, and a message sent twice is recognised by its product's result.

    Raises:
        NoSuchJobError: when there is no such job.
        CatalogueRefusedError: never; it ends the job as REJECTED.
    """
    logger.append_keys(job_id=job_id)
    job = get_job(job_id)
    if job is None:
        raise NoSuchJobError(job_id)
    if job.run > 1:
        logger.info("Catalogue came again after a retry had begun")
        return
    if job.status in {JobStatus.REJECTED, JobStatus.CANCELLED}:
        ask_report(ReportRequest(job_id, job.run))
    if job.status.has_ended:
        return
    try:
        inspection = inspected(job)
    except CatalogueRefusedError as refused:
        reject_job(job_id, [refused.fault.as_dict()])
        ask_report(ReportRequest(job_id, job.run))
        return
    open_run(job_id, job.run, len(inspection.chunk_offsets))
    if not start_job(job_id, inspection.rows, csv=inspection.layout.described()) and has_ended(job_id):
        return
    for chunk, rows in enumerate(_chunks(job, inspection, first_chunk), first_chunk):
        if chunk > first_chunk and remaining_milliseconds() < RESERVED_MILLISECONDS:
            ask_ingest(ContinueIngest(job_id, chunk))
            logger.info("Ingest goes on in a new message", extra={"chunk": chunk})
            return
        _start_products(job, chunk, rows, inspection.rows_in(chunk))
    logger.info("Catalogue fanned out", extra={"rows": inspection.rows})


def inspected(job: Job) -> Inspection:
    """How the job's CSV is to be read. The first look at it decides which version that is: the one that came first.

    Safe to repeat and to race: whoever keeps the inspection first decides for all.

    Raises:
        CatalogueRefusedError: for the first structural fault.
    """
    known = get_layout(job.job_id)
    if known:
        return known
    version = next(iter(versions_of(job.catalogue_key)), None)
    inspection = inspect(open_catalogue(job.catalogue_key, version=version), job.options.reading)
    return put_layout(job.job_id, replace(inspection, version=version))


def _chunks(job: Job, inspection: Inspection, first_chunk: int) -> Iterator[Iterator[Row]]:
    """The rows of each chunk, to be taken before the next."""
    if first_chunk >= len(inspection.chunk_offsets):
        return
    stream = open_catalogue(job.catalogue_key, inspection.chunk_offsets[first_chunk], version=inspection.version)
    rows = read_rows(stream, inspection.layout, inspection.first_row(first_chunk))
    for _ in inspection.chunk_offsets[first_chunk:]:
        yield islice(rows, inspection.chunk_rows)


def _start_products(job: Job, chunk: int, rows: Iterable[Row], ledger_size: int) -> None:
    ended: list[ProductResult] = []
    send_products(_messages(job, chunk, rows, ledger_size, ended), job.tenant)
    standing = [record_result(ProductKey(job.job_id, job.run, chunk, result.row), result) for result in ended]
    finish(Finished(job.job_id, job.run, chunk, result.row, result.status, ledger_size) for result in standing)


def _messages(
    job: Job, chunk: int, rows: Iterable[Row], ledger_size: int, ended: list[ProductResult]
) -> Iterator[ProductMessage]:
    """Of the rows that may be tried; the results of others go to `ended`. One by one: 200 rows may have 800 MiB."""
    for row in rows:
        if result := untried(row):
            ended.append(result)
        else:
            yield product_message(job, chunk, row, ledger_size)


def product_message(job: Job, chunk: int, row: Row, ledger_size: int) -> ProductMessage:
    """The message of a row that may be tried."""
    options = job.options
    return ProductMessage(
        job.job_id,
        job.run,
        chunk,
        row.number,
        ledger_size,
        row.urls,
        options.image,
        job.tenant,
        options.reuse is Reuse.AUTO,
    )


def untried(row: Row) -> ProductResult | None:
    """How a row's product ends without being tried: at fault, or skipped; None when it is to be tried."""
    if row.faults:
        return row_fault(row.number, RowCode(row.faults[0].code))
    return skipped(row.number) if row.is_skipped else None
