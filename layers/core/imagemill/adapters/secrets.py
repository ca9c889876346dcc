"""A tenant's webhook signing secret: item `TENANT#<tenant>` / `SIGNING_SECRET`."""

from __future__ import annotations

from imagemill.adapters.aws import dynamodb
from imagemill.adapters.items import from_item, key
from imagemill.domain.webhook import new_secret
from imagemill.settings import settings


def signing_secret(tenant: str) -> str:
    """The tenant's secret, made at first use. Two first uses at once get the same one."""
    answer = dynamodb().update_item(
        TableName=settings().table,
        Key=key(f"TENANT#{tenant}", "SIGNING_SECRET"),
        UpdateExpression="SET secret = if_not_exists(secret, :new)",
        ExpressionAttributeValues={":new": {"S": new_secret()}},
        ReturnValues="ALL_NEW",
    )
    return str(from_item(answer["Attributes"])["secret"])
