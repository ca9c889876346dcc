"""Making jobs, and showing them to their owners."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from imagemill.adapters.aws.objects import download_url, put_catalogue
from imagemill.adapters.store.jobs import get_job, list_jobs
from imagemill.adapters.store.layouts import put_layout
from imagemill.adapters.store.ledger import live_counts
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import read_rows, url_faults
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import is_id, new_id
from imagemill.domain.job import Job, ProductCounts, job_document
from imagemill.errors import CatalogueRefusedError
from imagemill.steps.jobs import accept_job

from .idempotency import claimed_id
from .pagination import PageRoom
from .problems import MAX_LISTED_ERRORS, ProblemError, job_not_found, refused_catalogue
from .submission import Submission

#: Of the catalogue's name in that of a download; file systems take 255 bytes.
MAX_NAME_CHARACTERS = 100


def submit(submission: Submission, tenant: str, api_url: str, idempotency_key: str | None) -> Job:
    """Make a job of a submission, or find the one that its idempotency key already stands for.

    Safe to repeat with the same key, also after a crash half-way: every write is keyed by the job's
    id, and once the CSV is stored, ingest does what is left.

    Raises:
        ProblemError: 422 when the CSV is refused, 409 when the key stands for something else.
    """
    inspection = _inspect(submission)
    job_id, under_way = new_or_under_way(tenant, idempotency_key, submission.content_hash)
    if under_way:
        return under_way
    job = Job(
        job_id=job_id,
        tenant=tenant,
        status=JobStatus.QUEUED,
        source=JobSource.API,
        filename=submission.filename,
        created_at=now(),
        api_url=api_url,
        options=submission.options,
        products=inspection.rows,
        csv=inspection.layout.described(),
    )
    accept_job(job)
    version = put_catalogue(job.catalogue_key, submission.csv, "text/csv")
    put_layout(job_id, replace(inspection, version=version))
    return get_job(job_id) or job


def new_or_under_way(tenant: str, idempotency_key: str | None, content: str) -> tuple[str, Job | None]:
    """The id of the job to be made, and the job itself where its key stands for one that ingest has taken up already.

    Raises:
        ProblemError: as `claimed_id`.
    """
    job_id = new_id()
    if idempotency_key is None:
        return job_id, None
    job_id = claimed_id(tenant, idempotency_key, job_id, content)
    standing = get_job(job_id)
    return job_id, standing if standing and standing.status is not JobStatus.QUEUED else None


def _inspect(submission: Submission) -> Inspection:
    try:
        return inspect(BytesIO(submission.csv), submission.options.reading)
    except CatalogueRefusedError as refused:
        raise refused_catalogue(refused.fault) from refused


def validate(submission: Submission) -> dict[str, Any]:
    """What a dry run answers: how many rows are at fault, and their faults, the first hundred in full."""
    inspection = _inspect(submission)
    stream = BytesIO(submission.csv)
    stream.seek(inspection.chunk_offsets[0])
    listed: list[Fault] = []
    images = skipped = rows_at_fault = total = 0
    for row in read_rows(stream, inspection.layout, 1):
        faults = row.faults
        if row.urls:
            faults += url_faults(row, inspection.layout)
            images += 0 if row.faults else len(row.urls)
        elif not faults:
            skipped += 1
        if faults:
            rows_at_fault += 1
            total += len(faults)
            # A million faulty rows are counted, not remembered.
            if len(listed) < MAX_LISTED_ERRORS:
                listed += faults
    return {
        "valid": not total,
        "rows": inspection.rows,
        "skipped": skipped,
        "images": images,
        "csv": inspection.layout.described(),
        "row_errors": rows_at_fault,
        "errors": [fault.as_dict() for fault in listed[:MAX_LISTED_ERRORS]],
        "total_errors": total,
    }


def owned_job(job_id: str, tenant: str) -> Job:
    """The tenant's job.

    Raises:
        ProblemError: 404, the same whether there is no such job or it is another's.
    """
    job = get_job(job_id) if is_id(job_id) else None
    if job is None or job.tenant != tenant:
        raise job_not_found()
    return job


def show(job: Job) -> dict[str, Any]:
    """The job's document, with final counts when it has ended and live ones before."""
    waits_or_refused = job.status in {JobStatus.QUEUED, JobStatus.AWAITING_UPLOAD, JobStatus.REJECTED}
    if job.run == 1 and waits_or_refused:
        return job_document(job, ProductCounts())
    return job_document(job, job.counts or live_counts(job.job_id, job.run))


def page(
    tenant: str, status: JobStatus | None, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the tenant's jobs, and the id to go on from when there may be more."""
    jobs, following = list_jobs(tenant, status, limit, before)
    room = PageRoom()
    shown: list[dict[str, Any]] = []
    for job in jobs:
        document = show(job)
        if not room.takes(document):
            return shown, shown[-1]["job_id"]
        shown.append(document)
    return shown, following


def output_url(job: Job) -> str:
    """Where the output CSV can be downloaded for 15 minutes.

    Raises:
        ProblemError: 409 while there is none.
    """
    if not job.output_key:
        match job.status:
            case JobStatus.REJECTED:
                detail = "The job was rejected and has no output; its errors say why."
            case JobStatus.CANCELLED:
                detail = "The job was cancelled before its CSV had come, so it has no output."
            case _:
                detail = f"The job is {job.status.value}. Its output can be downloaded when it has ended."
        raise ProblemError(HTTPStatus.CONFLICT, "JOB_NOT_FINISHED", detail)
    return download_url(job.output_key, download_name(job))


def download_name(job: Job) -> str:
    """The name to save the output under: the catalogue's own, as a drop's outbox has it. Every client can read it."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(job.filename).stem).strip("-.")[:MAX_NAME_CHARACTERS]
    return f"{stem or 'catalogue'}.{job.job_id}.csv"
