"""What comes in pages, and ids in paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagemill_client.errors import MisuseError
from imagemill_client.transport import Transport

PAGE_ENTRIES = 200


def pages(
    transport: Transport, path: str, entries: str, status: str | None = None, limit: int | None = PAGE_ENTRIES
) -> Iterator[dict[str, Any]]:
    """The entries of all pages. A filtered page may be short or empty while others follow."""
    asked = {"limit": limit, "status": status, "cursor": None}
    while True:
        page = transport.get(path, {name: value for name, value in asked.items() if value is not None})
        yield from page[entries]
        if not page.get("next_cursor"):
            return
        asked["cursor"] = page["next_cursor"]


def path_part(given: str) -> str:
    """An id as part of a path. Raises MisuseError for what cannot be one."""
    given = given.strip()
    if not given.isascii() or not given.isalnum():
        raise MisuseError(f"'{given}' is no id; `imagemill jobs` lists those there are.")
    return given
