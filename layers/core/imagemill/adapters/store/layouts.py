"""How a job's CSV is to be read: item `JOB#<job>` / `LAYOUT`, written once, before the run is opened."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import SupportsBytes

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.domain.catalogue.layout import Inspection, Layout
from imagemill.domain.product import ASSUMED_CHUNK_ROWS
from imagemill.settings import settings

LAYOUT = "LAYOUT"


def put_layout(job_id: str, inspection: Inspection) -> None:
    """Keep an inspection. Repeating writes the same, for the CSV never changes.

    Chunk offsets are packed as 8-byte integers: 40 KB for a million rows, a tenth of an item's limit.
    """
    values = {
        "layout": inspection.layout.as_dict(),
        "rows": inspection.rows,
        "chunk_rows": inspection.chunk_rows,
        "chunk_offsets": _packed(inspection.chunk_offsets),
        "name_offsets": _packed(inspection.name_offsets),
        "expires_at": expires_at(job_id),
    }
    dynamodb().put_item(TableName=settings().table, Item={**key(job_partition(job_id), LAYOUT), **to_item(values)})


def get_layout(job_id: str) -> Inspection | None:
    item = (
        dynamodb()
        .get_item(TableName=settings().table, Key=key(job_partition(job_id), LAYOUT), ConsistentRead=True)
        .get("Item")
    )
    if not item:
        return None
    values = from_item(item)
    return Inspection(
        layout=Layout.from_dict(values["layout"]),
        rows=values["rows"],
        chunk_offsets=_unpacked(values["chunk_offsets"]),
        name_offsets=_unpacked(values.get("name_offsets", b"")),
        chunk_rows=values.get("chunk_rows", ASSUMED_CHUNK_ROWS),
    )


def _packed(offsets: Sequence[int]) -> bytes:
    return struct.pack(f">{len(offsets)}Q", *offsets)


def _unpacked(stored: SupportsBytes | bytes) -> tuple[int, ...]:
    """What release 0.1 has stored has no offsets of names."""
    packed = bytes(stored)
    return struct.unpack(f">{len(packed) // 8}Q", packed)
