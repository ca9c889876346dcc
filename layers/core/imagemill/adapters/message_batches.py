"""SendMessageBatch. Ingest calls it for every ten products and little else, so what a call costs in CPU counts.

boto3 takes 0.6 ms of CPU for one. Botocore's own signer and a pooled connection take 0.24 ms. Whatever is not plain
success is left to boto3, which knows about faults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from imagemill.adapters.aws import CONNECT_SECONDS, POOL_CONNECTIONS, READ_SECONDS, credentials, sqs

if TYPE_CHECKING:
    from botocore.credentials import Credentials

HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessageBatch"}


@dataclass(frozen=True, slots=True)
class _Service:
    """Where and how boto3 itself would send messages: address, region to sign for, who signs."""

    url: str
    region: str
    credentials: Credentials
    connections: urllib3.PoolManager


def send_batch(queue: str, entries: Sequence[Any]) -> set[str]:
    """Send at most ten entries; returns the ids of those that SQS refused. After a fault all may be sent twice.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
    """
    answer = _send_once(queue, entries)
    if answer is None:
        answer = sqs().send_message_batch(QueueUrl=queue, Entries=entries)
    return {failure["Id"] for failure in answer.get("Failed", [])}


def _send_once(queue: str, entries: Sequence[Any]) -> Mapping[str, Any] | None:
    """What SQS answered to a single try; None unless it succeeded."""
    service = _service()
    if service is None:
        return None
    body = json.dumps({"QueueUrl": queue, "Entries": entries}).encode()
    request = AWSRequest("POST", service.url, headers=HEADERS, data=body)
    SigV4Auth(service.credentials.get_frozen_credentials(), "sqs", service.region).add_auth(request)
    try:
        answer = service.connections.urlopen(
            "POST", service.url, body=body, headers=dict(request.headers.items()), retries=False, redirect=False
        )
        if answer.status != 200:
            return None
        accepted: dict[str, Any] = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError):
        return None
    return accepted


@cache
def _service() -> _Service | None:
    """None where a proxy stands between us and SQS: boto3 knows how to speak to it."""
    client = sqs()
    url = f"{client.meta.endpoint_url.rstrip('/')}/"
    if get_environ_proxies(url):
        return None
    connections = urllib3.PoolManager(
        maxsize=POOL_CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        ca_certs=get_cert_path(True),
    )
    return _Service(url, client.meta.region_name, credentials(), connections)
