"""A CSV that has come where a job awaits it. The first one is the job's, whatever follows (contract A4)."""

from __future__ import annotations

from imagemill.adapters.aws.objects import remove_version, versions_of
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.domain.job import Job
from imagemill.errors import CatalogueRefusedError, NoSuchJobError
from imagemill.logs import logger

from .fan_out import inspected


def is_the_jobs(job_id: str, version: str | None) -> bool:
    """Whether the job reads this version of its CSV. One that was stored after the job's own is removed.

    A form for an upload holds for an hour, and S3 takes whatever comes by it. Which version is the job's is
    decided before another is removed, so events may come in any order, twice and at the same time. Safe to
    repeat: a version is removed once.

    Raises:
        NoSuchJobError: when there is no such job.
    """
    logger.append_keys(job_id=job_id)
    job = get_job(job_id)
    if job is None:
        raise NoSuchJobError(job_id)
    if version is None or _reads(job, version):
        return True
    remove_version(job.catalogue_key, version)
    logger.warning("Another CSV came by the form of a job that has one, and was removed", extra={"version": version})
    return False


def _reads(job: Job, version: str) -> bool:
    """Also true where a job of an earlier release has noted no version: it reads the latest."""
    known = get_layout(job.job_id)
    if known is None:
        following = versions_of(job.catalogue_key)[1:]
        if version not in following or job.status.has_ended:
            return version not in following
        try:
            known = inspected(job)
        except CatalogueRefusedError:
            # What ends the job is the refused one's own event, or the sweep.
            return False
    return known.version in {None, version}
