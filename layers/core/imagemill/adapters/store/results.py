"""Product results: partition `JOB#<job>#<chunk>`, sort key `RESULT#<row>`. No item means PENDING.

The product itself (serial, name, URLs) is read from the CSV, so a product costs one write in all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.aws.fast_lane import by_fast_lane
from imagemill.adapters.store.cancellations import CANCELLATION, cancellation_key
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item, unprocessed_keys
from imagemill.adapters.store.origins import ORIGIN, noted_pace, origin_key
from imagemill.adapters.store.sources import SOURCE, live_sources, source_item_key
from imagemill.domain.codes import ProductStatus, RowCode
from imagemill.domain.pace import NotedPace
from imagemill.domain.product import ImageResult, ProductKey, ProductResult, Receives, taken_up
from imagemill.domain.source import Source, SourceKey
from imagemill.domain.web_urls import Origin
from imagemill.settings import settings

#: BatchGetItem takes at most 100 keys (DynamoDB API reference).
BATCH_GET_KEYS = 100


def chunk_partition(job_id: str, chunk: int) -> str:
    return f"JOB#{job_id}#{chunk}"


def result_key(job_id: str, chunk: int, row: int) -> dict[str, Any]:
    return key(chunk_partition(job_id, chunk), f"RESULT#{row:07d}")


def put_result(product: ProductKey, result: ProductResult) -> ProductResult | None:
    """Write a product's result unless its run already has a terminal one. None when it was written, else what stands.

    Safe to repeat and to race: the first terminal result of a run wins, and every caller learns it. The
    one that stands may be a later run's: then this run has ended, and there is nothing left to account.
    """
    values: dict[str, Any] = {
        "run": product.run,
        "row": result.row,
        "status": result.status.value,
        "attempts": result.attempts,
        "images": [image.as_dict() for image in result.images],
        "error": result.error and result.error.value,
        "expires_at": expires_at(product.job_id),
    }
    if result.receives:
        values["receives"] = _receives_as_dict(result.receives)
    try:
        by_fast_lane(
            dynamodb(),
            "put_item",
            TableName=settings().table,
            Item={**result_key(product.job_id, product.chunk, product.row), **to_item(values)},
            ConditionExpression="attribute_not_exists(pk) OR run < :run OR (run = :run AND #status = :processing)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item({":run": product.run, ":processing": ProductStatus.PROCESSING.value}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        return _result(standing_item(refused))
    return None


@dataclass(frozen=True, slots=True)
class CurrentResults:
    """results: of those products that have one, as their run finds it. An earlier run's is taken up; a
    later run's says that the run asked for is over. cancelled: the runs (job id, run) that were cancelled. paces:
    of those origins that have one. sources: of those images that have been made before.
    """

    results: Mapping[ProductKey, ProductResult]
    cancelled: frozenset[tuple[str, int]]
    paces: Mapping[Origin, NotedPace] = field(default_factory=dict)
    sources: Mapping[SourceKey, Source] = field(default_factory=dict)


def get_current_results(
    wanted: Iterable[ProductKey], origins: Iterable[Origin] = (), sources: Iterable[SourceKey] = ()
) -> CurrentResults:
    """What stands of products, origins and sources, and whether runs were cancelled. One call per 100 keys."""
    asked = set(wanted)
    runs = {(product.job_id, product.run) for product in asked}
    rows = {(product.job_id, product.chunk, product.row) for product in asked}
    keys = [result_key(*row) for row in rows]
    keys += [cancellation_key(job_id, run) for job_id, run in runs]
    by_partition = {f"{ORIGIN}{origin}": origin for origin in origins}
    keys += map(origin_key, by_partition.values())
    keys += map(source_item_key, sources)
    paces: dict[Origin, NotedPace] = {}
    results: dict[tuple[str, int], ProductResult] = {}
    cancelled: set[tuple[str, int]] = set()
    remembered: list[dict[str, Any]] = []
    for item in _read(keys):
        if item["pk"].startswith(SOURCE):
            remembered.append(item)
            continue
        if origin := by_partition.get(item["pk"]):
            if noted := noted_pace(item):
                paces[origin] = noted
            continue
        job_id = item["pk"].split("#")[1]
        if item["sk"].startswith(CANCELLATION):
            cancelled.add((job_id, item["run"]))
        else:
            results[job_id, item["row"]] = _result(item)
    found = {
        product: _as_found_by(product.run, results[product.job_id, product.row])
        for product in asked
        if (product.job_id, product.row) in results
    }
    return CurrentResults(found, frozenset(cancelled), paces, live_sources(remembered, time.time()))


def get_results(wanted: Iterable[ProductKey]) -> Mapping[ProductKey, ProductResult]:
    """What stands of products, as in `get_current_results`."""
    return get_current_results(wanted).results


def _as_found_by(run: int, result: ProductResult) -> ProductResult:
    return taken_up(result) if result.run is not None and result.run < run else result


def _read(keys: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    table = settings().table
    while keys:
        asked = {table: {"Keys": keys[:BATCH_GET_KEYS], "ConsistentRead": True}}
        answer = by_fast_lane(dynamodb(), "batch_get_item", RequestItems=asked)
        keys = [*unprocessed_keys(answer), *keys[BATCH_GET_KEYS:]]
        yield from map(from_item, answer["Responses"][table])


def results_of_chunk(job_id: str, chunk: int) -> Iterator[ProductResult]:
    """The results of a chunk in row order, read consistently."""
    query: dict[str, Any] = {
        "TableName": settings().table,
        "KeyConditionExpression": "pk = :partition AND begins_with(sk, :results)",
        "ExpressionAttributeValues": to_item({":partition": chunk_partition(job_id, chunk), ":results": "RESULT#"}),
        "ConsistentRead": True,
    }
    while True:
        page = by_fast_lane(dynamodb(), "query", **query)
        for item in page["Items"]:
            yield _result(from_item(item))
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _result(values: Mapping[str, Any]) -> ProductResult:
    error = values.get("error")
    return ProductResult(
        row=values["row"],
        status=ProductStatus(values["status"]),
        attempts=values["attempts"],
        images=tuple(ImageResult.from_dict(image) for image in values["images"]),
        error=RowCode(error) if error else None,
        run=values["run"],
        receives=_receives(values["receives"]) if "receives" in values else None,
    )


def _receives_as_dict(receives: Receives) -> dict[str, Any]:
    return {
        "seen": receives.seen,
        "crashes": receives.crashes,
        "put_off": receives.put_off,
        "tries": {str(position): tries for position, tries in receives.tries.items()},
        "slowed_since": {str(position): moment for position, moment in receives.slowed_since.items()},
    }


def _receives(values: Mapping[str, Any]) -> Receives:
    return Receives(
        seen=values["seen"],
        crashes=values["crashes"],
        put_off=values["put_off"],
        tries={int(position): tries for position, tries in values["tries"].items()},
        # Missing from what was written before origins had a pace.
        slowed_since={int(position): moment for position, moment in values.get("slowed_since", {}).items()},
    )
