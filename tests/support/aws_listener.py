"""A real HTTP server in AWS's place, for code that does not go through boto3 alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from tests.support.account import CREDENTIALS, ENVIRONMENT
from tests.support.certificates import tls_server


class Call(NamedTuple):
    path: str
    headers: Message
    body: bytes

    @property
    def is_boto3(self) -> bool:
        return "amz-sdk-request" in self.headers


class AwsListener:
    """Answers each request with the next status and body of `answers`, then with success; None hangs up.

    certificate: of localhost, for TLS.
    """

    def __init__(self, success: bytes, certificate: Path | None = None) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        self.answers: list[tuple[int, bytes] | None] = []
        #: After so many calls a connection is closed, and said to be; 0 for never.
        self.closes_after = 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                listener.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.calls.append(Call(self.path, self.headers, body))
                answer = listener.answers.pop(0) if listener.answers else (200, success)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(answer[1])))
                if listener.closes_after and len(listener.calls) % listener.closes_after == 0:
                    self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(answer[1])

            do_PUT = do_POST  # noqa: N815 - http.server finds handlers by this name

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if certificate:
            self._server.socket = tls_server(certificate).wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self._server.server_port}"

    @contextmanager
    def listening(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsListener]:
        """Be where the code's AWS is."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        for name, value in (ENVIRONMENT | CREDENTIALS | {"AWS_ENDPOINT_URL": self.url}).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "HTTP_PROXY", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
