"""What is served without a key: liveness, the console, the API's description, and Swagger UI to read it with.

The OpenAPI document and the pages are made at their first request: no other request waits for them. All but `/health`
have an `ETag`: whoever asks again is answered 304, without the 1.7 MB of Swagger UI.
"""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill import __version__

from ..caller import api_url_of

if TYPE_CHECKING:
    from ..resolver import Resolver

#: How long a browser or an edge may keep a page and not ask, and then show it while it asks, in seconds.
PAGE_CACHE_SECONDS, STALE_SECONDS = 300, 86400

router = APIGatewayRouter()


@router.get("/openapi.json")
def get_openapi() -> Response[Any]:
    from ..openapi.document import openapi_document  # noqa: PLC0415 - no other request waits for it

    resolver = cast("Resolver", router.api_resolver)
    document = openapi_document(resolver.routes(), api_url_of(router.current_event.raw_event))
    return _unless_known("application/json", json.dumps(document, ensure_ascii=False), {})


@router.get("/docs")
def get_docs() -> Response[str]:
    from ..html.pages import swagger_page  # noqa: PLC0415 - no other request waits for it

    return _page(*swagger_page())


@router.get("/")
def get_console() -> Response[str]:
    from ..html.pages import console_page  # noqa: PLC0415 - no other request waits for it

    return _page(*console_page())


@router.get("/health")
def get_health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


def _page(html: str, policy: str) -> Response[str]:
    headers: dict[str, str | list[str]] = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return _unless_known("text/html; charset=utf-8", html, headers)


def _unless_known(content_type: str, body: str, headers: dict[str, str | list[str]]) -> Response[str]:
    """The body, or 304 for a caller that has it already (RFC 9110, 13.1.2).

    The tag is weak: the gateway compresses the body for those that ask for that.
    """
    tag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers |= {
        "Cache-Control": f"public, max-age={PAGE_CACHE_SECONDS}, stale-while-revalidate={STALE_SECONDS}",
        "ETag": tag,
    }
    given = router.current_event.headers.get("if-none-match") or ""
    if given.strip() == "*" or tag.removeprefix("W/") in [
        known.strip().removeprefix("W/") for known in given.split(",")
    ]:
        # An empty text, not none: the embedded stack answers 500 to a proxy answer whose body is null.
        return Response(status_code=HTTPStatus.NOT_MODIFIED, body="", headers=headers)
    return Response(status_code=HTTPStatus.OK, content_type=content_type, body=body, headers=headers)
