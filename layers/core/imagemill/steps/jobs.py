"""How jobs begin."""

from __future__ import annotations

from imagemill import metrics
from imagemill.adapters.store.jobs import create_job
from imagemill.domain.job import Job
from imagemill.metrics import Metric


def accept_job(job: Job) -> None:
    """Write a new job, and count it. Nothing happens when it exists already: so it may be repeated."""
    if create_job(job):
        metrics.count(Metric.JOBS_ACCEPTED)
