"""What an ended run leaves behind on its item `JOB#<job>` / `RUN#<run>`: what a retry can take up, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, to_item
from imagemill.adapters.store.jobs import outcome_from_dict
from imagemill.adapters.store.ledger import run_key
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.retryable import Retryable, pack_chunks, unpack_chunks
from imagemill.settings import settings


def note_retryable(job_id: str, run: int, retryable: Retryable) -> None:
    """Keep what a retry of an ending run can take up. Repeating writes the same."""
    values = {"chunks": pack_chunks(retryable.chunks), "counts": asdict(retryable.counts)}
    _set(job_id, run, "retryable", values)


def get_retryable(job_id: str, run: int) -> Retryable:
    """What a retry of an ended run can take up; none of it where none was noted."""
    noted = _get(job_id, run).get("retryable")
    if not noted:
        return Retryable()
    return Retryable(unpack_chunks(bytes(noted["chunks"])), ProductCounts.from_dict(noted["counts"]))


def keep_outcome(job: Job) -> None:
    """Keep how an ended run ended, before a retry clears it from the job. Repeating writes the same."""
    values = {
        "status": job.status.value,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "cancelled_at": job.cancelled_at,
        "counts": job.counts and asdict(job.counts),
        "totals": job.totals and asdict(job.totals),
        "output_key": job.output_key,
    }
    _set(job.job_id, job.run, "outcome", {name: value for name, value in values.items() if value is not None})


def as_of_run(job: Job, run: int) -> Job:
    """The job as it was when an earlier run had ended.

    Raises:
        LookupError: when nothing is known of that run.
    """
    outcome = _get(job.job_id, run).get("outcome")
    if not outcome:
        raise LookupError(f"run {run} of job {job.job_id} is not known")
    return replace(job, run=run, **outcome_from_dict(outcome))


def _set(job_id: str, run: int, name: str, values: Mapping[str, Any]) -> None:
    dynamodb().update_item(
        TableName=settings().table,
        Key=run_key(job_id, run),
        UpdateExpression=f"SET {name} = :values, expires_at = if_not_exists(expires_at, :expires)",
        ExpressionAttributeValues=to_item({":values": values, ":expires": expires_at(job_id)}),
    )


def _get(job_id: str, run: int) -> dict[str, Any]:
    found = dynamodb().get_item(TableName=settings().table, Key=run_key(job_id, run), ConsistentRead=True)
    return from_item(found.get("Item", {}))
