"""A schedule that is due: makes its job."""

from __future__ import annotations

import os
import time
from datetime import datetime

from imagemill.adapters.aws.queues import ask_ingest
from imagemill.adapters.aws.timers import remove_timer
from imagemill.adapters.store.schedules import get_schedule, note_run
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import created_seconds, job_id_of_run
from imagemill.domain.ingest_messages import FetchCatalogue, RunSchedule
from imagemill.domain.job import Job
from imagemill.domain.schedule import ScheduledRun
from imagemill.errors import UnreadableMessageError
from imagemill.logs import logger
from imagemill.steps.jobs import accept_job

#: A timer this old without a schedule has none any more; a younger one's may be about to be written. In seconds.
ORPHANED_SECONDS = 24 * 3600


def start_run(request: RunSchedule) -> None:
    """Make the job of a schedule that is due, and ask for its CSV.

    Nothing is made where the schedule is gone or disabled since. Safe to repeat and to race: the job's id follows from
    schedule and time. How an earlier run ended changes nothing.

    Raises:
        UnreadableMessageError: for a time that is none.
    """
    logger.append_keys(schedule_id=request.schedule_id)
    schedule = get_schedule(request.tenant, request.schedule_id)
    if schedule is None:
        logger.info("Schedule is gone")
        if time.time() > created_seconds(request.schedule_id) + ORPHANED_SECONDS:
            remove_timer(request.schedule_id)
        return
    if not schedule.enabled:
        logger.info("Schedule is disabled")
        return
    job_id = job_id_of_run(request.schedule_id, _due_at(request.at))
    logger.append_keys(job_id=job_id)
    job = Job(
        job_id=job_id,
        tenant=schedule.tenant,
        status=JobStatus.QUEUED,
        source=JobSource.URL,
        filename=schedule.filename,
        created_at=now(),
        api_url=os.environ["API_URL"],
        options=schedule.options,
        source_url=schedule.source_url,
        schedule_id=schedule.schedule_id,
    )
    accept_job(job)
    note_run(schedule, ScheduledRun(request.at, job_id))
    ask_ingest(FetchCatalogue(job_id))
    logger.info("Schedule has started a job")


def _due_at(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise UnreadableMessageError("not the time of a schedule") from fault
    if moment.tzinfo is None:
        raise UnreadableMessageError("not the time of a schedule")
    return moment
