"""The ledger's items: which rows of a chunk, and which chunks of a run, are done.

`JOB#<job>#<chunk>` / `LEDGER#<run>` holds a set of row numbers for each terminal status;
`JOB#<job>` / `RUN#<run>` holds the run's size, the set of full chunks and the sum of their counts; a
retry's holds which chunks take part, and its counts begin with the products that stand from before.
Adding to a set twice changes nothing: that is why every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.aws.fast_lane import by_fast_lane
from imagemill.adapters.store.items import expires_at, from_item, key, number, numbers, standing_item, unprocessed_keys
from imagemill.adapters.store.jobs import job_partition
from imagemill.adapters.store.results import chunk_partition
from imagemill.domain.codes import ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.retryable import pack_chunks, unpack_chunks
from imagemill.settings import settings

#: The terminal statuses, each a set attribute of a chunk's ledger and a counter of the run.
COUNTED = ("completed", "partial", "failed", "cancelled")
#: Ledgers that a live count reads at once: BatchGetItem's limit. Products beyond these are in full
#: chunks, or counted as pending; with 200 rows a chunk that is exact up to 20,000 products at once in work.
MAX_OPEN_LEDGERS = 100


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
        Key=run_key(job_id, run),
        UpdateExpression="SET chunks = :chunks, expires_at = if_not_exists(expires_at, :expires)",
        ExpressionAttributeValues={":chunks": number(chunks), ":expires": number(expires_at(job_id))},
    )


def open_retry(job_id: str, run: int, chunks: Sequence[int], standing: ProductCounts) -> None:
    """State which chunks take part in a retry, and what stands without it. Repeating changes nothing."""
    counters = ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in COUNTED)
    dynamodb().update_item(
        TableName=settings().table,
        Key=run_key(job_id, run),
        UpdateExpression=f"SET chunks = :chunks, members = :members, expires_at = :expires, {counters}",
        ExpressionAttributeNames=_names(COUNTED),
        ExpressionAttributeValues={
            ":chunks": number(len(chunks)),
            ":members": {"B": pack_chunks(chunks)},
            ":expires": number(expires_at(job_id)),
            **{f":{name}": number(getattr(standing, name)) for name in COUNTED},
        },
    )


def get_run(job_id: str, run: int, *, consistent: bool = True) -> RunState | None:
    """How a run stands, or None before it was opened."""
    request: Any = {"TableName": settings().table, "Key": run_key(job_id, run), "ConsistentRead": consistent}
    item = dynamodb().get_item(**request).get("Item")
    return _run_state(from_item(item)) if item else None


def add_rows(job_id: str, run: int, chunk: int, rows: Mapping[ProductStatus, Iterable[int]]) -> ProductCounts:
    """Enter terminal rows in a chunk's ledger; returns the counts that it then has."""
    sets = {status.value.lower(): sorted(members) for status, members in rows.items()}
    additions = ", ".join(f"#{name} :{name}" for name in sets)
    answer = by_fast_lane(
        dynamodb(),
        "update_item",
        TableName=settings().table,
        Key=_ledger_key(job_id, run, chunk),
        UpdateExpression=f"SET expires_at = if_not_exists(expires_at, :expires) ADD {additions}",
        ExpressionAttributeNames=_names(sets),
        ExpressionAttributeValues={
            ":expires": number(expires_at(job_id)),
            **{f":{name}": numbers(members) for name, members in sets.items()},
        },
        ReturnValues="ALL_NEW",
    )
    return _ledger_counts(from_item(answer["Attributes"]))


def close_chunk(job_id: str, run: int, chunk: int, counts: ProductCounts) -> RunState:
    """Enter a full chunk in its run, once: the set and the counters change together or not at all."""
    additions = ", ".join(f"#{name} :{name}" for name in COUNTED)
    try:
        answer = dynamodb().update_item(
            TableName=settings().table,
            Key=run_key(job_id, run),
            UpdateExpression=f"ADD chunks_done :chunk_set, {additions}",
            ExpressionAttributeNames=_names(COUNTED),
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


def live_counts(job_id: str, run: int) -> ProductCounts:
    """How a run's products stand now: the full chunks, and the open ones where work is going on."""
    state = get_run(job_id, run, consistent=False)
    if state is None:
        return ProductCounts()
    return sum(_open_ledgers(job_id, run, state.open_chunks[:MAX_OPEN_LEDGERS]), state.counts)


def _open_ledgers(job_id: str, run: int, chunks: Iterable[int]) -> Iterable[ProductCounts]:
    table = settings().table
    keys = [_ledger_key(job_id, run, chunk) for chunk in chunks]
    while keys:
        answer = dynamodb().batch_get_item(RequestItems={table: {"Keys": keys}})
        keys = unprocessed_keys(answer)
        for item in answer["Responses"][table]:
            yield _ledger_counts(from_item(item))


def run_key(job_id: str, run: int) -> dict[str, Any]:
    return key(job_partition(job_id), f"RUN#{run}")


def _ledger_key(job_id: str, run: int, chunk: int) -> dict[str, Any]:
    return key(chunk_partition(job_id, chunk), f"LEDGER#{run}")


def _names(attributes: Iterable[str]) -> dict[str, str]:
    """Placeholders: `partial` is one of DynamoDB's reserved words."""
    return {f"#{name}": name for name in attributes}


def _ledger_counts(values: Mapping[str, Any]) -> ProductCounts:
    return ProductCounts(**{name: len(values.get(name, ())) for name in COUNTED})


def _run_state(values: Mapping[str, Any]) -> RunState:
    members = values.get("members")
    return RunState(
        chunks=unpack_chunks(bytes(members)) if members else range(values["chunks"]),
        done=frozenset(values.get("chunks_done", ())),
        counts=ProductCounts.from_dict(values),
    )
