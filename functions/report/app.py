"""The report Lambda: closes the runs that the report queue names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import random
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from imagemill import metrics
from imagemill.adapters.aws.queues import ask_report, show_report_again_after
from imagemill.domain.job import Job
from imagemill.domain.report_request import ReportRequest
from imagemill.errors import ReportUnfinishedError
from imagemill.logs import logger

from .closing import close_run
from .telling import note, tell, told_of

#: The longest that a report that failed rests before it is tried again, in seconds; at first two.
MAX_REST_SECONDS = 300


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Close each run that a message of the report queue names. Raises on any fault: the message comes again soon.

    One whose time is short goes on by another message. Safe to repeat, and to run twice at once: a run that is
    reported is left alone, and each step before that is safe to repeat.

    An execution that release 0.1 began calls with `{"job_id", "run"}`; it gets `{"messages": [...]}` to deliver, and
    tries again by itself.
    """
    remaining = context.get_remaining_time_in_millis
    if "Records" not in event:
        return {"messages": _report_to_execution(ReportRequest(event["job_id"], int(event["run"])), remaining)}
    for record in event["Records"]:
        logger.append_keys(message_id=record["messageId"])
        try:
            request = ReportRequest.from_json(record["body"])
            _report(request, remaining)
        except ReportUnfinishedError as unfinished:
            ask_report(request)
            logger.info("The report goes on in a new message", extra={"reached": str(unfinished)})
        except Exception:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            with suppress(ClientError):
                show_report_again_after(record["receiptHandle"], random() * min(MAX_REST_SECONDS, 2**receives))
            raise
    return None


def _report(request: ReportRequest, remaining_milliseconds: Callable[[], int]) -> None:
    job = _closed(request, remaining_milliseconds)
    if job.reported == job.run and not request.repeat:
        logger.info("Reported already")
    elif job.status.has_ended:
        tell(job, request)


def _report_to_execution(request: ReportRequest, remaining_milliseconds: Callable[[], int]) -> list[dict[str, Any]]:
    job = _closed(request, remaining_milliseconds)
    if not job.status.has_ended:
        return []
    deliveries = told_of(job)
    # Whether these come to their end is the execution's to say, and the sweep looks at that.
    note(job, is_over=False)
    return [delivery.as_dict() for delivery in deliveries]


def _closed(request: ReportRequest, remaining_milliseconds: Callable[[], int]) -> Job:
    logger.append_keys(job_id=request.job_id, run=request.run)
    job = close_run(request.job_id, request.run, remaining_milliseconds)
    logger.info("Run closed", extra={"status": job.status, "products": job.products})
    return job
