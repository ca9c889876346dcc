"""Jobs that have ended and are to be told, and after how many seconds it is tried again."""

from typing import Any

from imagemill.adapters.store.jobs import create_job
from imagemill.domain.codes import JobStatus
from imagemill.domain.options import JobOptions
from imagemill.steps.webhooks import announce
from tests.support.account import ENVIRONMENT, a_job

SCHEDULE = [int(seconds) for seconds in ENVIRONMENT["WEBHOOK_DELAYS_SECONDS"].split(",")]


def end_job_with(url: str | None, **changes: Any) -> None:
    """A job that has ended and is to be told to `url`."""
    options = JobOptions(webhook_url=url, client_reference="Bestellung Grün")
    changes = {"status": JobStatus.PARTIAL, "ended_at": "2025-07-18T13:43:00.000Z", "products": 3, **changes}
    job = a_job(options, **changes)
    create_job(job)
    announce(job)


def end_job() -> None:
    """A completed job of which nothing is kept but what its endpoints are to be told."""
    announce(a_job(status=JobStatus.COMPLETED, ended_at="2025-07-18T13:43:00.000Z"))
