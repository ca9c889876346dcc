"""Jobs whose CSV is fetched from an address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from imagemill.adapters.aws.queues import ask_ingest
from imagemill.adapters.store.jobs import get_job
from imagemill.domain.catalogue.image_urls import is_valid_url
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ingest_messages import FetchCatalogue
from imagemill.domain.job import Job, options_as_dict
from imagemill.domain.options import JobOptions
from imagemill.errors import InvalidOptionError
from imagemill.steps.jobs import accept_job

from .jobs import new_or_under_way
from .json_options import read_json_options
from .submission import DEFAULT_FILENAME, printable_filename, unsupported_media_type


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    source_url: str
    options: JobOptions

    @property
    def filename(self) -> str:
        """As the address calls it."""
        return printable_filename(PurePosixPath(unquote(urlsplit(self.source_url).path)).name or DEFAULT_FILENAME)

    @property
    def content_hash(self) -> str:
        """Equal for two requests that ask for the same; unlike that of any other."""
        asked = {"source_url": self.source_url, "options": options_as_dict(self.options)}
        return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def read_remote_request(
    event: Mapping[str, Any], query: Mapping[str, str], *, allow_http_webhook: bool
) -> RemoteRequest:
    """Read the JSON body of a REST API proxy event. query: options beside it, which its own come before.

    Raises:
        ProblemError: 400 unless the body is a JSON object, 415 when it names no address.
        InvalidOptionError: for an option, or an address, that is unknown or not allowed.
    """
    given, options = read_json_options(event, "source_url", query, allow_http_webhook=allow_http_webhook)
    if given is None:
        raise unsupported_media_type()
    return RemoteRequest(require_source_url(given), options)


def require_source_url(given: object) -> str:
    """An address that may be tried; where its host leads is looked at when it is.

    Raises:
        InvalidOptionError: for anything else.
    """
    url = given.strip() if isinstance(given, str) else ""
    if not is_valid_url(url):
        raise InvalidOptionError("source_url", "the absolute http or https URL of a CSV, at most 2,048 characters")
    return url


def submit_remote(request: RemoteRequest, tenant: str, api_url: str, idempotency_key: str | None) -> Job:
    """Make a job of a catalogue that is yet to be fetched, or find the one of its idempotency key.

    Safe to repeat with the same key, also after a crash half-way: the job is written once, and ingest may be asked
    twice. Whom nobody asked for is found by the sweep.

    Raises:
        ProblemError: 409 when the key stands for something else.
    """
    job_id, under_way = new_or_under_way(tenant, idempotency_key, request.content_hash)
    if under_way:
        return under_way
    job = Job(
        job_id=job_id,
        tenant=tenant,
        status=JobStatus.QUEUED,
        source=JobSource.URL,
        filename=request.filename,
        created_at=now(),
        api_url=api_url,
        options=request.options,
        source_url=request.source_url,
    )
    accept_job(job)
    ask_ingest(FetchCatalogue(job_id))
    return get_job(job_id) or job
