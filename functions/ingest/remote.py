"""A CSV by address: fetched through the guard, streamed into S3, whose event starts its ingest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from imagemill.adapters.aws.multipart import StreamedUpload
from imagemill.adapters.aws.objects import copy_catalogue, head_catalogue, versions_of
from imagemill.adapters.aws.queues import ask_report
from imagemill.adapters.store.jobs import end_unchanged, get_job, reject_job
from imagemill.adapters.store.remote_catalogues import RemoteCatalogue, get_remote_catalogue, put_remote_catalogue
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.faults import FetchError, WebCode
from imagemill.adapters.web.policy import MEBIBYTE, WebPolicy, user_agent
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.codes import FileCode, ImageCode, JobStatus
from imagemill.domain.ids import created_seconds, new_id
from imagemill.domain.job import Job
from imagemill.domain.options import Reuse
from imagemill.domain.report_request import ReportRequest
from imagemill.domain.source import UNKNOWN, slack_seconds
from imagemill.errors import NoSuchJobError
from imagemill.kept import kept
from imagemill.logs import logger
from imagemill.settings import settings

#: The largest CSV that is fetched, in bytes (contract A7).
MAX_CATALOGUE_BYTES = 1024 * MEBIBYTE
#: The member of an object's metadata that names the fetch it is of.
FETCH = "fetch"
#: Tries of what another may mend, and the pauses between them, in seconds.
PAUSES = (2.0, 15.0)
#: Longest that an origin may ask to be left alone, in seconds; a feed that is busy for longer comes with its next job.
MAX_WAIT_SECONDS = 60.0
#: Of an invocation's time, kept for what follows the fetch, in milliseconds.
RESERVED_MILLISECONDS = 20_000


def fetch_catalogue(job_id: str, remaining_milliseconds: Callable[[], int]) -> None:
    """Store what a job's address holds where uploads go; or end the job, unchanged or refused.

    A job is unchanged when an earlier one of the same tenant, address and options COMPLETED the same catalogue lately:
    then its output is that one's, and so are its products.

    Safe to repeat and to race: the first version under the key is the job's, and its first end stands. What is fetched
    is remembered before it is stored, with the fetch's id, which the object has, too: what is remembered holds only if
    the job has come to read that very object.

    Raises:
        NoSuchJobError: when there is no such job.
    """
    logger.append_keys(job_id=job_id)
    job = get_job(job_id)
    if job is None:
        raise NoSuchJobError(job_id)
    if job.status is not JobStatus.QUEUED or versions_of(job.catalogue_key):
        _report_if_ended(job)
        return
    known, earlier = _reusable(job)
    try:
        is_new = _fetched(job, known, remaining_milliseconds)
    except FetchError as fault:
        # False when another fetch has stored a CSV meanwhile, and the job goes on with that.
        if reject_job(job_id, [_fault(fault).as_dict()]):
            ask_report(ReportRequest(job_id, job.run))
        return
    if earlier and not is_new:
        _end_as(job, earlier)


def _report_if_ended(job: Job) -> None:
    """A death between a job's end and its completion leaves the latter to be asked for."""
    if job.status is JobStatus.REJECTED or job.unchanged_since:
        ask_report(ReportRequest(job.job_id, job.run))


def _end_as(job: Job, earlier: Job) -> None:
    """End a job with the output of an earlier one, under a key of its own: each goes with its job."""
    output_key = f"outputs/{job.tenant}/{job.job_id}/{str(earlier.output_key).rsplit('/', 1)[-1]}"
    copy_catalogue(str(earlier.output_key), None, output_key)
    if end_unchanged(job.job_id, earlier, output_key):
        ask_report(ReportRequest(job.job_id, job.run))


def _reusable(job: Job) -> tuple[RemoteCatalogue, Job] | tuple[None, None]:
    """What was found at the address before, and the job that has done all of it that is to be done.

    Its images are kept for as much longer than it as a job may be younger that names them too.
    """
    known = get_remote_catalogue(job) if job.options.reuse is Reuse.AUTO else None
    done = get_job(known.job_id) if known else None
    if known is None or done is None or done.status is not JobStatus.COMPLETED or done.output_key is None:
        return None, None
    stored = next(iter(versions_of(done.catalogue_key)), None)
    if stored is None or head_catalogue(done.catalogue_key, stored).metadata.get(FETCH) != known.fetch_id:
        return None, None
    is_young = time.time() < created_seconds(done.job_id) + slack_seconds(settings().retention_days)
    return (known, done) if is_young else (None, None)


def _fetched(job: Job, earlier: RemoteCatalogue | None, remaining_milliseconds: Callable[[], int]) -> bool:
    """Store what the address holds as the job's CSV. False, and nothing stored, when that is what it held before.

    Raises:
        FetchError: when the last try failed.
    """
    for pause in (*PAUSES, None):
        try:
            return _fetched_once(job, earlier)
        except FetchError as fault:
            wait = max(pause or 0, min(fault.retry_after or 0, MAX_WAIT_SECONDS))
            if (
                pause is None
                or not fault.is_transient
                or remaining_milliseconds() < wait * 1000 + RESERVED_MILLISECONDS
            ):
                raise
            logger.info("Catalogue not fetched yet", extra={"code": fault.code, "http_status": fault.http_status})
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _fetched_once(job: Job, earlier: RemoteCatalogue | None) -> bool:
    with _web().stream(str(job.source_url), known=earlier.validators if earlier else UNKNOWN) as answer:
        if answer.pieces is None:
            return False
        fetch_id, digest = new_id(), sha256()
        upload = StreamedUpload(job.catalogue_key, "text/csv", {FETCH: fetch_id})
        try:
            for piece in answer.pieces:
                digest.update(piece)
                upload.write(piece)
        except BaseException:
            upload.give_up()
            raise
    found = RemoteCatalogue(answer.validators, digest.hexdigest(), job.job_id, fetch_id)
    if earlier and found.sha256 == earlier.sha256:
        upload.give_up()
        put_remote_catalogue(job, replace(found, job_id=earlier.job_id, fetch_id=earlier.fetch_id))
        return False
    put_remote_catalogue(job, found)
    upload.finish()
    return True


def _fault(fault: FetchError) -> Fault:
    if fault.code is WebCode.TOO_LARGE:
        message = f"What source_url leads to is larger than {MAX_CATALOGUE_BYTES:,} bytes. Split it."
        return Fault(FileCode.FILE_TOO_LARGE, message)
    said = f" (HTTP status {fault.http_status})" if fault.http_status else ""
    return Fault(
        ImageCode(fault.code),
        f"The CSV could not be fetched from source_url{said}. See that anybody can fetch it there, without a login, "
        "and submit it again.",
    )


@kept
def _web() -> WebClient:
    return WebClient(
        WebPolicy(
            allow_loopback=settings().is_local,
            user_agent=user_agent(os.environ["CONTACT_URL"]),
            total_timeout_seconds=float(os.environ["CATALOGUE_TIMEOUT_SECONDS"]),
            max_bytes=MAX_CATALOGUE_BYTES,
            accept="text/csv,*/*;q=0.5",
        )
    )
