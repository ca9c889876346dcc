"""What receivers are told of a run: item `JOB#<job>` / `MESSAGE#<run>`, one for all receivers.

A test's message is one about an example job, of which there is nothing but this item and its attempts.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import expires_at, from_item, key, to_item
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


def put_message(message: WebhookMessage) -> None:
    """Fix what is told. The first word stands: repeating changes nothing."""
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
        )
    except ClientError as fault:
        if error_code(fault) != "ConditionalCheckFailedException":
            raise


def get_message(job_id: str, run: int) -> WebhookMessage | None:
    place = key(job_partition(job_id), _sort(run))
    item = dynamodb().get_item(TableName=settings().table, Key=place, ConsistentRead=True).get("Item")
    if item is None:
        return None
    values = from_item(item)
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
