"""The routes of webhooks: endpoints and signing secrets (contracts A4 and A6)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill.adapters.store.secrets import rotate_signing_secret, signing_secrets
from imagemill.adapters.store.webhooks import delete_webhook, list_webhooks
from imagemill.domain.webhooks.endpoint import webhook_document
from imagemill.logs import logger
from imagemill.settings import settings

from .. import endpoints
from ..caller import api_url_of, tenant_of
from ..json_body import json_object
from ..webhook_fields import read_fields

#: For answers with a secret: it is for the caller alone.
NO_STORE = {"Cache-Control": "no-store"}

router = APIGatewayRouter()


@router.post("/webhooks")
def post_webhook() -> Response[dict[str, Any]]:
    webhook = endpoints.register(_tenant(), _fields())
    logger.info("Webhook registered", extra={"webhook_id": webhook["id"]})
    location = f"{api_url_of(router.current_event.raw_event)}/webhooks/{webhook['id']}"
    return _answer(HTTPStatus.CREATED, webhook, {**NO_STORE, "Location": location})


@router.get("/webhooks")
def get_webhooks() -> dict[str, Any]:
    return {"webhooks": [webhook_document(webhook) for webhook in list_webhooks(_tenant())]}


@router.get("/webhooks/<webhook_id>")
def get_webhook(webhook_id: str) -> dict[str, Any]:
    return webhook_document(endpoints.owned(webhook_id, _tenant()))


@router.patch("/webhooks/<webhook_id>")
def patch_webhook(webhook_id: str) -> dict[str, Any]:
    webhook = endpoints.owned(webhook_id, _tenant())
    return webhook_document(endpoints.change(webhook, _fields()))


@router.delete("/webhooks/<webhook_id>")
def remove_webhook(webhook_id: str) -> Response[str]:
    delete_webhook(_tenant(), endpoints.owned(webhook_id, _tenant()).webhook_id)
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


@router.post("/webhooks/<webhook_id>/test")
def post_test(webhook_id: str) -> Response[dict[str, Any]]:
    webhook = endpoints.owned(webhook_id, _tenant())
    return _answer(HTTPStatus.ACCEPTED, endpoints.send_test(webhook, api_url_of(router.current_event.raw_event)))


@router.post("/webhooks/<webhook_id>/rotate-secret")
def post_rotate_secret(webhook_id: str) -> Response[dict[str, Any]]:
    return _answer(HTTPStatus.OK, endpoints.rotate(endpoints.owned(webhook_id, _tenant())), NO_STORE)


@router.get("/signing-secret")
def get_signing_secret() -> Response[dict[str, Any]]:
    return _answer(HTTPStatus.OK, {"secret": signing_secrets(_tenant()).current}, NO_STORE)


@router.post("/signing-secret/rotate")
def post_rotate_signing_secret() -> Response[dict[str, Any]]:
    secret = rotate_signing_secret(_tenant(), endpoints.secret_overlap_seconds())
    return _answer(HTTPStatus.OK, {"secret": secret}, NO_STORE)


def _tenant() -> str:
    return tenant_of(router.current_event.raw_event)


def _fields() -> dict[str, Any]:
    return read_fields(json_object(router.current_event.raw_event), allow_http=settings().is_local)


def _answer(
    status: HTTPStatus, document: dict[str, Any], headers: dict[str, str] | None = None
) -> Response[dict[str, Any]]:
    return Response(
        status_code=int(status), content_type="application/json", body=document, headers=dict(headers or {})
    )
