"""The shop's image server that the sample catalogue points to, on this machine.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import errno
import logging
import mimetypes
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
CATALOGUE = SAMPLES / "catalogue.csv"
IMAGES = SAMPLES / "images"

#: The only address served. Loopback: the samples are nobody else's business.
HOST = "127.0.0.1"
#: TCP port written into samples/catalogue.csv.
DEFAULT_PORT = 8901
CATALOGUE_ADDRESS = f"http://localhost:{DEFAULT_PORT}"
#: An idle keep-alive connection is closed after this. Longer than a client's pause between two images.
KEEP_ALIVE_SECONDS = 30.0
#: Connections waiting to be accepted. With the standard library's 5 a burst waits a second for repeated SYNs.
ACCEPT_BACKLOG = 128
#: Between two looks at whether the server shall stop; the standard library's half a second slows tests.
SHUTDOWN_POLL_SECONDS = 0.02

#: In the catalogue, but missing here: a deleted photograph.
MISSING_PATH = "/images/discontinued.jpg"
#: In the catalogue as a photograph, but a page: shops answer 200 with HTML where an image is gone.
PAGE_PATH = "/images/size-chart.jpg"
PAGE = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Size chart</title></head>
<body><h1>Size chart</h1><table>
<tr><th>Size</th><th>Diameter</th><th>Filling</th></tr>
<tr><td>M</td><td>80 cm</td><td>220 l</td></tr>
<tr><td>L</td><td>100 cm</td><td>350 l</td></tr>
</table></body>
</html>
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resource:
    """What one path answers."""

    content_type: str
    body: bytes
    status: HTTPStatus = HTTPStatus.OK


NOT_FOUND = Resource("text/plain; charset=utf-8", b"No such image.\n", HTTPStatus.NOT_FOUND)


class SampleOrigin:
    """Serves the sample images at `http://localhost:<port>/images/…` while its context is open.

    Files are read once, on entering, and a request is a look-up among them: no path leads anywhere else.

    port: TCP port, 1–65,535; when it is taken, the system chooses a free one. 0 asks for that at once.
    latency_seconds: what each answer waits for, in its own thread; default none.

    Requests are logged at level DEBUG only. On leaving, open connections are closed and all threads ended.

    Raises:
        OSError: on entering, when no port can be bound or an image cannot be read.
    """

    def __init__(self, port: int = DEFAULT_PORT, *, latency_seconds: float = 0.0) -> None:
        self._port = port
        self._latency_seconds = latency_seconds
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a trailing slash.

        Raises:
            RuntimeError: outside the context.
        """
        if self._server is None:
            raise RuntimeError("The sample origin has an address only while its context is open.")
        return f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        resources = _resources()
        try:
            self._server = _Server(self._port, resources, self._latency_seconds)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._server = _Server(0, resources, self._latency_seconds)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(SHUTDOWN_POLL_SECONDS,),
            name="sample-origin",
            daemon=True,
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.server_close()


def catalogue_for(origin: SampleOrigin) -> bytes:
    """samples/catalogue.csv with the URLs at which `origin` serves: the file's own bytes on the default port.

    Raises:
        RuntimeError: when the origin's context is not open.
    """
    return CATALOGUE.read_bytes().replace(CATALOGUE_ADDRESS.encode(), origin.url.encode())


def _resources() -> Mapping[str, Resource]:
    images = {
        f"/images/{path.name}": Resource(_content_type(path), path.read_bytes())
        for path in IMAGES.iterdir()
        if path.is_file()
    }
    return {**images, PAGE_PATH: Resource("text/html; charset=utf-8", PAGE)}


def _content_type(path: Path) -> str:
    content_type, _ = mimetypes.guess_type(path.name)
    return content_type or "application/octet-stream"


class _Server(ThreadingHTTPServer):
    #: Joined on closing, so that nothing outlives the context.
    daemon_threads = False
    #: Newer Pythons share a port between servers: a second one would bind, and get half of the requests.
    allow_reuse_port = False
    request_queue_size = ACCEPT_BACKLOG

    def __init__(self, port: int, resources: Mapping[str, Resource], latency_seconds: float) -> None:
        self.resources = resources
        self.latency_seconds = latency_seconds
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        with self._connections_lock:
            self._connections.add(connection)
        return connection, address

    def forget(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def server_close(self) -> None:
        self.stopping.set()
        with self._connections_lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError as error:
                    logger.debug("connection had gone: %s", error)
        super().server_close()

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        error = sys.exception()
        if isinstance(error, ConnectionError):
            logger.debug("client %s left: %s", client_address, error)
        else:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = KEEP_ALIVE_SECONDS
    #: Header and body are two writes; on a kept-alive connection Nagle would hold back the second for 40 ms.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def finish(self) -> None:
        super().finish()
        self.server.forget(self.connection)

    def _answer(self, *, with_body: bool) -> None:
        self.server.stopping.wait(self.server.latency_seconds)
        resource = self.server.resources.get(unquote(urlsplit(self.path).path), NOT_FOUND)
        self.send_response(resource.status)
        self.send_header("Content-Type", resource.content_type)
        self.send_header("Content-Length", str(len(resource.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(resource.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        logger.debug(format, *args)
