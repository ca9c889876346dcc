"""The delivery log: item `JOB#<job>` / `DELIVERY#<message>#<attempt>`, one an attempt."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from imagemill.adapters.aws import dynamodb
from imagemill.adapters.items import expires_at, from_item, key, to_item
from imagemill.adapters.jobs import job_partition
from imagemill.settings import settings


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a webhook. status: the HTTP status, or None when there was no answer, and `error` says why.

    The receiver's body is never kept.
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


def put_attempt(job_id: str, attempt: Attempt) -> None:
    dynamodb().put_item(
        TableName=settings().table,
        Item={
            **key(job_partition(job_id), _sort(attempt.message_id, attempt.number)),
            **to_item({**asdict(attempt), "expires_at": expires_at()}),
        },
    )


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
    """Every attempt of a job's webhooks, in order. At most a few dozen: one page."""
    page = dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :partition AND begins_with(sk, :deliveries)",
        ExpressionAttributeValues=to_item({":partition": job_partition(job_id), ":deliveries": "DELIVERY#"}),
    )
    return [_attempt(from_item(item)) for item in page["Items"]]


def _sort(message_id: str, number: int) -> str:
    return f"DELIVERY#{message_id}#{number:03d}"


def _attempt(values: dict[str, object]) -> Attempt:
    counts = ("number", "milliseconds", "status", "retry_after")
    fields = {name: values.get(name) for name in Attempt.__slots__}
    whole = {name: int(str(fields[name])) for name in counts if fields[name] is not None}
    return Attempt(**{**fields, **whole})  # type: ignore[arg-type]
