"""Stopping the run of a job, and starting another."""

from __future__ import annotations

from http import HTTPStatus

from imagemill.adapters.aws.queues import ask_ingest, ask_report
from imagemill.adapters.store.cancellations import put_cancellation
from imagemill.adapters.store.jobs import cancel_awaited, cancel_run, get_job, queue_retry
from imagemill.adapters.store.runs import get_retryable, keep_outcome, open_retry
from imagemill.domain.codes import JobStatus
from imagemill.domain.ingest_messages import FanOutRetry
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.report_request import ReportRequest

from .problems import ProblemError, job_not_found


def cancel(job: Job) -> Job:
    """Stop what has not begun of a job's run. It ends as CANCELLED, and what is done is kept.

    One whose CSV has not come ends at once. Safe to repeat, also after a crash half-way: the job's own
    item decides, and what follows from it is written again.

    Returns the job as it is now.

    Raises:
        ProblemError: 409 when the job has ended.
    """
    if job.status is JobStatus.AWAITING_UPLOAD and cancel_awaited(job.job_id):
        ask_report(ReportRequest(job.job_id, job.run))
        return _required(job.job_id)
    accepted = cancel_run(job.job_id)
    if accepted is None:
        if job.status is JobStatus.CANCELLED and job.output_key is None:
            ask_report(ReportRequest(job.job_id, job.run))
        detail = "The job has ended; there is nothing left to cancel."
        raise ProblemError(HTTPStatus.CONFLICT, "JOB_ALREADY_ENDED", detail)
    put_cancellation(accepted.job_id, accepted.run)
    return accepted


def retry(job: Job) -> Job:
    """Run the failed products of an ended job again, and of these the images that failed.

    The new run is opened before the job turns to it, both from what the ended run left, so whoever is
    first opens the same. Safe to repeat, also after a crash half-way: while ingest has not begun the
    run, it is asked again.

    Returns the job as it is now.

    Raises:
        ProblemError: 409 while the job runs, or when nothing can be retried.
    """
    if job.status.has_ended:
        retryable = get_retryable(job.job_id, job.run)
        if job.status is JobStatus.REJECTED or not retryable.chunks:
            raise ProblemError(HTTPStatus.CONFLICT, "NOTHING_TO_RETRY", _why_nothing(job))
        keep_outcome(job)
        standing = (job.counts or ProductCounts()) - retryable.counts
        open_retry(job.job_id, job.run + 1, retryable.chunks, standing)
        queue_retry(job.job_id, job.run)
        job = _required(job.job_id)
    if job.run > 1 and job.status is JobStatus.QUEUED:
        ask_ingest(FanOutRetry(job.job_id, job.run))
        if job.cancelled_at is None:
            return job
    detail = f"The job is {job.status.value}. It can be retried when it has ended."
    raise ProblemError(HTTPStatus.CONFLICT, "JOB_NOT_FINISHED", detail)


def _why_nothing(job: Job) -> str:
    if job.status is JobStatus.REJECTED:
        return "The CSV was refused; correct it and send it as a new job."
    if job.counts and job.counts.failed:
        return "What failed are rows of the CSV; correct them and send them as a new job."
    if job.counts and job.counts.ended == 0:
        return "The job was cancelled before its CSV had come. Send it as a new job."
    return "No product of the job has failed."


def _required(job_id: str) -> Job:
    job = get_job(job_id)
    if job is None:
        raise job_not_found()
    return job
