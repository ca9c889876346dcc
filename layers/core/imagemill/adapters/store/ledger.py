"""A chunk's ledger: item `JOB#<job>#<chunk>` / `LEDGER#<run>`, which of its rows have ended.

It holds a set of row numbers for each terminal status. Adding to a set twice changes nothing: that is why every step
may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.aws.fast_lane import by_fast_lane
from imagemill.adapters.store.items import expires_at, from_item, key, number, numbers, unprocessed_keys
from imagemill.adapters.store.results import chunk_partition
from imagemill.adapters.store.runs import COUNTED, get_run, placeholders
from imagemill.domain.codes import ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.settings import settings

#: Ledgers that a live count reads at once: BatchGetItem's limit. Products beyond these are in full
#: chunks, or counted as pending; with 200 rows a chunk that is exact up to 20,000 products at once in work.
MAX_OPEN_LEDGERS = 100


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
        ExpressionAttributeNames=placeholders(sets),
        ExpressionAttributeValues={
            ":expires": number(expires_at(job_id)),
            **{f":{name}": numbers(members) for name, members in sets.items()},
        },
        ReturnValues="ALL_NEW",
    )
    return _ledger_counts(from_item(answer["Attributes"]))


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


def _ledger_key(job_id: str, run: int, chunk: int) -> dict[str, Any]:
    return key(chunk_partition(job_id, chunk), f"LEDGER#{run}")


def _ledger_counts(values: Mapping[str, Any]) -> ProductCounts:
    return ProductCounts(**{name: len(values.get(name, ())) for name in COUNTED})
