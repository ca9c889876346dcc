"""What is missing in a stalled job, and how it is started again or given up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from imagemill.adapters.aws.completion import completions
from imagemill.adapters.aws.objects import catalogue_exists
from imagemill.adapters.aws.queues import ask_ingest, ask_report
from imagemill.adapters.store.jobs import abandon_job
from imagemill.adapters.store.runs import get_run
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.codes import FileCode, JobSource, JobStatus
from imagemill.domain.ids import created_seconds
from imagemill.domain.ingest_messages import RedriveRun
from imagemill.domain.job import UPLOAD_GRACE_SECONDS, UPLOAD_SECONDS, Job
from imagemill.domain.report_request import ReportRequest

#: How often a job is re-driven without progress before what is missing is given up, and how often that is
#: tried before the job is. With pauses that double, the first takes about four hours.
MAX_REDRIVES = 3
MAX_BURIALS = 3
#: How often a failing report, or telling of it, is repeated. All is made by then and only the report is missing, so an
#: outage is outwaited for almost three days.
MAX_REPEATS = 8

UPLOAD_EXPIRED = Fault(
    FileCode.UPLOAD_EXPIRED,
    f"No CSV was uploaded within {UPLOAD_SECONDS // 60} minutes of POST /uploads. Ask for a new upload.",
)
NOT_STORED = Fault(
    FileCode.INGEST_FAILED,
    "The CSV was never stored, for its submission broke off, which is our fault. Submit it again as a new job.",
)
INGEST_FAILED = Fault(
    FileCode.INGEST_FAILED,
    "The job stood still and could not be set going again, which is our fault and not the file's. Submit it "
    "again as a new job; if that ends the same, tell the operators this job's id.",
)
REPORT_FAILED = Fault(
    FileCode.REPORT_FAILED,
    "All products have ended, but the output could not be written, which is our fault. Submit the CSV again as "
    "a new job; if that ends the same, tell the operators this job's id.",
)


@dataclass(frozen=True, slots=True)
class Redrive:
    """Let ingest start again what is missing in the run; or, giving up, fail it as PROCESSING_CRASHED."""

    gives_up: bool = False

    def apply(self, job: Job) -> None:
        ask_ingest(RedriveRun(job.job_id, job.run, give_up=self.gives_up))


@dataclass(frozen=True, slots=True)
class Complete:
    """Ask for the run's report, or for its receivers to be told once more."""

    repeat: int
    gives_up: bool = False

    def apply(self, job: Job) -> None:
        ask_report(ReportRequest(job.job_id, job.run, self.repeat))


@dataclass(frozen=True, slots=True)
class Reject:
    """End the job as REJECTED, and tell its receivers."""

    fault: Fault
    gives_up: bool = True

    def apply(self, job: Job) -> None:
        abandon_job(job.job_id, job.run, [self.fault.as_dict()])
        ask_report(ReportRequest(job.job_id, job.run))


Remedy = Redrive | Complete | Reject


class Outlook(Enum):
    """What is to be expected of an ended job's receivers: TOLD all, or GIVEN_UP, or OPEN."""

    OPEN = "OPEN"
    TOLD = "TOLD"
    GIVEN_UP = "GIVEN_UP"


def outlook(job: Job, redrives: int) -> Outlook:
    """Whether an ended job needs no more looking after: its receivers are told, or that was tried often enough."""
    if not job.status.has_ended:
        return Outlook.OPEN
    last = None
    for last in completions(job.job_id, job.run):
        if last.is_running:
            return Outlook.OPEN
        if last.has_succeeded:
            return Outlook.TOLD
    if last is None and job.reported == job.run:
        return Outlook.TOLD
    return Outlook.GIVEN_UP if redrives >= MAX_REPEATS else Outlook.OPEN


def remedy_for(job: Job, redrives: int, moment: int, *, may_be_queued: bool) -> Remedy | None:
    """What to do about a job without progress; None when there is something to wait for.

    redrives: how often something was done already. moment: now, in epoch seconds. may_be_queued: whether
    the missing messages may still be waiting in a queue, so that sending them again would multiply them.
    """
    if job.status is JobStatus.AWAITING_UPLOAD and not catalogue_exists(job.catalogue_key):
        is_over = moment > created_seconds(job.job_id) + UPLOAD_SECONDS + UPLOAD_GRACE_SECONDS
        return Reject(UPLOAD_EXPIRED, gives_up=False) if is_over else None
    if job.status.has_ended or _is_full(job):
        return _completion(job, redrives)
    return None if may_be_queued else _ingest(job, redrives)


def _ingest(job: Job, redrives: int) -> Remedy:
    """The CSV, or messages made of it, are missing."""
    is_missing = job.status is JobStatus.QUEUED and not catalogue_exists(job.catalogue_key)
    if is_missing and (job.source is not JobSource.URL or redrives >= MAX_REDRIVES):
        return Reject(NOT_STORED)
    if redrives < MAX_REDRIVES:
        return Redrive()
    has_begun = job.status is JobStatus.PROCESSING or job.run > 1
    if has_begun and redrives < MAX_REDRIVES + MAX_BURIALS:
        return Redrive(gives_up=True)
    return Reject(INGEST_FAILED)


def _is_full(job: Job) -> bool:
    state = get_run(job.job_id, job.run) if job.status is JobStatus.PROCESSING else None
    return state is not None and state.is_full


def _completion(job: Job, redrives: int) -> Remedy | None:
    """The report is missing, or has failed; or who was to be told could not be called."""
    last = max(completions(job.job_id, job.run), key=lambda completion: completion.repeat, default=None)
    if last and last.is_running:
        return None
    if redrives >= MAX_REPEATS and not job.status.has_ended:
        return Reject(REPORT_FAILED)
    return Complete(last.repeat + 1 if last else 0)
