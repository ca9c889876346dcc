"""Webhook endpoints: item `TENANT#<tenant>` / `WEBHOOK#<id>`. Ids are ULIDs: lists are in order of creation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import from_item, key, to_item
from imagemill.adapters.store.secrets import rotate_secret, secrets_of, tenant_partition
from imagemill.domain.webhooks.endpoint import DisabledReason, Webhook
from imagemill.domain.webhooks.message import EventType
from imagemill.domain.webhooks.signing_secrets import SigningSecrets
from imagemill.settings import settings


def create_webhook(webhook: Webhook, secret: str) -> None:
    values = {
        "webhook_id": webhook.webhook_id,
        "url": webhook.url,
        "events": [event.value for event in webhook.events],
        "enabled": webhook.enabled,
        "description": webhook.description,
        "created_at": webhook.created_at,
        "secret": secret,
    }
    place = _place(webhook.tenant, webhook.webhook_id)
    dynamodb().put_item(TableName=settings().table, Item={**place, **to_item(values)})


def get_webhook(tenant: str, webhook_id: str) -> Webhook | None:
    found = get_webhook_and_secrets(tenant, webhook_id)
    return found[0] if found else None


def get_webhook_and_secrets(tenant: str, webhook_id: str) -> tuple[Webhook, SigningSecrets] | None:
    place = _place(tenant, webhook_id)
    item = dynamodb().get_item(TableName=settings().table, Key=place, ConsistentRead=True).get("Item")
    if item is None:
        return None
    values = from_item(item)
    return _webhook(tenant, values), secrets_of(values)


def list_webhooks(tenant: str) -> list[Webhook]:
    """All of the tenant's, oldest first, read consistently. They are few: one page."""
    page = dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :partition AND begins_with(sk, :webhooks)",
        ExpressionAttributeValues=to_item({":partition": tenant_partition(tenant), ":webhooks": "WEBHOOK#"}),
        ConsistentRead=True,
    )
    return [_webhook(tenant, from_item(item)) for item in page["Items"]]


def change_webhook(tenant: str, webhook_id: str, changes: Mapping[str, Any]) -> Webhook | None:
    """Set attributes, at least one, and remove those that are None.

    Returns the endpoint as it is now; None when there is none.
    """
    sets = [f"#{name} = :{name}" for name, value in changes.items() if value is not None]
    removes = [f"#{name}" for name, value in changes.items() if value is None]
    clauses = [f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", removes)) if parts]
    values = {f":{name}": value for name, value in changes.items()}
    return _update(tenant, webhook_id, " ".join(clauses), values)


def delete_webhook(tenant: str, webhook_id: str) -> bool:
    """False when there is none. What is on its way to it is given up at its next attempt."""
    answer = dynamodb().delete_item(TableName=settings().table, Key=_place(tenant, webhook_id), ReturnValues="ALL_OLD")
    return "Attributes" in answer


def rotate_webhook_secret(tenant: str, webhook_id: str, overlap_seconds: int) -> str | None:
    """Replace the endpoint's secret; returns the new one, or None when there is no such endpoint."""
    return rotate_secret(tenant, _sort(webhook_id), overlap_seconds)


def note_success(called: Webhook, attempt: Mapping[str, Any]) -> None:
    """Write down the latest attempt; whatever failed before it no longer counts against the endpoint."""
    _update(
        called.tenant,
        called.webhook_id,
        "SET #last_delivery = :attempt REMOVE #failing_since",
        {":attempt": attempt, ":called": called.url},
        "#url = :called",
    )


def note_failure(called: Webhook, attempt: Mapping[str, Any], at: str) -> Webhook | None:
    """Write down the latest attempt, and since when there were but failures.

    Returns the endpoint as it is now; None when it is gone, or has another URL than the one that failed.
    """
    return _update(
        called.tenant,
        called.webhook_id,
        "SET #last_delivery = :attempt, #failing_since = if_not_exists(#failing_since, :at)",
        {":attempt": attempt, ":at": at, ":called": called.url},
        "#url = :called",
    )


def disable_webhook(failed: Webhook, reason: DisabledReason) -> None:
    """Disable an endpoint, unless it has been changed or has done well since `failed` was read."""
    _update(
        failed.tenant,
        failed.webhook_id,
        "SET #enabled = :no, #disabled_reason = :reason",
        {
            ":yes": True,
            ":no": False,
            ":reason": reason.value,
            ":called": failed.url,
            ":since": failed.failing_since,
        },
        "#enabled = :yes AND #url = :called AND #failing_since = :since",
    )


def _update(
    tenant: str, webhook_id: str, expression: str, values: Mapping[str, Any], condition: str = "attribute_exists(#pk)"
) -> Webhook | None:
    """The endpoint as it is now. None when it is gone or the condition fails: no update brings one back.

    A condition that compares an attribute fails on an endpoint that is gone.
    """
    request: dict[str, Any] = {
        "TableName": settings().table,
        "Key": _place(tenant, webhook_id),
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in re.findall(r"#(\w+)", f"{expression} {condition}")},
        "ReturnValues": "ALL_NEW",
    }
    given = to_item(values)
    if given:  # an empty one is refused
        request["ExpressionAttributeValues"] = given
    try:
        answer = dynamodb().update_item(**request)
    except ClientError as fault:
        if error_code(fault) == "ConditionalCheckFailedException":
            return None
        raise
    return _webhook(tenant, from_item(answer["Attributes"]))


def _place(tenant: str, webhook_id: str) -> dict[str, Any]:
    return key(tenant_partition(tenant), _sort(webhook_id))


def _sort(webhook_id: str) -> str:
    return f"WEBHOOK#{webhook_id}"


def _webhook(tenant: str, values: Mapping[str, Any]) -> Webhook:
    reason = values.get("disabled_reason")
    return Webhook(
        webhook_id=values["webhook_id"],
        tenant=tenant,
        url=values["url"],
        events=tuple(EventType(event) for event in values["events"]),
        created_at=values["created_at"],
        enabled=values["enabled"],
        description=values.get("description"),
        disabled_reason=DisabledReason(reason) if reason else None,
        failing_since=values.get("failing_since"),
        last_delivery=values.get("last_delivery"),
    )
