"""Signing secrets: of a tenant, in item `TENANT#<tenant>` / `SIGNING_SECRET`, or of an endpoint, in its own item.

Either item has `secret` and `retired_secrets`. Nothing here is ever logged.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import from_item, key, to_item
from imagemill.domain.webhooks.message import new_secret
from imagemill.domain.webhooks.signing_secrets import RetiredSecret, SigningSecrets
from imagemill.errors import RotationContendedError
from imagemill.settings import settings

SIGNING_SECRET = "SIGNING_SECRET"  # noqa: S105 - a sort key
#: Rotations of one secret at once give way to each other; more than these at once are not one owner's.
ROTATION_ATTEMPTS = 5
#: The longest pause before the second attempt, in seconds; each further one is up to twice as long as the one before.
ROTATION_PAUSE_SECONDS = 0.05


def tenant_partition(tenant: str) -> str:
    return f"TENANT#{tenant}"


def signing_secrets(tenant: str) -> SigningSecrets:
    """The tenant's secrets, made at first use. Two first uses at once get the same one."""
    answer = dynamodb().update_item(
        TableName=settings().table,
        Key=key(tenant_partition(tenant), SIGNING_SECRET),
        UpdateExpression="SET secret = if_not_exists(secret, :new)",
        ExpressionAttributeValues={":new": {"S": new_secret()}},
        ReturnValues="ALL_NEW",
    )
    return secrets_of(from_item(answer["Attributes"]))


def rotate_signing_secret(tenant: str, overlap_seconds: int) -> str:
    """Replace the tenant's secret; returns the new one. The old one signs too for `overlap_seconds` more.

    Raises:
        RotationContendedError: when others keep rotating it at the same time.
    """
    signing_secrets(tenant)
    rotated = rotate_secret(tenant, SIGNING_SECRET, overlap_seconds)
    if rotated is None:
        raise LookupError("a tenant's signing secret is never removed, but this one was")
    return rotated


def rotate_secret(tenant: str, sort: str, overlap_seconds: int) -> str | None:
    """Replace the secret of an item of the tenant's; None when there is no such item.

    Not safe to repeat, but harmless: each rotation makes a secret of its own, and the last few replaced
    ones go on signing.

    Raises:
        RotationContendedError: when others keep rotating it at the same time.
    """
    place = key(tenant_partition(tenant), sort)
    for attempt in range(ROTATION_ATTEMPTS):
        if attempt:
            # Jitter: those that met would meet again. No secret depends on it.
            time.sleep(random.uniform(0, ROTATION_PAUSE_SECONDS * 2**attempt))
        item = dynamodb().get_item(TableName=settings().table, Key=place, ConsistentRead=True).get("Item")
        if item is None:
            return None
        seen = secrets_of(from_item(item))
        rotated = seen.rotated(new_secret(), int(time.time()), overlap_seconds)
        retired = [{"secret": old.secret, "until": old.until} for old in rotated.retired]
        try:
            dynamodb().update_item(
                TableName=settings().table,
                Key=place,
                UpdateExpression="SET secret = :new, retired_secrets = :retired",
                ConditionExpression="secret = :seen",
                ExpressionAttributeValues=to_item(
                    {":new": rotated.current, ":retired": retired, ":seen": seen.current}
                ),
            )
        except ClientError as fault:
            if error_code(fault) != "ConditionalCheckFailedException":
                raise
        else:
            return rotated.current
    raise RotationContendedError(sort)


def secrets_of(values: Mapping[str, Any]) -> SigningSecrets:
    """The secrets that an item's values hold."""
    retired = [RetiredSecret(old["secret"], old["until"]) for old in values.get("retired_secrets", [])]
    return SigningSecrets(values["secret"], tuple(retired))
