"""Catalogues dropped into the bucket's inbox (contract A5)."""

from __future__ import annotations

import os

from imagemill.adapters.aws.objects import ObjectHead, copy_catalogue, head_catalogue
from imagemill.adapters.aws.queues import ask_report
from imagemill.adapters.store.jobs import get_job
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.clock import now
from imagemill.domain.codes import FileCode, JobSource, JobStatus
from imagemill.domain.ids import job_id_of_object
from imagemill.domain.job import Job
from imagemill.domain.options import JobOptions, parse_options
from imagemill.domain.report_request import ReportRequest
from imagemill.errors import InvalidOptionError
from imagemill.logs import logger
from imagemill.settings import settings
from imagemill.steps.jobs import accept_job

#: The largest CSV taken by drop, in bytes (contract A7).
MAX_DROP_BYTES = 1024**3


#: S3 keys have at most 1,024 bytes; the outbox's are this much longer than the inbox's: `outbox` for `inbox`, the
#: job id with its point, and `.replace.csv` for `.csv`.
MAX_KEY_BYTES = 1_024 - len("o.01K0B3T5Q8ZC4V7XW2N9M6R1DF.replace")


def accept_drop(key: str, version: str | None) -> None:
    """Make the job of a dropped object and copy the object to where uploads go, which starts its ingest.

    The copy keeps the job whole when the dropped object is cleared away. Safe to repeat: the job's id
    follows from the object's version, and copying again writes the same bytes.

    What is not at `inbox/<tenant>/<any>.csv` is left alone with a warning in the log: folders and partial
    uploads are no mistakes that an alarm should ring for, and without a tenant there is nobody to answer.
    """
    _, _, rest = key.partition("/")
    tenant, _, name = rest.partition("/")
    if not tenant or not name.lower().endswith(".csv") or len(key.encode()) > MAX_KEY_BYTES:
        logger.warning(
            f"Not taken as a catalogue: put them at inbox/<tenant>/<name>.csv, in {MAX_KEY_BYTES} bytes at most"
        )
        return
    head = head_catalogue(key, version)
    job_id = job_id_of_object(settings().catalogue_bucket, key, head.version, head.modified)
    logger.append_keys(job_id=job_id)
    job = _new_job(job_id, tenant, key, head)
    accept_job(job)
    if job.status is JobStatus.REJECTED:
        ask_report(ReportRequest(job_id, job.run))
        return
    standing = get_job(job_id)
    if standing and standing.status is JobStatus.QUEUED:
        copy_catalogue(key, version, job.catalogue_key)


def _new_job(job_id: str, tenant: str, key: str, head: ObjectHead) -> Job:
    options = JobOptions()
    fault = None
    given = {name.replace("-", "_"): value for name, value in head.metadata.items()}
    try:
        options = parse_options(given, allow_http_webhook=settings().is_local)
    except InvalidOptionError as invalid:
        fault = Fault(FileCode.INVALID_OPTION, str(invalid))
    if head.size > MAX_DROP_BYTES:
        message = f"The file has {head.size:,} bytes; at most {MAX_DROP_BYTES:,} are taken. Split it."
        fault = Fault(FileCode.FILE_TOO_LARGE, message)
    moment = now()
    return Job(
        job_id=job_id,
        tenant=tenant,
        status=JobStatus.REJECTED if fault else JobStatus.QUEUED,
        source=JobSource.DROP,
        filename=key.rsplit("/", 1)[-1],
        created_at=moment,
        ended_at=moment if fault else None,
        api_url=os.environ["API_URL"],
        options=options,
        errors=(fault.as_dict(),) if fault else (),
        drop_key=key,
    )
