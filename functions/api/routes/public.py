"""What is served without a key: liveness, the console, the API's description, and Swagger UI to read it with.

The OpenAPI document and the pages are made at their first request: no other request waits for them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill import __version__

from ..caller import api_url_of

if TYPE_CHECKING:
    from ..resolver import Resolver

#: How long a browser may keep a page, in seconds: a new version is seen as soon.
PAGE_CACHE_SECONDS = 300

router = APIGatewayRouter()


@router.get("/openapi.json")
def get_openapi() -> Response[Any]:
    from ..openapi.document import openapi_document  # noqa: PLC0415 - no other request waits for it

    resolver = cast("Resolver", router.api_resolver)
    document = openapi_document(resolver.routes(), api_url_of(router.current_event.raw_event))
    return Response(status_code=HTTPStatus.OK, content_type="application/json", body=document)


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
    return Response(
        status_code=HTTPStatus.OK,
        content_type="text/html; charset=utf-8",
        body=html,
        headers={
            "Cache-Control": f"max-age={PAGE_CACHE_SECONDS}",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
