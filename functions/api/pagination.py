"""Pages of lists: how large they are, how they go on, how they are filtered; and flags."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from .problems import ProblemError

Status = TypeVar("Status", bound=StrEnum)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
#: Of a page, as Lambda hands it on: it takes answers of 6 MB (contract A4; Lambda's quota "invocation payload"), in
#: which the page is text within JSON. What is left is for headers, and for what surrounds the page.
MAX_PAGE_BYTES = 5_000_000


class PageRoom:
    """What still fits into a page. The first entry does always, so that a list comes to its end."""

    def __init__(self, most_bytes: int = MAX_PAGE_BYTES) -> None:
        self._left = most_bytes
        self._is_empty = True

    def takes(self, entry: Mapping[str, Any]) -> bool:
        """Make room for an entry. False when there is none; the entry then belongs on the next page."""
        size = encoded_size(entry)
        if size > self._left and not self._is_empty:
            return False
        self._left -= size
        self._is_empty = False
        return True


def encoded_size(document: object) -> int:
    """Bytes of a document in a list of a Lambda's answer: encoded, and encoded again as the answer's body.

    Characters beyond ASCII are escaped by the first of the two, and their backslashes by the second.
    """
    return len(json.dumps(json.dumps(document, separators=(",", ":"))))


def limit_of(query: Mapping[str, str]) -> int:
    """`limit`, 1 to 200, default 50."""
    given = query.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= MAX_LIMIT):
        raise invalid_parameter("limit", f"a whole number from 1 to {MAX_LIMIT}")
    return int(given)


def status_of(query: Mapping[str, str], statuses: type[Status]) -> Status | None:
    """`status`, one of the contract's, or None for all."""
    given = query.get("status")
    if not given:
        return None
    try:
        return statuses(given.upper())
    except ValueError:
        raise invalid_parameter("status", f"one of {', '.join(statuses)}") from None


def flag_of(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A parameter that is `true` or `false`."""
    given = query.get(name, str(default)).lower()
    if given not in {"true", "false"}:
        raise invalid_parameter(name, "true or false")
    return given == "true"


def to_cursor(place: str) -> str:
    """An opaque cursor. It names a place in the caller's own list, so it opens nothing to others."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def from_cursor(query: Mapping[str, str], pattern: str) -> str | None:
    """The place that `cursor` names, or None at the start of a list."""
    cursor = query.get("cursor")
    if not cursor:
        return None
    try:
        padding = "=" * (-len(cursor) % 4)
        place = base64.b64decode(cursor + padding, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        place = ""
    if not re.fullmatch(pattern, place) or to_cursor(place) != cursor:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "INVALID_CURSOR", "Use a cursor as `next_cursor` gave it, or none.")
    return place


def invalid_parameter(name: str, allowed: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "INVALID_PARAMETER", f"Query parameter '{name}': {allowed}.")
