"""One client a service, made at first use and kept for the life of the process.

Each costs about 60 ms of a cold start, so a function pays only for those it calls.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

#: Simultaneous connections a client keeps; the process function's upload and result threads share them.
POOL_CONNECTIONS = 50
#: To connect, and between two pieces of an answer.
CONNECT_SECONDS, READ_SECONDS = 5, 30

_CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    max_pool_connections=POOL_CONNECTIONS,
    # "standard" backs off with jitter on throttling and on connection faults, five tries in all.
    retries={"mode": "standard", "total_max_attempts": 5},
)


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def s3() -> S3Client:
    # The embedded stack serves path style alone. Left to itself, boto3 presigns for the global host, which
    # redirects to the bucket's region, where the signature is no longer valid.
    config = Config(
        signature_version="s3v4", s3={"addressing_style": "path" if "AWS_ENDPOINT_URL" in os.environ else "virtual"}
    )
    return boto3.client("s3", config=_CONFIG.merge(config))


@cache
def sqs() -> SQSClient:
    return boto3.client("sqs", config=_CONFIG)


@cache
def step_functions() -> SFNClient:
    return boto3.client("stepfunctions", config=_CONFIG)


@cache
def scheduler() -> Any:  # noqa: ANN401 - its stubs would be one more package for three calls
    return boto3.client("scheduler", config=_CONFIG)


@cache
def events() -> Any:  # noqa: ANN401 - one call is not worth a package of stubs
    """EventBridge."""
    return boto3.client("events", config=_CONFIG)


def forget_clients() -> None:
    """Make new ones from now on: they are bound to the credentials and endpoints of the environment."""
    for client in (dynamodb, s3, sqs, step_functions, scheduler, events):
        client.cache_clear()


def credentials() -> Credentials:
    """The function's own, which the clients sign with.

    Raises:
        NoCredentialsError: when there are none.
    """
    found = boto3.Session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


def error_code(fault: ClientError) -> str:
    """The code of a fault, such as `ConditionalCheckFailedException`."""
    return str(fault.response["Error"]["Code"])
