"""A shop's image server that tells versions apart: `origin_with_versions LATENCY_SECONDS IMAGE…`, on a free port.

`/<catalogue>/<number>.jpg` is one of the images, with an ETag, below `/silent/` without. A request to the process
`{"every": n}` lets every n-th number have another picture from now on, 0 none; its answer is the port,
and how many requests were answered with how many bytes of images since the one before.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

ACCEPT_BACKLOG = 128
REQUEST = re.compile(rb"GET /(\w+)/(\d+)\.jpg ")
CONDITION = re.compile(rb'\r\nif-none-match: ("[^"]*")', re.IGNORECASE)


class _Shop:
    def __init__(self, images: Sequence[bytes]) -> None:
        self.every = 0
        self.requests = self.bytes = 0
        self._images = images

    def answer(self, head: bytes) -> bytes:
        self.requests += 1
        asked = REQUEST.match(head)
        if asked is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        number = int(asked[2])
        image = (number + (self.every > 0 and number % self.every == 0)) % len(self._images)
        tag = b"" if asked[1].startswith(b"silent") else b'ETag: "%d"\r\n' % image
        condition = CONDITION.search(head)
        if tag and condition and tag == b"ETag: %b\r\n" % condition[1]:
            return b"HTTP/1.1 304 Not Modified\r\n%b\r\n" % tag
        body = self._images[image]
        self.bytes += len(body)
        return b"HTTP/1.1 200 OK\r\n%bContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b" % (tag, len(body), body)

    def told(self) -> dict[str, int]:
        told = {"requests": self.requests, "bytes": self.bytes}
        self.requests = self.bytes = 0
        return told


class _Connection(asyncio.Protocol):
    """Requests without bodies, one at a time."""

    def __init__(self, latency_seconds: float, shop: _Shop) -> None:
        self._latency_seconds = latency_seconds
        self._shop = shop
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            answer, self._head = self._shop.answer(self._head), b""
            asyncio.get_running_loop().call_later(self._latency_seconds, self._transport.write, answer)


async def serve(latency_seconds: float, images: Sequence[bytes]) -> None:
    shop = _Shop(images)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(latency_seconds, shop), "127.0.0.1", 0, backlog=ACCEPT_BACKLOG
    )
    port = server.sockets[0].getsockname()[1]
    done = asyncio.Event()

    def answer() -> None:
        for line in sys.stdin:
            shop.every = json.loads(line).get("every", shop.every)
            print(json.dumps({"port": port, **shop.told()}), flush=True)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=answer, daemon=True).start()
    async with server:
        await done.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), [Path(path).read_bytes() for path in sys.argv[2:]]))
