"""A shop's image server: `origin LATENCY_SECONDS IMAGE…`, on a free port of 127.0.0.1.

`/<number>.jpg` is one of the images, after the latency. Answers the port to the first request. It is another machine
in truth, so it takes as little of this one as it can: no more of HTTP than our own client says.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

#: Connections waiting to be accepted: a batch opens its own at once.
ACCEPT_BACKLOG = 128


class _Connection(asyncio.Protocol):
    """Requests without bodies, one at a time."""

    def __init__(self, latency_seconds: float, responses: Sequence[bytes]) -> None:
        self._latency_seconds = latency_seconds
        self._responses = responses
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        _, path, _ = self._head.split(b" ", 2)
        self._head = b""
        number = int(path[1:].partition(b".")[0])
        response = self._responses[number % len(self._responses)]
        asyncio.get_running_loop().call_later(self._latency_seconds, self._transport.write, response)


async def serve(latency_seconds: float, images: Sequence[bytes]) -> None:
    responses = [
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b" % (len(image), image)
        for image in images
    ]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(latency_seconds, responses), "127.0.0.1", 0, backlog=ACCEPT_BACKLOG
    )
    port = server.sockets[0].getsockname()[1]
    done = asyncio.Event()

    def answer() -> None:
        for _ in sys.stdin:
            print(json.dumps({"port": port}), flush=True)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=answer, daemon=True).start()
    async with server:
        await done.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), [Path(path).read_bytes() for path in sys.argv[2:]]))
