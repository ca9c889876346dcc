"""The ingest Lambda: S3 events and its own continuations, by way of the ingest queue, one at a time."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.domain.ingest_messages import (
    ContinueIngest,
    FanOutRetry,
    FetchCatalogue,
    IngestMessage,
    ObjectsCreated,
    RedriveRun,
    RunSchedule,
    from_json,
)
from imagemill.domain.job import job_id_of_upload
from imagemill.logs import logger

from .arrival import is_the_jobs
from .drop import accept_drop
from .failure import explain_failure
from .fan_out import fan_out
from .redrive import redrive
from .remote import fetch_catalogue
from .retry import fan_out_retry
from .scheduled import start_run

#: How often a message is received before it is a dead letter; the template's maxReceiveCount says the same to SQS.
MAX_INGEST_RECEIVE_COUNT = 5


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Take each message of the batch. Raises on any fault: the queue then delivers it again, or after its
    last receive keeps it as a dead letter, and its job says why.

    Safe to repeat: a job's id follows from its object, rows and chunks are set members, and products
    that are asked for twice are recognised by their results.
    """
    for record in event["Records"]:
        logger.append_keys(message_id=record["messageId"])
        message = from_json(record["body"])
        try:
            _take(message, context)
        except Exception:
            if int(record["attributes"]["ApproximateReceiveCount"]) >= MAX_INGEST_RECEIVE_COUNT:
                explain_failure(message)
            raise


def _take(message: IngestMessage, context: LambdaContext) -> None:
    match message:
        case ContinueIngest(job_id, chunk):
            fan_out(job_id, chunk, context.get_remaining_time_in_millis)
        case FetchCatalogue(job_id):
            fetch_catalogue(job_id, context.get_remaining_time_in_millis)
        case RunSchedule():
            start_run(message)
        case FanOutRetry():
            fan_out_retry(message, context.get_remaining_time_in_millis)
        case RedriveRun():
            redrive(message, context.get_remaining_time_in_millis)
        case ObjectsCreated(objects):
            for key, version in objects:
                logger.append_keys(object_key=key)
                if key.startswith("inbox/"):
                    accept_drop(key, version)
                else:
                    job_id = job_id_of_upload(key)
                    if is_the_jobs(job_id, version):
                        fan_out(job_id, 0, context.get_remaining_time_in_millis)
