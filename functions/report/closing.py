"""How a run of a job is closed."""

from __future__ import annotations

import json
from collections.abc import Callable

from imagemill.adapters.aws.objects import copy_catalogue, put_catalogue
from imagemill.adapters.store.jobs import end_job, get_job
from imagemill.adapters.store.runs import as_of_run, note_retryable
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import Job, ProductCounts, final_status, job_document
from imagemill.domain.options import OutputMode

from .output import output_key, write_outputs


def close_run(job_id: str, run: int, remaining_milliseconds: Callable[[], int]) -> Job:
    """Write the output CSV, the totals and the final status, and what a drop expects in its outbox.

    Returns the job as it was when the run had ended. Safe to repeat: the same rows give the same CSV under the
    same key, and the first final status stands. A run that is reported, or after which another has begun, is
    left as it is.

    Raises:
        ReportUnfinishedError, LostUploadError, UnfinishedProductError: as `write_outputs`. Nothing has ended then.
    """
    job = _required(job_id)
    if job.status is JobStatus.PROCESSING and job.run == run:
        job = _end(job, remaining_milliseconds)
    if job.run != run:
        return as_of_run(job, run)
    if job.drop_key and job.reported != run:
        _fill_outbox(job)
    return job


def _end(job: Job, remaining_milliseconds: Callable[[], int]) -> Job:
    """Write how a run ended; returns the job as it then is.

    What refuses the first final status is a cancellation that was accepted meanwhile, or another report's
    word; that refuses the second, too.
    """
    modes = tuple(OutputMode) if job.drop_key else (job.options.output,)
    tally = write_outputs(job, modes, remaining_milliseconds)
    note_retryable(job.job_id, job.run, tally.retryable)
    for cancelled in (job.cancelled_at is not None, True):
        status = final_status(tally.counts, cancelled=cancelled)
        if end_job(job.job_id, job.run, status, tally.counts, tally.totals, output_key(job, job.options.output)):
            break
    return _required(job.job_id)


def _required(job_id: str) -> Job:
    job = get_job(job_id)
    if job is None:
        raise LookupError(f"job {job_id} is gone")
    return job


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
    return [(output_key(job, OutputMode.APPEND), ".csv"), (output_key(job, OutputMode.REPLACE), ".replace.csv")]
