"""The sweep Lambda: a round every quarter of an hour over the jobs that have not ended and been told."""

from __future__ import annotations

import os
import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.adapters.aws.queues import queues_are_idle
from imagemill.errors import JobsNotSweptError
from imagemill.logs import logger
from imagemill.metrics import Metric

from .round import Finding, Round


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Look after the jobs that are due, the longest due first, until done or short of time.

    What is left is still due, and so is first in the next round. Safe to repeat, and to run twice at
    once: whoever notes a job's next look first goes on with it.

    Returns:
        How many jobs were found in which state.

    Raises:
        JobsNotSweptError: after all others have been looked after.
    """
    watch = Round(int(time.time()), int(os.environ["STALLED_SECONDS"]), are_idle=queues_are_idle())
    findings = watch.over_due_jobs(context.get_remaining_time_in_millis)
    logger.info("Swept", extra={"findings": findings})
    metrics.count(Metric.SWEEP_REDRIVES, findings[Finding.REDRIVEN])
    metrics.count(Metric.JOBS_GIVEN_UP, findings[Finding.GIVEN_UP])
    if failed := findings[Finding.NOT_SWEPT]:
        raise JobsNotSweptError(f"{failed} jobs")
    return {finding.value: count for finding, count in findings.items()}
