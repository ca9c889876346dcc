"""JSON bodies of requests."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from .problems import ProblemError


def json_object(event: Mapping[str, Any]) -> dict[str, Any]:
    """The object that is the body of a REST API proxy event.

    Raises:
        ProblemError: 415 unless it is said to be JSON, 400 unless it is a JSON object.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    media_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = "Send the body as JSON, with content-type: application/json."
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail)
    body: str = event.get("body") or ""
    try:
        document = json.loads(base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body)
    except (binascii.Error, ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(document, dict):
        raise _malformed()
    return document


def _malformed() -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", "The body is not a JSON object.")
