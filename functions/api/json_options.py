"""Job options in a JSON body, beside one member that is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from imagemill.domain.options import BOOLEAN_OPTION_NAMES, INTEGER_OPTION_NAMES, OPTION_NAMES, JobOptions, parse_options
from imagemill.errors import InvalidOptionError

from .submission import decoded_body, unreadable


def read_json_options(
    event: Mapping[str, Any], beside: str, query: Mapping[str, str] | None = None, *, allow_http_webhook: bool
) -> tuple[object, JobOptions]:
    """The member `beside` of a REST API proxy event's JSON body, and the options that are its other members.

    query: further options, which the body's come before.

    Raises:
        ProblemError: 400 unless the body is a JSON object.
        InvalidOptionError: for an option that is unknown or not allowed.
    """
    try:
        given = json.loads(decoded_body(event))
        # Half of a surrogate pair is JSON, but no text: nothing that we keep or answer may hold one.
        json.dumps(given, ensure_ascii=False).encode()
    # RecursionError: JSON nested deeper than the interpreter's stack.
    except (ValueError, RecursionError):
        raise unreadable("the body is no JSON") from None
    if not isinstance(given, dict):
        raise unreadable("the body is no JSON object")
    member = given.pop(beside, None)
    return member, options_of({**(query or {}), **given}, allow_http_webhook=allow_http_webhook)


def options_of(given: Mapping[str, object], *, allow_http_webhook: bool) -> JobOptions:
    """Options of a JSON object. Raises InvalidOptionError."""
    present = {name: _as_text(name, value) for name, value in given.items()}
    return parse_options(present, allow_http_webhook=allow_http_webhook)


def _as_text(name: str, value: object) -> str:
    """An option of JSON as the text that forms and queries give; null means the default.

    Numbers and booleans may be given as such or as text, text options as text alone. Of an unknown option
    the name is what is wrong, which the parser says.
    """
    match value:
        case str():
            return value
        case bool() if name in BOOLEAN_OPTION_NAMES:
            return "true" if value else "false"
        case int() if name in INTEGER_OPTION_NAMES and not isinstance(value, bool):
            return str(value)
        # JSON has one kind of number: 35.0 is as whole as 35 (JSON Schema, "integer").
        case float() if name in INTEGER_OPTION_NAMES and value.is_integer():
            return str(int(value))
        case _ if value is None or name not in OPTION_NAMES:
            return ""
    if name in INTEGER_OPTION_NAMES:
        raise InvalidOptionError(name, "a whole number")
    raise InvalidOptionError(name, "true or false" if name in BOOLEAN_OPTION_NAMES else "text")
