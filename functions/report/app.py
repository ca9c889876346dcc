"""The report Lambda: the first step of the completion state machine."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.adapters.store.jobs import get_job
from imagemill.logs import logger
from imagemill.metrics import Metric

from .closing import close_job


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Close the run `{"job_id", "run"}`; returns `{"messages": [...]}`, the webhook messages to deliver."""
    logger.append_keys(job_id=event["job_id"], run=event["run"])
    messages = close_job(event["job_id"], int(event["run"]), context.get_remaining_time_in_millis)
    if job := get_job(event["job_id"]):
        metrics.count(Metric.JOBS_ENDED, value=job.status.value)
        logger.info("Run closed", extra={"status": job.status, "products": job.products})
    return {"messages": messages}
