"""What receivers are told of a run: item `JOB#<job>` / `MESSAGE#<run>`, one for all receivers.

A test's message is one about an example job, of which there is nothing but this item and its attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.domain.webhooks.message import EventType
from imagemill.settings import settings


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """body: the payload, the same bytes at every attempt. webhook_url: the job's own receiver, if it has one."""

    job_id: str
    run: int
    tenant: str
    event: EventType
    body: bytes
    webhook_url: str | None = None


def put_message(message: WebhookMessage) -> WebhookMessage:
    """Fix what is told; returns what stands, for the first word does. Repeating changes nothing."""
    values = {
        "run": message.run,
        "tenant": message.tenant,
        "event": message.event.value,
        "body": message.body,
        "webhook_url": message.webhook_url,
        "expires_at": expires_at(message.job_id),
    }
    try:
        dynamodb().put_item(
            TableName=settings().table,
            Item={**key(job_partition(message.job_id), _sort(message.run)), **to_item(values)},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        return _message(message.job_id, message.run, standing_item(refused))
    return message


def get_message(job_id: str, run: int) -> WebhookMessage | None:
    place = key(job_partition(job_id), _sort(run))
    item = dynamodb().get_item(TableName=settings().table, Key=place, ConsistentRead=True).get("Item")
    return _message(job_id, run, from_item(item)) if item else None


def _message(job_id: str, run: int, values: Mapping[str, Any]) -> WebhookMessage:
    return WebhookMessage(
        job_id=job_id,
        run=run,
        tenant=values["tenant"],
        event=EventType(values["event"]),
        body=bytes(values["body"]),
        webhook_url=values.get("webhook_url"),
    )


def _sort(run: int) -> str:
    return f"MESSAGE#{run}"
