"""How far a run's output is written: item `JOB#<job>` / `REPORT#<run>`, there only when it has several parts.

What is uploaded by then, and counted, need not be read again: by the next invocation, or by one after a crash. All
that report at once write the same parts of the same uploads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.retryable import Retryable, pack_chunks, unpack_chunks
from imagemill.domain.tally import Tally
from imagemill.settings import settings


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """next_row: the first that is in no part yet. parts: how many each output has. uploads: their ids, by output."""

    next_row: int
    parts: int
    uploads: Mapping[str, str]
    tally: Tally


def get_checkpoint(job_id: str, run: int) -> Checkpoint | None:
    """None when there is none, or its uploads were lost."""
    found = dynamodb().get_item(TableName=settings().table, Key=_key(job_id, run), ConsistentRead=True)
    values = from_item(found.get("Item", {}))
    return _checkpoint(values) if values.get("uploads") else None


def open_checkpoint(job_id: str, run: int, uploads: Mapping[str, str]) -> Mapping[str, str]:
    """Note the uploads of a run's outputs, unless some are noted already; returns those that stand."""
    try:
        _put(
            job_id,
            run,
            Checkpoint(1, 0, uploads, Tally()),
            "attribute_not_exists(pk) OR size(uploads) = :none",
            {":none": 0},
        )
    except ClientError as refused:
        standing: Mapping[str, str] = standing_item(refused)["uploads"]
        return standing
    return uploads


def advance_checkpoint(job_id: str, run: int, checkpoint: Checkpoint) -> None:
    """Note what is uploaded. Nothing happens when others are further, or the uploads are not those that stand."""
    values = {":next": checkpoint.next_row, ":uploads": dict(checkpoint.uploads)}
    try:
        _put(job_id, run, checkpoint, "next_row < :next AND uploads = :uploads", values)
    except ClientError as refused:
        if error_code(refused) != "ConditionalCheckFailedException":
            raise


def forget_checkpoint(job_id: str, run: int, uploads: Mapping[str, str]) -> None:
    """Let the outputs be written from their beginning, unless they are already. Repeating changes nothing."""
    try:
        _put(job_id, run, Checkpoint(1, 0, {}, Tally()), "uploads = :uploads", {":uploads": dict(uploads)})
    except ClientError as refused:
        if error_code(refused) != "ConditionalCheckFailedException":
            raise


def rows_reported(job_id: str, run: int) -> int:
    """How many rows of a run are in the output by now, of one that has several parts. May be a moment behind."""
    found = dynamodb().get_item(TableName=settings().table, Key=_key(job_id, run))
    return int(from_item(found.get("Item", {})).get("next_row", 1)) - 1


def _put(job_id: str, run: int, checkpoint: Checkpoint, condition: str, values: Mapping[str, Any]) -> None:
    tally = checkpoint.tally
    item = {
        "next_row": checkpoint.next_row,
        "parts": checkpoint.parts,
        "uploads": dict(checkpoint.uploads),
        "counts": asdict(tally.counts),
        "totals": asdict(tally.totals),
        "retryable": {"chunks": pack_chunks(tally.retryable.chunks), "counts": asdict(tally.retryable.counts)},
        "expires_at": expires_at(job_id),
    }
    dynamodb().put_item(
        TableName=settings().table,
        Item={**_key(job_id, run), **to_item(item)},
        ConditionExpression=condition,
        ExpressionAttributeValues=to_item(values),
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )


def _checkpoint(values: Mapping[str, Any]) -> Checkpoint:
    retryable = values["retryable"]
    counts = ProductCounts.from_dict(retryable["counts"])
    tally = Tally(
        ProductCounts.from_dict(values["counts"]),
        Totals.from_dict(values["totals"]),
        Retryable(unpack_chunks(bytes(retryable["chunks"])), counts),
    )
    return Checkpoint(values["next_row"], values["parts"], values["uploads"], tally)


def _key(job_id: str, run: int) -> dict[str, Any]:
    return key(job_partition(job_id), f"REPORT#{run}")
