"""Jobs whose CSV the caller sends straight to S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from imagemill.adapters.store.jobs import get_job
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import Job, options_as_dict
from imagemill.domain.options import JobOptions
from imagemill.errors import InvalidOptionError
from imagemill.steps.jobs import accept_job

from .idempotency import claimed_id
from .json_options import read_json_options
from .problems import ProblemError
from .submission import DEFAULT_FILENAME, printable_filename


@dataclass(frozen=True, slots=True)
class UploadRequest:
    filename: str
    options: JobOptions

    @property
    def content_hash(self) -> str:
        """Equal for two requests that ask for the same; unlike that of any `POST /jobs`."""
        asked = {"upload": self.filename, "options": options_as_dict(self.options)}
        return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def read_upload_request(event: Mapping[str, Any], *, allow_http_webhook: bool) -> UploadRequest:
    """Read the JSON body of a REST API proxy event.

    Raises:
        ProblemError: 400 unless the body is a JSON object.
        InvalidOptionError: for an option, or a filename, that is unknown or not allowed.
    """
    filename, options = read_json_options(event, "filename", allow_http_webhook=allow_http_webhook)
    if not isinstance(filename, str | None):
        raise InvalidOptionError("filename", "text")
    return UploadRequest(printable_filename(filename or DEFAULT_FILENAME), options)


def await_upload(request: UploadRequest, tenant: str, api_url: str, idempotency_key: str | None) -> Job:
    """Make a job that awaits its CSV, or find the one that its idempotency key already stands for.

    Safe to repeat with the same key: the job is written once, and waits until its CSV has come.

    Raises:
        ProblemError: 409 when the key stands for something else, or for a job that no longer waits.
    """
    job_id = new_id()
    if idempotency_key is not None:
        job_id = claimed_id(tenant, idempotency_key, job_id, request.content_hash)
        standing = get_job(job_id)
        if standing and standing.status is not JobStatus.AWAITING_UPLOAD:
            detail = (
                f"The job of this Idempotency-Key, {job_id}, is {standing.status.value}. Use a new key for a new job."
            )
            raise ProblemError(HTTPStatus.CONFLICT, "IDEMPOTENCY_CONFLICT", detail)
    job = Job(
        job_id=job_id,
        tenant=tenant,
        status=JobStatus.AWAITING_UPLOAD,
        source=JobSource.API,
        filename=request.filename,
        created_at=now(),
        api_url=api_url,
        options=request.options,
    )
    accept_job(job)
    return job
