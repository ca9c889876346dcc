"""One client a service, made at first use and kept for the life of the process.

Each costs about 60 ms of a cold start, so a function pays only for those it calls.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

#: Simultaneous connections a client keeps; the process function's upload and result threads share them.
POOL_CONNECTIONS = 50

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=POOL_CONNECTIONS,
    # "standard" backs off with jitter on throttling and on connection faults, five tries in all.
    retries={"mode": "standard", "total_max_attempts": 5},
)


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def s3() -> S3Client:
    # Path style is what the embedded stack serves; on AWS boto3 picks the virtual host by itself.
    config = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "auto"}))
    return boto3.client("s3", config=config)


@cache
def sqs() -> SQSClient:
    return boto3.client("sqs", config=_CONFIG)


@cache
def step_functions() -> SFNClient:
    return boto3.client("stepfunctions", config=_CONFIG)


def error_code(fault: ClientError) -> str:
    """The code of a fault, such as `ConditionalCheckFailedException`."""
    return str(fault.response["Error"]["Code"])
