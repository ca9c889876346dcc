"""Asking an origin for what has changed alone (RFC 9110 section 13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from urllib3.response import HTTPResponse

from imagemill.domain.source import UNKNOWN, Validators, read_validators
from imagemill.domain.web_urls import WebUrl

#: What software answers that stumbles over conditions: it is asked once more, without.
STUMBLED = frozenset({400, 412, 500})


def conditions(known: Validators, asked: WebUrl, first: WebUrl) -> dict[str, str]:
    """Header fields for a request of a chain of redirects.

    Only to the URL that gave the validators: other resources may have the same tag, and an older date.
    """
    if known == UNKNOWN or known.answered_by != _stand_in(asked, first):
        return {}
    fields = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in fields.items() if value}


def confirms(answered: Mapping[str, str], known: Validators) -> bool:
    """Whether a 304 speaks of what is known. Some are given for the date alone, though the tag is another now."""
    etag, modified = answered.get("etag", "").strip(), answered.get("last-modified", "").strip()
    if etag and known.etag:
        return etag.removeprefix("W/") == known.etag.removeprefix("W/")
    return not modified or not known.last_modified or modified == known.last_modified


def validators_of(response: HTTPResponse, asked: WebUrl, first: WebUrl) -> Validators:
    """Of a 200 answer to the last request of a chain."""
    fields = response.headers
    # Of a body that was encoded, the tag is the encoded one's: it tells versions apart all the same.
    read = read_validators(fields.get("etag"), fields.get("last-modified"), fields.get("date"), datetime.now(UTC))
    return read if read == UNKNOWN else read._replace(answered_by=_stand_in(asked, first))


def _stand_in(asked: WebUrl, first: WebUrl) -> str | None:
    """What tells a URL at the end of redirects from others; None for the one that they began with."""
    return None if asked == first else sha256(f"{asked.origin}{asked.target}".encode()).hexdigest()[:32]
