"""Who calls, and by which address, as the gateway says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def tenant_of(event: Mapping[str, Any]) -> str:
    """The caller: the id of the API key that the gateway has checked."""
    return str(event["requestContext"]["identity"]["apiKeyId"])


def api_url_of(event: Mapping[str, Any]) -> str:
    """The address under which the caller reached us, without the route."""
    return os.environ["API_URL_PATTERN"].format_map(event["requestContext"])


def ids_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Whom and what a request is about, for its log lines: the tenant, and the ids in the path."""
    tenant = event["requestContext"]["identity"].get("apiKeyId")
    named = {name: value for name, value in (event.get("pathParameters") or {}).items() if name.endswith("_id")}
    return {**named, "tenant": tenant} if tenant else named
