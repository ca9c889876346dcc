"""What a caller may say of a webhook endpoint (contract A4): `{url, events, enabled, description}`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from imagemill.domain.options import require_webhook_url
from imagemill.domain.webhooks.endpoint import MAX_DESCRIPTION_CHARACTERS
from imagemill.domain.webhooks.message import EventType
from imagemill.errors import InvalidOptionError

from .problems import ProblemError

FIELDS = ("url", "events", "enabled", "description")


def read_fields(document: Mapping[str, Any], *, allow_http: bool) -> dict[str, Any]:
    """The fields that are given, checked; `events` as EventTypes in the contract's order.

    allow_http: true in stage `local` alone.

    Raises:
        ProblemError: 422, naming the field that is unknown or not allowed, and what is.
    """
    unknown = sorted(set(document) - set(FIELDS))
    if unknown:
        # What was sent may be anything, of any length; JSON can even name half a surrogate pair.
        name = unknown[0][:64].encode("ascii", "backslashreplace").decode()
        raise invalid_field(name, f"unknown; known are {', '.join(FIELDS)}")
    read = {"url": lambda value: _url(value, allow_http=allow_http)} | _READERS
    return {name: read[name](value) for name, value in document.items()}


def invalid_field(name: str, allowed: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_WEBHOOK", f"Field '{name}': {allowed}.")


def _url(value: object, *, allow_http: bool) -> str:
    if not isinstance(value, str):
        raise invalid_field("url", "a URL as text")
    try:
        return require_webhook_url(value, allow_http=allow_http)
    except InvalidOptionError as invalid:
        raise invalid_field("url", invalid.allowed) from None


def _events(value: object) -> tuple[EventType, ...]:
    allowed = f"a list of at least one of {', '.join(EventType)}"
    if not (isinstance(value, list) and value and all(isinstance(event, str) for event in value)):
        raise invalid_field("events", allowed)
    if not set(value) <= set(EventType):
        raise invalid_field("events", allowed)
    return tuple(event for event in EventType if event in value)


def _enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid_field("enabled", "true or false")
    return value


def _description(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not (isinstance(value, str) and len(value) <= MAX_DESCRIPTION_CHARACTERS and value.isprintable()):
        raise invalid_field("description", f"up to {MAX_DESCRIPTION_CHARACTERS} printable characters, or null")
    return value


_READERS = {"events": _events, "enabled": _enabled, "description": _description}
