"""Idempotency keys of what makes something: item `TENANT#<tenant>` / `IDEMPOTENCY#<hash of key>`, kept 24 h."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import key, number, standing_item, to_item
from imagemill.settings import settings

#: How long a key is remembered, in seconds (contract A4: 24 h).
REMEMBERED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Claim:
    """made: id of what the key stands for. content: hash of what was asked for with it."""

    made: str
    content: str


def claim_key(tenant: str, idempotency_key: str, claim: Claim) -> Claim:
    """Bind a key to what is made unless it is bound already; return the claim that stands.

    Two requests at once get the same answer: the write is conditional. Expiry is checked here, for
    TTL removes items up to days late.
    """
    moment = int(time.time())
    hashed = hashlib.sha256(idempotency_key.encode()).hexdigest()
    values = {"job_id": claim.made, "content": claim.content, "expires_at": moment + REMEMBERED_SECONDS}
    try:
        dynamodb().put_item(
            TableName=settings().table,
            Item={**key(f"TENANT#{tenant}", f"IDEMPOTENCY#{hashed}"), **to_item(values)},
            ConditionExpression="attribute_not_exists(pk) OR expires_at < :now",
            ExpressionAttributeValues={":now": number(moment)},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        bound = standing_item(refused)
        return Claim(bound["job_id"], bound["content"])
    return claim
