"""DynamoDB items as plain Python values. docs/reference/table.md lists every key and attribute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import error_code
from imagemill.domain.ids import created_seconds
from imagemill.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BatchGetItemOutputTypeDef

SECONDS_A_DAY = 86_400

_serialize: Callable[[Any], Any] = TypeSerializer().serialize


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Marshal an item; attributes that are None are left out."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def _attribute(value: Any) -> Any:  # noqa: ANN401 - whatever an attribute holds
    """As boto3's serializer makes it, which takes four times as long for what nearly all values are."""
    return _MARSHALLED.get(str if isinstance(value, StrEnum) else type(value), _serialize)(value)


_MARSHALLED: Mapping[type, Callable[[Any], Any]] = {
    str: lambda text: {"S": text},
    int: lambda whole: {"N": str(whole)},
    bool: lambda flag: {"BOOL": flag},
    dict: lambda entries: {"M": {name: _attribute(value) for name, value in entries.items()}},
    list: lambda entries: {"L": [_attribute(value) for value in entries]},
}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Unmarshal an item. Its numbers are `int`, not boto3's Decimal: the table has whole numbers alone."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever an attribute holds
    """Raises ValueError for a number with a fraction, KeyError for a kind of set that we never write."""
    ((kind, value),) = attribute.items()
    return _PLAIN[kind](value)


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "S": str,
    "N": int,
    "BOOL": bool,
    "B": bytes,
    "NULL": lambda _: None,
    "M": from_item,
    "L": lambda entries: [_plain(entry) for entry in entries],
    "NS": lambda entries: {int(entry) for entry in entries},
}


def standing_item(refused: ClientError) -> dict[str, Any]:
    """The item for which a conditional write was refused, when it asked for ALL_OLD.

    Raises:
        ClientError: the fault itself, when it is another one.
    """
    if error_code(refused) != "ConditionalCheckFailedException":
        raise refused
    standing: Mapping[str, Any] = refused.response["Item"]  # type: ignore[typeddict-item] # the stubs lack it
    return from_item(standing)


def key(partition: str, sort: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def numbers(values: Iterable[int]) -> dict[str, list[str]]:
    return {"NS": [str(value) for value in values]}


def unprocessed_keys(answer: BatchGetItemOutputTypeDef) -> list[Any]:
    """What a BatchGetItem left undone, to be asked for again."""
    left = answer.get("UnprocessedKeys", {}).get(settings().table)
    return list(left["Keys"]) if left else []


def expires_at(job_id: str) -> int:
    """When the table's TTL may remove an item of this job, in epoch seconds.

    Counted from the job's making, not from the item's writing: all that a job is vanishes together.
    """
    return created_seconds(job_id) + settings().retention_days * SECONDS_A_DAY


def has_expired(job_id: str) -> bool:
    """Whether a job counts as gone. TTL removes items up to days late (DynamoDB developer guide), S3 its objects."""
    return expires_at(job_id) <= time.time()
