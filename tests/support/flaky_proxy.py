"""A line that drops one request in ten: before it is passed on, before its answer, or in the middle of that.

`python -m tests.support.flaky_proxy 4600 4566` stands on port 4600 before the stack on 4566.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import urllib3

#: A third of what is dropped never came to the stack. The others did, and may not be done twice.
WAYS = ("before", "after", "within")
EVERY = 10
OF_THE_LINE = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class FlakyProxy(ThreadingHTTPServer):
    """Passes on to the stack on a port of this machine; whatever names that port comes back with its own."""

    daemon_threads = True

    def __init__(self, port: int, target: int) -> None:
        super().__init__(("127.0.0.1", port), Line)
        self.theirs, self.ours = f":{target}".encode(), f":{self.server_port}".encode()
        self.stack = urllib3.PoolManager(maxsize=32, retries=False)
        self.dropped: Counter[str] = Counter()
        self.requests = 0
        # The first one is dropped after it was carried out: mostly it is the submission.
        self._numbers, self._lock = count(EVERY), threading.Lock()

    def next_way(self) -> str | None:
        """How the request that has come now is dropped."""
        with self._lock:
            self.requests, number = self.requests + 1, next(self._numbers)
            if number % EVERY:
                return None
            way = WAYS[number // EVERY % len(WAYS)]
            self.dropped[way] += 1
            return way


class Line(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FlakyProxy

    def pass_on(self) -> None:
        proxy = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        way = proxy.next_way()
        if way == "before":
            return self.drop()
        headers = {name: self.theirs(value) for name, value in self.headers.items() if name.lower() not in OF_THE_LINE}
        address = f"http://127.0.0.1{proxy.theirs.decode()}{self.path}"
        answer = proxy.stack.request(self.command, address, body=body, headers=headers, decode_content=False)
        if way == "after":
            return self.drop()
        data = answer.data.replace(b"127.0.0.1" + proxy.theirs, b"127.0.0.1" + proxy.ours)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in OF_THE_LINE:
                self.send_header(name, value.replace(proxy.theirs.decode(), proxy.ours.decode()))
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if way == "within" else data)
        return self.drop() if way == "within" else None

    def do_GET(self) -> None:
        self.pass_on()

    def do_POST(self) -> None:
        self.pass_on()

    def do_PATCH(self) -> None:
        self.pass_on()

    def do_DELETE(self) -> None:
        self.pass_on()

    def theirs(self, value: str) -> str:
        return value.replace(self.server.ours.decode(), self.server.theirs.decode())

    def drop(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def flaky(target: int) -> Iterator[FlakyProxy]:
    with FlakyProxy(0, target) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


if __name__ == "__main__":
    with FlakyProxy(*map(int, sys.argv[1:3])) as standing:
        try:
            standing.serve_forever()
        except KeyboardInterrupt:
            sys.exit(f"{standing.requests} requests, dropped: {dict(standing.dropped)}")
