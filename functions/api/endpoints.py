"""Webhook endpoints of a tenant: registered, changed, and tried out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from imagemill.adapters.aws.completion import start_deliveries
from imagemill.adapters.store.messages import WebhookMessage, put_message
from imagemill.adapters.store.webhooks import (
    change_webhook,
    create_webhook,
    delete_webhook,
    get_webhook,
    list_webhooks,
    rotate_webhook_secret,
)
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import is_id, new_id
from imagemill.domain.job import Job, ProductCounts, Totals, job_document
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS, Webhook, webhook_document
from imagemill.domain.webhooks.message import Delivery, EventType, message_body, new_secret

from .problems import ProblemError
from .webhook_fields import invalid_field


def register(tenant: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make an endpoint; its document, with the secret that is not shown again.

    Written first and counted then, so that of several at once none remains above the limit.

    Raises:
        ProblemError: 422 without URL, 409 above the limit.
    """
    if "url" not in fields:
        raise invalid_field("url", "required")
    given = {"events": tuple(EventType), **fields}
    webhook = Webhook(webhook_id=new_id(), tenant=tenant, created_at=now(), **given)
    secret = new_secret()
    create_webhook(webhook, secret)
    if len(list_webhooks(tenant)) > MAX_WEBHOOKS:
        delete_webhook(tenant, webhook.webhook_id)
        detail = f"There are {MAX_WEBHOOKS} webhooks already. Delete one, or change its URL."
        raise ProblemError(HTTPStatus.CONFLICT, "TOO_MANY_WEBHOOKS", detail)
    return {**webhook_document(webhook), "secret": secret}


def owned(webhook_id: str, tenant: str) -> Webhook:
    """The tenant's endpoint.

    Raises:
        ProblemError: 404, the same whether there is none or it is another's.
    """
    webhook = get_webhook(tenant, webhook_id) if is_id(webhook_id) else None
    if webhook is None:
        raise _not_found()
    return webhook


def change(webhook: Webhook, fields: Mapping[str, Any]) -> Webhook:
    """Change the fields that are given. Another URL, or enabling it, gives the endpoint a new five days."""
    changes = dict(fields)
    if "events" in changes:
        changes["events"] = [event.value for event in changes["events"]]
    if "enabled" in changes:
        changes["disabled_reason"] = None
    if changes.get("enabled") or changes.get("url", webhook.url) != webhook.url:
        changes["failing_since"] = None
    if not changes:
        return webhook
    changed = change_webhook(webhook.tenant, webhook.webhook_id, changes)
    if changed is None:
        raise _not_found()
    return changed


def rotate(webhook: Webhook) -> dict[str, Any]:
    """The endpoint's document with its new secret, which is not shown again."""
    secret = rotate_webhook_secret(webhook.tenant, webhook.webhook_id, secret_overlap_seconds())
    if secret is None:
        raise _not_found()
    return {**webhook_document(webhook), "secret": secret}


def send_test(webhook: Webhook, api_url: str) -> dict[str, str]:
    """Deliver a `webhook.test`, whatever the endpoint's filter: its data is an example job that does not exist.

    Raises:
        ProblemError: 409 while the endpoint is disabled.
    """
    if not webhook.enabled:
        detail = 'The webhook is disabled. Enable it first: PATCH it with {"enabled": true}.'
        raise ProblemError(HTTPStatus.CONFLICT, "WEBHOOK_DISABLED", detail)
    example = _example_job(webhook.tenant, api_url)
    body = message_body(EventType.WEBHOOK_TEST, example.ended_at, job_document(example, ProductCounts(completed=1)))
    put_message(WebhookMessage(example.job_id, example.run, webhook.tenant, EventType.WEBHOOK_TEST, body))
    delivery = Delivery(example.job_id, example.run, webhook.webhook_id)
    start_deliveries(f"{example.job_id}-test", [delivery])
    return {"message_id": delivery.message_id}


def secret_overlap_seconds() -> int:
    """How long a replaced secret signs beside the new one (contract A6: 24 h)."""
    return int(os.environ["SECRET_OVERLAP_SECONDS"])


def _example_job(tenant: str, api_url: str) -> Job:
    moment = now()
    return Job(
        job_id=new_id(),
        tenant=tenant,
        status=JobStatus.COMPLETED,
        source=JobSource.API,
        filename="example.csv",
        created_at=moment,
        started_at=moment,
        ended_at=moment,
        api_url=api_url,
        products=1,
        totals=Totals(images=1, images_completed=1, input_bytes=250_000, output_bytes=60_000),
        output_key="example.csv",
    )


def _not_found() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "WEBHOOK_NOT_FOUND", "There is no such webhook.")
