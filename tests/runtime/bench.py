"""An account, a shop and a receiver, for one event after the other."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from imagemill.kept import forget
from tests.runtime.runtime import ACCOUNT, Invocation, emulated_aws, invoke
from tests.runtime.seeds import event, sow
from tests.support.account import CREDENTIALS, ENVIRONMENT, Account
from tests.support.image_files import photo, saved
from tests.support.template import read_template


class Shop(BaseHTTPRequestHandler):
    """A picture at every address, and 204 for what is sent."""

    picture = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(self.picture)))
        self.end_headers()
        self.wfile.write(self.picture)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Bench:
    def __init__(self, endpoint: str, shop: str) -> None:
        self.endpoint, self.shop = endpoint, shop

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Bench]:
        Shop.picture = saved(photo(600, 400), "JPEG")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with emulated_aws() as endpoint:
            changed = {**ENVIRONMENT, **CREDENTIALS, **ACCOUNT, "AWS_ENDPOINT_URL": endpoint, "FAST_LANE": "off"}
            before = {name: os.environ.get(name) for name in changed}
            os.environ |= changed
            forget()
            try:
                yield cls(endpoint, f"http://127.0.0.1:{server.server_port}")
            finally:
                for name, value in before.items():
                    os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
                forget()
        server.shutdown()
        server.server_close()

    def reset(self) -> None:
        urllib3.request("POST", f"{self.endpoint}/_ministack/reset")

    def run(self, name: str) -> Invocation:
        """One event on an account of its own."""
        account: Any = self
        renamed = sow(name, Account(read_template(), account), f"{self.shop}/hook")
        text = json.dumps(event(name, self.shop))
        for told, stored in renamed.items():
            text = text.replace(told, stored)
        return invoke(name.partition("_")[0], json.loads(text), self.endpoint)
