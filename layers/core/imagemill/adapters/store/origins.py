"""Origins that asked to be asked less: item `ORIGIN#<scheme>://<host>:<port>` / `PACE`, one for all workers.

There is none for an origin that never complained. Workers look for it with the results of the products that they
receive, in one call, and by themselves once it complains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import uniform
from time import sleep, time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import from_item, key, standing_item, to_item
from imagemill.domain.pace import REMEMBERED_SECONDS, NotedPace, Pace
from imagemill.domain.web_urls import Origin
from imagemill.errors import OriginNotKeptError
from imagemill.settings import settings

ORIGIN = "ORIGIN#"

#: Others that change the same item at the same moment are as many as there are workers; each time one of them is
#: through. Beyond so many tries the caller comes back later.
TRIES = 6
#: The mean pause after a try that came too late, in seconds.
PAUSE_SECONDS = 0.01
#: Numbers of the table are whole: moments in microseconds, rates in millionths of a request a second.
MILLION = 1_000_000

_MILLIONTHS = (
    "rate",
    "last_slot",
    "complained_at",
    "refused_since",
    "not_before",
    "ceiling",
    "grown_by",
    "returns",
    "fell_at",
    "ceiling_before",
    "unpaced_at",
)
_WHOLE = ("status", "era", "fell_in", "good")


class OriginPaces:
    """The paces of all workers, as `SharedPaces` wants them."""

    def change(
        self, origin: Origin, known: NotedPace | None, change: Callable[[Pace | None], Pace]
    ) -> tuple[NotedPace, bool]:
        """Change what is kept of an origin: one conditional write when `known` still stands.

        change: called with what stands, None for nothing; again whenever somebody else was first. The answer says
        whether somebody was. What does not change is not written.

        Safe to race: each change builds upon the one before it. A crash in between leaves slots that nobody uses.

        Raises:
            OriginNotKeptError: when DynamoDB does not answer, or others were first every time.
        """
        for tried in range(TRIES):
            pace = change(known.pace if known else None)
            if known and pace == known.pace:
                return known, tried > 0
            version = known.version + 1 if known else 1
            try:
                self._put(origin, pace, version)
            except BotoCoreError as fault:
                raise OriginNotKeptError from fault
            except ClientError as refused:
                known = _standing(refused)
                sleep(uniform(0, 2 * PAUSE_SECONDS))
            else:
                return NotedPace(pace, version), tried > 0
        raise OriginNotKeptError

    def read(self, origin: Origin) -> NotedPace | None:
        """What stands of an origin.

        Raises:
            OriginNotKeptError: when DynamoDB does not answer.
        """
        table = settings().table
        asked: Any = {table: {"Keys": [origin_key(origin)], "ConsistentRead": True}}
        try:
            items = dynamodb().batch_get_item(RequestItems=asked)["Responses"].get(table, [])
        except (BotoCoreError, ClientError) as fault:
            raise OriginNotKeptError from fault
        return noted_pace(from_item(items[0])) if items else None

    @staticmethod
    def _put(origin: Origin, pace: Pace, version: int) -> None:
        """Write version 1 where there is none, or where TTL is late; any other in place of the one before it."""
        now = int(time())
        values = {
            **{name: round(getattr(pace, name) * MILLION) for name in _MILLIONTHS},
            **{name: getattr(pace, name) for name in _WHOLE},
            "version": version,
            "expires_at": int(max(pace.complained_at + REMEMBERED_SECONDS, pace.not_before)) + 1,
        }
        expected = {":known": version - 1} if version > 1 else {":now": now}
        dynamodb().put_item(
            TableName=settings().table,
            Item={**origin_key(origin), **to_item(values)},
            ConditionExpression="version = :known" if version > 1 else "attribute_not_exists(pk) OR expires_at <= :now",
            ExpressionAttributeValues=to_item(expected),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def origin_key(origin: Origin) -> dict[str, Any]:
    return key(f"{ORIGIN}{origin}", "PACE")


def _standing(refused: ClientError) -> NotedPace | None:
    """What another worker wrote, None when it is gone."""
    try:
        return noted_pace(standing_item(refused))
    except KeyError:
        return None
    except ClientError as fault:
        raise OriginNotKeptError from fault


def noted_pace(item: Mapping[str, Any]) -> NotedPace | None:
    """The pace of an item, None for what has expired: TTL removes items up to days late.

    What the release that wrote it did not know yet is 0.
    """
    if item["expires_at"] <= time():
        return None
    values = {name: item.get(name, 0) / MILLION for name in _MILLIONTHS} | {name: item[name] for name in _WHOLE}
    return NotedPace(Pace(**values), item["version"])
