"""Cancelled runs: item `JOB#<job>` / `CANCELLATION#<run>`, there only when the run was cancelled.

An item of its own, for workers look for it with every batch: to find none costs one read unit, the
run's account of a large job would cost ten times that.
"""

from __future__ import annotations

from typing import Any

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, key, number
from imagemill.adapters.store.jobs import job_partition
from imagemill.settings import settings

CANCELLATION = "CANCELLATION#"


def cancellation_key(job_id: str, run: int) -> dict[str, Any]:
    return key(job_partition(job_id), f"{CANCELLATION}{run}")


def put_cancellation(job_id: str, run: int) -> None:
    """Let workers learn that a run was cancelled. Repeating changes nothing."""
    item = {**cancellation_key(job_id, run), "run": number(run), "expires_at": number(expires_at(job_id))}
    dynamodb().put_item(TableName=settings().table, Item=item)
