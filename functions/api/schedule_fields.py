"""What a caller may say of a schedule (contract A4): `{source_url, every, timezone, options, enabled}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagemill.errors import InvalidOptionError

from .json_options import options_of
from .remote import require_source_url

FIELDS = ("source_url", "every", "timezone", "options", "enabled")


def read_fields(document: Mapping[str, Any], *, allow_http_webhook: bool) -> dict[str, Any]:
    """The fields that are given, checked one by one; `options` as JobOptions. How often is checked of both together.

    Raises:
        InvalidOptionError: naming the field, or the option, that is unknown or not allowed.
    """
    unknown = sorted(set(document) - set(FIELDS))
    if unknown:
        # What was sent may be anything, of any length; JSON can even name half a surrogate pair.
        name = unknown[0][:64].encode("ascii", "backslashreplace").decode()
        raise InvalidOptionError(name, f"unknown; known are {', '.join(FIELDS)}")
    given = dict(document)
    if "source_url" in given:
        given["source_url"] = require_source_url(given["source_url"])
    if "options" in given:
        options = {} if given["options"] is None else given["options"]
        if not isinstance(options, dict):
            raise InvalidOptionError("options", "an object of job options")
        given["options"] = options_of(options, allow_http_webhook=allow_http_webhook)
    if not isinstance(given.get("enabled", True), bool):
        raise InvalidOptionError("enabled", "true or false")
    return given
