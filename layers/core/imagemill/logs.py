"""The one structured logger. Callers log ids, codes and hosts: never keys, secrets or query strings.

What they cannot see is the text of a foreign exception: urllib3 and others put the URL into it. So every line
is redacted once more on its way out. That is the second line of defence, not the first.
"""

import json
import re
from typing import Any

from aws_lambda_powertools import Logger

#: Of JSON text: a URL's value ends before a quote, a backslash or white space at the latest.
_REDACTIONS = (
    # A URL keeps its scheme and host: tokens stand before `@`, in paths and in queries.
    (
        re.compile(r"""(https?://)(?:[^\s/?#"'\\<>]*@)?([^\s/?#"'\\<>@]*)(?:[/?#][^\s"'\\<>]*)?""", re.IGNORECASE),
        r"\1\2/…",
    ),
    # The target of a request, as urllib3 names it without its host.
    (re.compile(r"""(?<=url: )/[^\s"'\\]*"""), "/…"),
    (re.compile(r"""\?[^\s"'\\=?&]{1,128}=[^\s"'\\]*"""), "?…"),
    (re.compile(r"whsec_[A-Za-z0-9+/=]+"), "whsec_…"),
    (re.compile(r"""((?:x-api-key|idempotency-key|authorization)[\\"':= ]+)[^\s"'\\,}]+""", re.IGNORECASE), r"\1…"),
)


def redacted(text: str) -> str:
    """The text without what stands behind a URL's host or before it, and without signing secrets and API keys."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _json(record: dict[str, Any]) -> str:
    return redacted(json.dumps(record, default=str, separators=(",", ":"), ensure_ascii=False))


logger = Logger(service="imagemill", use_rfc3339=True, json_serializer=_json)
