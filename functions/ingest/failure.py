"""What becomes of a job whose ingest failed for the last time."""

from __future__ import annotations

from imagemill.adapters.aws.queues import ask_report
from imagemill.adapters.store.jobs import get_job, reject_job
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.codes import FileCode
from imagemill.domain.ingest_messages import ContinueIngest, FetchCatalogue, IngestMessage, ObjectsCreated, RedriveRun
from imagemill.domain.job import job_id_of_upload
from imagemill.domain.report_request import ReportRequest
from imagemill.logs import logger

INGEST_FAILED = Fault(
    FileCode.INGEST_FAILED,
    "The CSV could not be taken in, which is our fault and not the file's. Submit it again as a new job; "
    "if that ends the same, tell the operators this job's id.",
)


def explain_failure(message: IngestMessage) -> None:
    """End the job that a dead letter of the ingest queue leaves behind as REJECTED, if none of it has begun.

    One that has begun is left to the sweep. Safe to repeat: the job's first end stands.
    """
    for job_id in _job_ids(message):
        job = get_job(job_id)
        if job and job.run == 1 and reject_job(job_id, [INGEST_FAILED.as_dict()]):
            logger.error("Job rejected, for its ingest kept failing", extra={"job_id": job_id})
            ask_report(ReportRequest(job_id, job.run))


def _job_ids(message: IngestMessage) -> list[str]:
    """The jobs that a message is about. A dropped object may have none yet; of a retry the first run has ended."""
    match message:
        case ContinueIngest(job_id) | FetchCatalogue(job_id) | RedriveRun(job_id):
            return [job_id]
        case ObjectsCreated(objects):
            return [job_id_of_upload(key) for key, _ in objects if key.startswith("uploads/")]
        case _:
            return []
