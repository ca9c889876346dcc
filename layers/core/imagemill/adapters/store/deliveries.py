"""The delivery log: item `JOB#<job>` / `DELIVERY#<message>#<attempt>`, one an attempt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from heapq import nsmallest
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, standing_item, to_item
from imagemill.adapters.store.jobs import job_partition
from imagemill.settings import settings

#: Where an attempt stands among a job's: when it was made, of which message, and the how manieth it was.
Place: TypeAlias = tuple[str, str, int]
FIRST_PLACE: Place = ("", "", 0)


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

    @property
    def place(self) -> Place:
        return self.at, self.message_id, self.number


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


def list_attempts(job_id: str, after: Place = FIRST_PLACE, most: int | None = None) -> list[Attempt]:
    """The attempts of a job's webhooks, in the order in which they were made: those after a place, so many at most.

    All are read for it, but no more than `most` are held.
    """
    following = (attempt for attempt in every_attempt(job_id) if attempt.place > after)
    return sorted(following, key=_place) if most is None else nsmallest(most, following, key=_place)


def every_attempt(job_id: str) -> Iterator[Attempt]:
    """Every attempt of a job's webhooks, by message and number, read one page after the other."""
    query: dict[str, Any] = {
        "TableName": settings().table,
        "KeyConditionExpression": "pk = :partition AND begins_with(sk, :deliveries)",
        "ExpressionAttributeValues": to_item({":partition": job_partition(job_id), ":deliveries": "DELIVERY#"}),
        "ConsistentRead": True,
    }
    while True:
        page = dynamodb().query(**query)
        yield from (_attempt(from_item(item)) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _place(attempt: Attempt) -> Place:
    return attempt.place


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
