"""A web server for tests: serves pictures, fails as told, receives webhooks, and remembers all it was asked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """number: how often this path had been asked for, this time included."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Request], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that are killed break off: that is what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class TestWeb:
    """Listens on a free port of 127.0.0.1."""

    __test__ = False

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler_class())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def route(self, path: str, answer: Answer | Route) -> str:
        """Answer a path, query aside; returns its URL."""
        self._routes[path] = answer if callable(answer) else lambda _: answer
        return self.url + path

    def asked_for(self, path: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.path.partition("?")[0] == path]

    @contextmanager
    def serving(self) -> Iterator[TestWeb]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        name = path.partition("?")[0]
        number = len(self.asked_for(name)) + 1
        request = Request(method, path, {key.lower(): value for key, value in headers.items()}, body, number)
        with self._lock:
            self.requests.append(request)
        route = self._routes.get(name)
        return route(request) if route else Answer(404)

    def _handler_class(web) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's self is another
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without it, headers and body wait for each other's acknowledgement: 40 ms an answer.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = web._answer(self.command, self.path, dict(self.headers), body)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except ConnectionError:
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 - http.server finds handlers by this name

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
