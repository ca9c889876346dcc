"""The delivery log: item `JOB#<job>` / `DELIVERY#<message>#<attempt>`, one an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.settings import settings


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a webhook. status: the HTTP status, or None when there was no answer, and `error` says why.

    number: from 1, over all deliveries of the message. webhook_id: the registered endpoint, None for the
    job's own `webhook_url`. The receiver's body is never kept.
    """

    message_id: str
    number: int
    event: str
    at: str
    milliseconds: int
    delivered: bool
    status: int | None = None
    error: str | None = None
    retry_after: int | None = None
    webhook_id: str | None = None


def put_attempt(job_id: str, attempt: Attempt) -> Attempt:
    """Log an attempt. Returns what stands in the log: of two that were made at once, the one that was delivered."""
    try:
        dynamodb().put_item(
            TableName=settings().table,
            Item={
                **key(job_partition(job_id), _sort(attempt.message_id, attempt.number)),
                **to_item({**asdict(attempt), "expires_at": expires_at(job_id)}),
            },
            ConditionExpression="attribute_not_exists(pk) OR delivered = :false",
            ExpressionAttributeValues=to_item({":false": False}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        return _attempt(standing_item(refused))
    return attempt


def get_attempt(job_id: str, message_id: str, number: int) -> Attempt | None:
    item = (
        dynamodb()
        .get_item(
            TableName=settings().table,
            Key=key(job_partition(job_id), _sort(message_id, number)),
            ConsistentRead=True,
        )
        .get("Item")
    )
    return _attempt(from_item(item)) if item else None


def list_attempts(job_id: str) -> list[Attempt]:
    """Every attempt of a job's webhooks, in the order in which they were made."""
    query: dict[str, Any] = {
        "TableName": settings().table,
        "KeyConditionExpression": "pk = :partition AND begins_with(sk, :deliveries)",
        "ExpressionAttributeValues": to_item({":partition": job_partition(job_id), ":deliveries": "DELIVERY#"}),
        "ConsistentRead": True,
    }
    attempts: list[Attempt] = []
    while True:
        page = dynamodb().query(**query)
        attempts += [_attempt(from_item(item)) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return sorted(attempts, key=lambda attempt: (attempt.at, attempt.message_id, attempt.number))
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _sort(message_id: str, number: int) -> str:
    return f"DELIVERY#{message_id}#{number:03d}"


def _attempt(values: Mapping[str, Any]) -> Attempt:
    return Attempt(
        message_id=values["message_id"],
        number=values["number"],
        event=values["event"],
        at=values["at"],
        milliseconds=values["milliseconds"],
        delivered=values["delivered"],
        status=values.get("status"),
        error=values.get("error"),
        retry_after=values.get("retry_after"),
        webhook_id=values.get("webhook_id"),
    )
