"""How a job's CSV is to be read, and which version of it: item `JOB#<job>` / `LAYOUT`, written once.

It is there before the run is opened. One of an earlier release has no `version`: its job reads the latest.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, SupportsBytes

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.domain.catalogue.layout import Inspection, Layout
from imagemill.domain.product import ASSUMED_CHUNK_ROWS
from imagemill.settings import settings

LAYOUT = "LAYOUT"


def put_layout(job_id: str, inspection: Inspection) -> Inspection:
    """Keep an inspection, unless one is kept already; returns what stands.

    Of several at once the first stands, and with it the version of the CSV that all of the job reads.

    Chunk offsets are packed as 8-byte integers: 40 KB for a million rows, a tenth of an item's limit.
    """
    values = {
        "layout": inspection.layout.as_dict(),
        "rows": inspection.rows,
        "chunk_rows": inspection.chunk_rows,
        "chunk_offsets": _packed(inspection.chunk_offsets),
        "name_offsets": _packed(inspection.name_offsets),
        "version": inspection.version,
        "expires_at": expires_at(job_id),
    }
    try:
        dynamodb().put_item(
            TableName=settings().table,
            Item={**key(job_partition(job_id), LAYOUT), **to_item(values)},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        return _inspection(standing_item(refused))
    return inspection


def get_layout(job_id: str) -> Inspection | None:
    item = (
        dynamodb()
        .get_item(TableName=settings().table, Key=key(job_partition(job_id), LAYOUT), ConsistentRead=True)
        .get("Item")
    )
    return _inspection(from_item(item)) if item else None


def _inspection(values: Mapping[str, Any]) -> Inspection:
    return Inspection(
        layout=Layout.from_dict(values["layout"]),
        rows=values["rows"],
        chunk_offsets=_unpacked(values["chunk_offsets"]),
        name_offsets=_unpacked(values.get("name_offsets", b"")),
        chunk_rows=values.get("chunk_rows", ASSUMED_CHUNK_ROWS),
        version=values.get("version"),
    )


def _packed(offsets: Sequence[int]) -> bytes:
    return struct.pack(f">{len(offsets)}Q", *offsets)


def _unpacked(stored: SupportsBytes | bytes) -> tuple[int, ...]:
    """What release 0.1 has stored has no offsets of names."""
    packed = bytes(stored)
    return struct.unpack(f">{len(packed) // 8}Q", packed)
