"""What the account's event bus is told of an ended run (contract A6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: Of our events.
SOURCE = "imagemill"
#: EventBridge takes 256 KB for an event with source, type and time ("Calculating PutEvents event entry size").
MAX_DETAIL_BYTES = 255_000


def event_detail(stack: str, message_id: str, job: Mapping[str, Any]) -> str:
    """The event's detail, as JSON that EventBridge takes.

    job: the document, as webhooks tell it. Of one that is too long the last errors are left out, and the last names of
    the columns with URLs; `errors_omitted` and `columns_omitted` say how many. Nothing else of it has more than a few
    kilobytes.
    """

    def whole(job: Mapping[str, Any]) -> str:
        return _json({"stack": stack, "message_id": message_id, "job": job})

    text = whole(job)
    if _size(text) > MAX_DETAIL_BYTES:
        errors = _that_fit(job["errors"], MAX_DETAIL_BYTES // 2)
        job = {**job, "errors": errors, "errors_omitted": len(job["errors"]) - len(errors)}
        text = whole(job)
    if _size(text) > MAX_DETAIL_BYTES:
        text = whole(_with_fewer_columns(job))
    return text


def _with_fewer_columns(job: Mapping[str, Any]) -> dict[str, Any]:
    columns = job["csv"]["columns"]
    names = _that_fit(columns["urls"], MAX_DETAIL_BYTES // 4)
    shown = {**columns, "urls": names, "columns_omitted": len(columns["urls"]) - len(names)}
    return {**job, "csv": {**job["csv"], "columns": shown}}


def _that_fit(entries: Sequence[Any], room: int) -> list[Any]:
    fitting = []
    for entry in entries:
        room -= _size(_json(entry)) + 1
        if room < 0:
            break
        fitting.append(entry)
    return fitting


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _size(text: str) -> int:
    return len(text.encode())
