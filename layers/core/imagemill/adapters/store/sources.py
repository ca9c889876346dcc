"""Sources: partition `SOURCE#<tenant>#<2 hex>`, sort key `<62 hex>`: SHA-256 of URL and image options (design B8).

The two digits spread a tenant over 256 partitions, each of which takes 1,000 writes a second; all that a tenant has
is found by querying them. An item lives as long as the object that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.aws.fast_lane import by_fast_lane
from imagemill.adapters.store.items import SECONDS_A_DAY, key, to_item
from imagemill.domain.product import ImageResult
from imagemill.domain.source import Source, SourceKey, Validators
from imagemill.errors import SourcesNotKeptError
from imagemill.settings import settings

SOURCE = "SOURCE#"
#: BatchWriteItem takes at most 25 items (DynamoDB API reference).
BATCH_WRITE_ITEMS = 25
#: What DynamoDB left undone is tried so often; what is never written costs a later job the image's making.
WRITE_ATTEMPTS = 3


def source_item_key(source: SourceKey) -> dict[str, Any]:
    return key(f"{SOURCE}{source.tenant}#{source.digest[:2]}", source.digest[2:])


def source_key_of(item: Mapping[str, Any]) -> SourceKey:
    """The inverse of `source_item_key`, of an unmarshalled item."""
    tenant, _, first = item["pk"].removeprefix(SOURCE).rpartition("#")
    return SourceKey(tenant, first + item["sk"])


def source_of(item: Mapping[str, Any]) -> Source:
    return Source(
        Validators.from_dict(item),
        item["sha256"],
        ImageResult.from_dict({**item["image"], "position": 0}),
        item["stored_at"],
        item["job_id"],
    )


def put_sources(sources: Mapping[SourceKey, Source]) -> None:
    """Remember what came of sources, in place of what was known of them.

    Safe to repeat and to race: every item describes an object that is there, whichever of two writers comes last.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
        SourcesNotKeptError: when DynamoDB keeps leaving items undone.
    """
    requests = [{"PutRequest": {"Item": _item(source, kept)}} for source, kept in sources.items()]
    for _ in range(WRITE_ATTEMPTS):
        undone: list[Any] = []
        for first in range(0, len(requests), BATCH_WRITE_ITEMS):
            asked = {settings().table: requests[first : first + BATCH_WRITE_ITEMS]}
            answer = by_fast_lane(dynamodb(), "batch_write_item", RequestItems=asked)
            undone += answer.get("UnprocessedItems", {}).get(settings().table, [])
        requests = undone
        if not requests:
            return
    raise SourcesNotKeptError(f"{len(requests)} of {len(sources)} sources")


def _item(key_: SourceKey, source: Source) -> dict[str, Any]:
    image = source.result.as_dict()
    del image["position"]
    days = settings().image_retention_days
    values = {
        **source.validators._asdict(),
        "sha256": source.sha256,
        "image": image,
        "stored_at": source.stored_at,
        "job_id": source.job_id,
        "expires_at": source.stored_at + days * SECONDS_A_DAY if days else None,
    }
    return source_item_key(key_) | to_item(values)


def live_sources(items: Iterable[Mapping[str, Any]], now: float) -> dict[SourceKey, Source]:
    """The sources among items, but those that TTL is late to remove."""
    return {
        source_key_of(item): source_of(item)
        for item in items
        if item["pk"].startswith(SOURCE) and item.get("expires_at", now + 1) > now
    }
