"""From an ended job to one message a product that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imagemill.adapters.aws.queues import ask_ingest, send_products
from imagemill.adapters.store.jobs import get_job, has_ended, start_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.runs import get_run
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import Row
from imagemill.domain.ingest_messages import FanOutRetry
from imagemill.domain.job import Job
from imagemill.errors import LostOutcomeError
from imagemill.logs import logger
from imagemill.steps.catalogue import rows_of_chunk

from .fan_out import RESERVED_MILLISECONDS, product_message


def fan_out_retry(request: FanOutRetry, remaining_milliseconds: Callable[[], int]) -> None:
    """Send the products that a retry takes up, from a chunk on. The call that began the retry opened its run.

    Safe to repeat from any chunk: a chunk's products are those that are to be retried and those that
    this run has begun or ended already, which are the same at any time. A message sent twice is
    recognised by its product's result. Nothing is done for a run that has ended.

    Raises:
        LostOutcomeError: when job, layout or run are gone.
    """
    job_id, run = request.job_id, request.run
    logger.append_keys(job_id=job_id, run=run)
    job, layout, state = get_job(job_id), get_layout(job_id), get_run(job_id, run)
    if job is None or layout is None or state is None:
        raise LostOutcomeError(job_id)
    if job.run != run or (not start_job(job_id, layout.rows, run) and has_ended(job_id)):
        return
    waiting = [chunk for chunk in state.chunks if chunk >= request.chunk]
    for chunk in waiting:
        if chunk > waiting[0] and remaining_milliseconds() < RESERVED_MILLISECONDS:
            ask_ingest(replace(request, chunk=chunk))
            logger.info("Retry goes on in a new message", extra={"chunk": chunk})
            return
        _retry_chunk(job, layout, chunk)
    logger.info("Retry fanned out", extra={"chunks": len(waiting)})


def participants(job: Job, inspection: Inspection, chunk: int) -> list[Row]:
    """The rows of a chunk that take part in the job's run: all in the first, in a retry those taken up."""
    rows = list(rows_of_chunk(job, inspection, chunk))
    if job.run == 1:
        return rows
    results = results_of_chunk(job.job_id, chunk)
    taken = {result.row for result in results if result.run == job.run or result.is_retryable}
    return [row for row in rows if row.number in taken]


def _retry_chunk(job: Job, inspection: Inspection, chunk: int) -> None:
    rows = participants(job, inspection, chunk)
    messages = [product_message(job, chunk, row, len(rows)) for row in rows]
    send_products(messages, job.tenant)
