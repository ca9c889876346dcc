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
from imagemill.domain.options import BOOLEAN_OPTION_NAMES, INTEGER_OPTION_NAMES, OPTION_NAMES, JobOptions, parse_options
from imagemill.errors import InvalidOptionError
from imagemill.steps.jobs import accept_job

from .jobs import claimed_job_id
from .problems import ProblemError
from .submission import DEFAULT_FILENAME, decoded_body, printable_filename, unreadable


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
    try:
        given = json.loads(decoded_body(event))
        # Half of a surrogate pair is JSON, but no text: nothing that we keep or answer may hold one.
        json.dumps(given, ensure_ascii=False).encode()
    # RecursionError: JSON nested deeper than the interpreter's stack.
    except (ValueError, RecursionError):
        raise unreadable("the body is no JSON") from None
    if not isinstance(given, dict):
        raise unreadable("the body is no JSON object")
    filename = given.pop("filename", None)
    if not isinstance(filename, str | None):
        raise InvalidOptionError("filename", "text")
    present = {name: _as_text(name, value) for name, value in given.items()}
    options = parse_options(present, allow_http_webhook=allow_http_webhook)
    return UploadRequest(printable_filename(filename or DEFAULT_FILENAME), options)


def _as_text(name: str, value: object) -> str:
    """An option of JSON as the text that forms and queries give; null means the default.

    Numbers and booleans may be given as such or as text, text options as text alone. Of an unknown option
    the name is what is wrong, which the parser says.
    """
    match value:
        case str():
            return value
        case bool() if name in BOOLEAN_OPTION_NAMES:
            return "true" if value else "false"
        case int() if name in INTEGER_OPTION_NAMES and not isinstance(value, bool):
            return str(value)
        # JSON has one kind of number: 35.0 is as whole as 35 (JSON Schema, "integer").
        case float() if name in INTEGER_OPTION_NAMES and value.is_integer():
            return str(int(value))
        case _ if value is None or name not in OPTION_NAMES:
            return ""
    if name in INTEGER_OPTION_NAMES:
        raise InvalidOptionError(name, "a whole number")
    raise InvalidOptionError(name, "true or false" if name in BOOLEAN_OPTION_NAMES else "text")


def await_upload(request: UploadRequest, tenant: str, api_url: str, idempotency_key: str | None) -> Job:
    """Make a job that awaits its CSV, or find the one that its idempotency key already stands for.

    Safe to repeat with the same key: the job is written once, and waits until its CSV has come.

    Raises:
        ProblemError: 409 when the key stands for something else, or for a job that no longer waits.
    """
    job_id = new_id()
    if idempotency_key is not None:
        job_id = claimed_job_id(tenant, idempotency_key, job_id, request.content_hash)
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
