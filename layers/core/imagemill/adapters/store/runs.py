"""A run's account: item `JOB#<job>` / `RUN#<run>`.

It holds how many chunks the run has, the set of those that are full and the sum of their counts; a retry's holds
which chunks take part, and its counts begin with the products that stand from before. Of an ended run it keeps what
a retry can take up, and how it ended. Adding to a set twice changes nothing: that is why every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, number, numbers, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition, outcome_from_dict
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.retryable import Retryable, pack_chunks, unpack_chunks
from imagemill.settings import settings

#: The terminal statuses, each a set attribute of a chunk's ledger and a counter of the run.
COUNTED = tuple(counted.name for counted in fields(ProductCounts))


@dataclass(frozen=True, slots=True)
class RunState:
    """chunks: those that take part in the run. done: those that are full. counts: the products in full
    chunks, and in a retry those that it leaves as they are.
    """

    chunks: Sequence[int]
    done: frozenset[int]
    counts: ProductCounts

    @property
    def is_full(self) -> bool:
        return len(self.done) == len(self.chunks)

    @property
    def open_chunks(self) -> list[int]:
        """Those that are not full, in order."""
        return [chunk for chunk in self.chunks if chunk not in self.done]


def open_run(job_id: str, run: int, chunks: int) -> None:
    """State how many chunks a run has, before its first product can end. Repeating changes nothing."""
    dynamodb().update_item(
        TableName=settings().table,
        Key=_key(job_id, run),
        UpdateExpression="SET chunks = :chunks, expires_at = if_not_exists(expires_at, :expires)",
        ExpressionAttributeValues={":chunks": number(chunks), ":expires": number(expires_at(job_id))},
    )


def open_retry(job_id: str, run: int, chunks: Sequence[int], standing: ProductCounts) -> None:
    """State which chunks take part in a retry, and what stands without it. Repeating changes nothing."""
    counters = ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in COUNTED)
    dynamodb().update_item(
        TableName=settings().table,
        Key=_key(job_id, run),
        UpdateExpression=f"SET chunks = :chunks, members = :members, expires_at = :expires, {counters}",
        ExpressionAttributeNames=placeholders(COUNTED),
        ExpressionAttributeValues={
            ":chunks": number(len(chunks)),
            ":members": {"B": pack_chunks(chunks)},
            ":expires": number(expires_at(job_id)),
            **{f":{name}": number(getattr(standing, name)) for name in COUNTED},
        },
    )


def get_run(job_id: str, run: int, *, consistent: bool = True) -> RunState | None:
    """How a run stands, or None before it was opened."""
    request: Any = {"TableName": settings().table, "Key": _key(job_id, run), "ConsistentRead": consistent}
    item = dynamodb().get_item(**request).get("Item")
    return _run_state(from_item(item)) if item else None


def close_chunk(job_id: str, run: int, chunk: int, counts: ProductCounts) -> RunState:
    """Enter a full chunk in its run, once: the set and the counters change together or not at all."""
    additions = ", ".join(f"#{name} :{name}" for name in COUNTED)
    try:
        answer = dynamodb().update_item(
            TableName=settings().table,
            Key=_key(job_id, run),
            UpdateExpression=f"ADD chunks_done :chunk_set, {additions}",
            ExpressionAttributeNames=placeholders(COUNTED),
            ConditionExpression="attribute_exists(chunks) AND NOT contains(chunks_done, :chunk)",
            ExpressionAttributeValues={
                ":chunk": number(chunk),
                ":chunk_set": numbers([chunk]),
                **{f":{name}": number(getattr(counts, name)) for name in COUNTED},
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return _run_state(from_item(answer["Attributes"]))
    except ClientError as refused:
        return _run_state(standing_item(refused))


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
        Key=_key(job_id, run),
        UpdateExpression=f"SET {name} = :values, expires_at = if_not_exists(expires_at, :expires)",
        ExpressionAttributeValues=to_item({":values": values, ":expires": expires_at(job_id)}),
    )


def _get(job_id: str, run: int) -> dict[str, Any]:
    found = dynamodb().get_item(TableName=settings().table, Key=_key(job_id, run), ConsistentRead=True)
    return from_item(found.get("Item", {}))


def placeholders(attributes: Iterable[str]) -> dict[str, str]:
    """Placeholders: `partial` is one of DynamoDB's reserved words."""
    return {f"#{name}": name for name in attributes}


def _key(job_id: str, run: int) -> dict[str, Any]:
    return key(job_partition(job_id), f"RUN#{run}")


def _run_state(values: Mapping[str, Any]) -> RunState:
    members = values.get("members")
    return RunState(
        chunks=unpack_chunks(bytes(members)) if members else range(values["chunks"]),
        done=frozenset(values.get("chunks_done", ())),
        counts=ProductCounts.from_dict(values),
    )
