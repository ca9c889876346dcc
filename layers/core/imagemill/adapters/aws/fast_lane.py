"""Single tries of the AWS calls that are made once an image, a product, or ten products.

boto3 takes one to two milliseconds of CPU more for a call than a signature and a kept connection do, and a PUT by
http.client three times what it takes here. There are no retries and no care for faults: a try that was not plainly
successful is left to boto3.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.util import wait_for_read

from imagemill.adapters.aws.clients import CONNECT_SECONDS, POOL_CONNECTIONS, READ_SECONDS, credentials
from imagemill.adapters.aws.sigv4 import Signer
from imagemill.kept import kept

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: Of an answer, asked of a connection at once. Most come in one packet, DynamoDB's may have 16 MiB.
READ_BYTES = 16 * 1024
EMPTY_SHA256 = hashlib.sha256().hexdigest()
MAX_HEAD_BYTES = 64 * 1024
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,9})\r\n")
#: Bodies in pieces, or encoded.
UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|content-encoding):")
#: As servers say it now and then after many requests.
CLOSING = re.compile(rb"\r\nconnection: *close\r\n")


class FastLane:
    """The way to one service, as boto3 itself would go. Thread-safe; connections are kept and reused.

    url: what all paths are below.
    """

    def __init__(self, url: str, signer: Signer) -> None:
        self.url = url
        self.signer = signer
        self._parts = urlsplit(url)
        self._idle: deque[socket.socket] = deque(maxlen=POOL_CONNECTIONS)
        self._tls = ssl.create_default_context(cafile=_authorities()) if self._parts.scheme == "https" else None

    def try_once(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], sha256: str | None = None
    ) -> bytes | None:
        """The body of a 200 answer to one signed request; None for anything else, also when nobody answered.

        path: percent-encoded. headers: names in lower case. sha256: of `body`, in hex, if it is known.
        """
        path = self._parts.path + path
        sha256 = sha256 or hashlib.sha256(body).hexdigest()
        signed = self.signer.signed(method, path, {"host": self._parts.netloc, **headers}, sha256)
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
        head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
        connection, answer, is_kept = None, None, False
        try:
            connection = self._connection()
            connection.sendall(head.encode() + body)
            answer, is_kept = _plain_success(connection)
        except OSError:
            pass
        if is_kept and connection:
            self._idle.append(connection)
        elif connection:
            connection.close()
        return answer

    def head_once(self, path: str) -> dict[str, str] | None:
        """The header fields of a 200 answer to one signed HEAD, names in lower case; None for anything else.

        path: percent-encoded.
        """
        path = self._parts.path + path
        signed = self.signer.signed("HEAD", path, {"host": self._parts.netloc}, EMPTY_SHA256)
        lines = [f"HEAD {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
        connection, head, is_kept = None, None, False
        try:
            connection = self._connection()
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            head, rest = _head(connection)
            # An answer to HEAD has no body, whatever length it announces (RFC 9110 section 9.3.2).
            is_kept = not rest and not CLOSING.search(head)
        except OSError:
            pass
        if is_kept and connection:
            self._idle.append(connection)
        elif connection:
            connection.close()
        if not head or not head.startswith(b"http/1.1 200 "):
            return None
        pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
        return {name: value.strip() for name, _, value in pairs}

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> socket.socket:
        """Raises OSError when none can be made."""
        while self._idle:
            # The one used last: those that the other side closes for idleness are used up less often.
            connection = self._idle.pop()
            # Of one that nobody has asked anything, there is nothing to read but its end.
            if not wait_for_read(connection, timeout=0):
                return connection
            connection.close()
        host = str(self._parts.hostname)
        connection = socket.create_connection((host, self._parts.port or (443 if self._tls else 80)), CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_hostname=host)
        connection.settimeout(READ_SECONDS)
        return connection


def _authorities() -> str:
    """The file of those that boto3 trusts (boto3 guide, "Configuration")."""
    return os.environ.get("AWS_CA_BUNDLE") or str(get_cert_path(True))


def _plain_success(connection: socket.socket) -> tuple[bytes | None, bool]:
    """The body of a 200 response whose length is announced, read to its end; None for whatever else comes.

    And whether the connection may be used again. No more of HTTP is understood here: AWS answers so, and boto3
    understands the rest. Raises OSError.
    """
    head, answer = _head(connection)
    length = LENGTH.search(head)
    if not head.startswith(b"http/1.1 200 ") or length is None or UNUSUAL.search(head):
        return None, False
    whole = int(length[1])
    while len(answer) < whole:
        piece = connection.recv(READ_BYTES)
        if not piece:
            return None, False
        answer += piece
    # What comes behind the body would be read as the next answer.
    is_kept = len(answer) == whole and not CLOSING.search(head)
    return bytes(answer[:whole]), is_kept


def _head(connection: socket.socket) -> tuple[bytes, bytearray]:
    """An answer's head in lower case, empty for none, and what came with it of the body. Raises OSError."""
    answer = bytearray()
    while (end := answer.find(b"\r\n\r\n")) < 0:
        piece = connection.recv(READ_BYTES)
        answer += piece
        if not piece or len(answer) > MAX_HEAD_BYTES:
            return b"", bytearray()
    return bytes(answer[: end + 2]).lower(), answer[end + 4 :]


def fast_lane(url: str, service: str, region: str) -> FastLane | None:
    """None where a proxy stands between us and AWS, which boto3 knows how to speak to, or with FAST_LANE=off."""
    if os.environ.get("FAST_LANE") == "off" or get_environ_proxies(url):
        return None
    return FastLane(url, Signer(service, region, credentials()))


def by_fast_lane(client: BaseClient, method: str, **request: Any) -> Any:  # noqa: ANN401 - the client's own types
    """Call a method of the client of a service that speaks the AWS JSON protocol (DynamoDB, SQS).

    The same request and the same answer, but that binary attributes would stay in base64: for calls without them.
    A try without an answer may have been carried out all the same, as one of boto3's own tries may.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
    """
    answer = _try_once(client, client.meta.method_to_api_mapping[method], request)
    return getattr(client, method)(**request) if answer is None else answer


def _try_once(client: BaseClient, operation: str, request: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - any JSON
    lane = json_lane(client)
    if lane is None:
        return None
    protocol = client.meta.service_model.metadata
    headers = {
        "content-type": f"application/x-amz-json-{protocol['jsonVersion']}",
        "x-amz-target": f"{protocol['targetPrefix']}.{operation}",
    }
    answer = lane.try_once("POST", "/", json.dumps(request).encode(), headers)
    try:
        return None if answer is None else json.loads(answer)
    except ValueError:
        return None


@kept
def json_lane(client: BaseClient) -> FastLane | None:
    """To where a client sends its own requests."""
    model = client.meta.service_model
    return fast_lane(client.meta.endpoint_url.rstrip("/"), str(model.signing_name), client.meta.region_name)
