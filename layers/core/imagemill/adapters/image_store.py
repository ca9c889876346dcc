"""Objects in the image bucket. Each image costs one PUT, so what a PUT costs in CPU counts.

boto3 takes 1.7 ms of CPU for one, a sixth of what compressing a shop's image takes. Botocore's own signer and
a pooled connection take 0.5 ms. Whatever is not plain success is left to boto3, which knows about faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from imagemill.adapters.aws import CONNECT_SECONDS, POOL_CONNECTIONS, READ_SECONDS, credentials, s3
from imagemill.settings import settings

if TYPE_CHECKING:
    from botocore.credentials import Credentials

#: The key names the job, so what it holds never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"


class _Signer(S3SigV4Auth):
    """Takes the digest of the body that is known already, instead of computing it again."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["sha256"])


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Where and how boto3 itself would put objects: address, region to sign for, who signs."""

    url: str
    region: str
    credentials: Credentials
    connections: urllib3.PoolManager


def put_image(key: str, body: bytes, content_type: str, sha256: str) -> None:
    """Store an image. sha256: of `body`, in hex; S3 refuses a body that does not match.

    Repeating overwrites it with the same; a key belongs to one position of one job.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
    """
    if not _put_once(key, body, content_type, sha256):
        s3().put_object(
            Bucket=settings().image_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=CACHE_CONTROL
        )


def _put_once(key: str, body: bytes, content_type: str, sha256: str) -> bool:
    """Whether a single try stored the image."""
    bucket = _bucket()
    if bucket is None:
        return False
    url = f"{bucket.url}/{quote(key)}"
    request = AWSRequest("PUT", url, headers={"content-type": content_type, "cache-control": CACHE_CONTROL})
    request.context["sha256"] = sha256
    _Signer(bucket.credentials.get_frozen_credentials(), "s3", bucket.region).add_auth(request)
    try:
        answer = bucket.connections.urlopen(
            "PUT", url, body=body, headers=dict(request.headers.items()), retries=False, redirect=False
        )
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


@cache
def _bucket() -> _Bucket | None:
    """None where a proxy stands between us and S3: boto3 knows how to speak to it."""
    client = s3()
    presigned = client.generate_presigned_url("put_object", Params={"Bucket": settings().image_bucket, "Key": "-"})
    url = presigned.partition("?")[0].removesuffix("/-")
    if get_environ_proxies(url):
        return None
    connections = urllib3.PoolManager(
        maxsize=POOL_CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        ca_certs=get_cert_path(True),
    )
    return _Bucket(url, client.meta.region_name, credentials(), connections)
