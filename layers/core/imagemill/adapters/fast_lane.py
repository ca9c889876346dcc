"""Single tries of the AWS calls that are made once an image or once ten products.

boto3 takes about a millisecond of CPU more for a call than botocore's own signer and a pooled connection do. Here
there are no retries and no care for faults: a try that was not plainly successful is left to boto3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from imagemill.adapters.aws import CONNECT_SECONDS, POOL_CONNECTIONS, READ_SECONDS, credentials

if TYPE_CHECKING:
    from botocore.credentials import Credentials


@dataclass(frozen=True, slots=True)
class FastLane:
    """The way to one service, as boto3 itself would go. service, region: for the signature."""

    url: str
    service: str
    region: str
    signer: type[SigV4Auth]
    credentials: Credentials
    connections: urllib3.PoolManager

    def try_once(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], sha256: str | None = None
    ) -> bytes | None:
        """The body of a 200 answer to one signed request; None for anything else, also when nobody answered.

        sha256: of `body`, in hex, for signers that can make use of it.
        """
        url = self.url + path
        request = AWSRequest(method, url, headers=headers, data=body)
        request.context["sha256"] = sha256
        self.signer(self.credentials.get_frozen_credentials(), self.service, self.region).add_auth(request)
        try:
            answer = self.connections.urlopen(
                method, url, body=body, headers=dict(request.headers.items()), retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return None
        return answer.data if answer.status == 200 else None


def fast_lane(url: str, service: str, region: str, signer: type[SigV4Auth] = SigV4Auth) -> FastLane | None:
    """None where a proxy stands between us and AWS: boto3 knows how to speak to it."""
    if get_environ_proxies(url):
        return None
    connections = urllib3.PoolManager(
        maxsize=POOL_CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        ca_certs=get_cert_path(True),
    )
    return FastLane(url, service, region, signer, credentials(), connections)
