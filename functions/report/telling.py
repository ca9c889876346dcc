"""Who is told how a run ended, and how."""

from __future__ import annotations

import json

from imagemill import metrics
from imagemill.adapters.aws.completion import start_run_deliveries
from imagemill.adapters.aws.event_bus import put_event
from imagemill.adapters.store.watch import note_reported
from imagemill.domain.job import Job
from imagemill.domain.report_request import ReportRequest
from imagemill.domain.webhooks.message import Delivery
from imagemill.domain.webhooks.run_event import SOURCE, event_detail
from imagemill.metrics import Metric
from imagemill.settings import settings
from imagemill.steps.webhooks import announce, deliveries_of


def told_of(job: Job) -> list[Delivery]:
    """Fix what is told of an ended run, and tell it to the event bus; returns one delivery a receiver.

    Safe to repeat: the first word stands, and ids are made from the run. An event may go out twice, under one id.

    Raises:
        EventNotSentError, BotoCoreError, ClientError: whatever is not told is told when the report comes again.
    """
    message = announce(job)
    told = json.loads(message.body)
    job_itself = Delivery(job.job_id, job.run, None)
    put_event(SOURCE, message.event.value, event_detail(settings().stack, job_itself.message_id, told["data"]))
    return deliveries_of(job.job_id, job.run)


def tell(job: Job, request: ReportRequest) -> None:
    """Tell of a run that has ended, and note that it is reported.

    An execution is started where there is somebody to call. Where there is not, nothing is left to look after, and the
    job leaves the sweep's list. Safe to repeat: the execution is named after the run.
    """
    deliveries = told_of(job)
    if deliveries:
        start_run_deliveries(job.job_id, job.run, request.repeat, deliveries)
    note(job, is_over=not deliveries)


def note(job: Job, *, is_over: bool) -> None:
    """Note that a run is reported, and count it when that was not noted before. is_over: nobody is yet to be told."""
    if note_reported(job.job_id, job.run, job.status, is_over=is_over):
        metrics.count(Metric.JOBS_ENDED, value=job.status.value)
