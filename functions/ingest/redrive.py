"""Starts again what is missing in a job's run, when the sweep has found it stalled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

from imagemill.adapters.aws.objects import versions_of
from imagemill.adapters.aws.queues import MAX_DELAY_SECONDS, ask_ingest, send_products
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.results import get_results
from imagemill.adapters.store.runs import get_run
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ingest_messages import FanOutRetry, RedriveRun
from imagemill.domain.job import Job
from imagemill.domain.product import ProductKey, ProductResult
from imagemill.errors import LostRunError
from imagemill.logs import logger
from imagemill.steps.burial import bury
from imagemill.steps.ledger import Finished, finish
from imagemill.steps.results import record_result

from .fan_out import RESERVED_MILLISECONDS, fan_out, product_message, untried
from .remote import fetch_catalogue
from .retry import fan_out_retry, participants


def redrive(request: RedriveRun, remaining_milliseconds: Callable[[], int]) -> None:
    """Take each chunk of the run that is not full to where it would be had nothing been lost.

    With `give_up`, products without a result are failed as PROCESSING_CRASHED instead of being sent again. What waits
    for its origin's turn is left in the queue: that may last for hours, and is not lost. A job
    that has not begun is fanned out. Safe to repeat, and to run beside workers: all that it does are steps of the
    ledger, and a message sent twice is recognised by its product's result. A run that is over is left alone.
    """
    job_id, run = request.job_id, request.run
    logger.append_keys(job_id=job_id, run=run)
    job = get_job(job_id)
    if job is None or job.status.has_ended or job.run != run:
        return
    if job.status is not JobStatus.PROCESSING:
        if run > 1:
            fan_out_retry(FanOutRetry(job_id, run), remaining_milliseconds)
        elif job.source is JobSource.URL and not versions_of(job.catalogue_key):
            fetch_catalogue(job_id, remaining_milliseconds)
        else:
            fan_out(job_id, 0, remaining_milliseconds)
        return
    inspection, state = get_layout(job_id), get_run(job_id, run)
    if inspection is None or state is None:
        raise LostRunError(job_id)
    waiting = [chunk for chunk in state.open_chunks if chunk >= request.chunk]
    for chunk in waiting:
        if chunk > waiting[0] and remaining_milliseconds() < RESERVED_MILLISECONDS:
            ask_ingest(replace(request, chunk=chunk))
            return
        _redrive_chunk(job, inspection, chunk, give_up=request.give_up)
    logger.warning("Run re-driven", extra={"chunks": len(waiting), "give_up": request.give_up})


def _redrive_chunk(job: Job, inspection: Inspection, chunk: int, *, give_up: bool) -> None:
    rows = participants(job, inspection, chunk)
    standing = get_results(ProductKey(job.job_id, job.run, chunk, row.number) for row in rows)
    ended = {result.row: result for result in standing.values() if result.status.has_ended and result.run == job.run}
    for row in rows:
        if row.number not in ended and (result := untried(row)):
            ended[row.number] = record_result(ProductKey(job.job_id, job.run, chunk, row.number), result)
    finish(Finished(job.job_id, job.run, chunk, row, result.status, len(rows)) for row, result in ended.items())
    put_off = {result.row for result in standing.values() if result.run == job.run and _is_put_off(result)}
    missing = [
        product_message(job, chunk, row, len(rows))
        for row in rows
        if row.number not in ended and row.number not in put_off
    ]
    if give_up:
        bury(missing, attempts=0)
    else:
        send_products(missing, job.tenant)


def _is_put_off(result: ProductResult) -> bool:
    """Whether a product waits for an origin that asks for time: as long as that is waited for, its message exists."""
    slowed_since = result.receives.slowed_since.values() if result.receives else ()
    patience_seconds = float(os.environ["THROTTLE_PATIENCE_SECONDS"])
    return any(time.time() < moment + patience_seconds + MAX_DELAY_SECONDS for moment in slowed_since)
