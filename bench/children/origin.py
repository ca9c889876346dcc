"""A shop's image server: `origin LATENCY_SECONDS IMAGE…`, on a free port of 127.0.0.1.

`/<number>.jpg` is one of the images, after the latency. Answers the port to the first request.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: Connections waiting to be accepted: a batch opens its own at once.
ACCEPT_BACKLOG = 128


class Origin(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = ACCEPT_BACKLOG

    def __init__(self, latency_seconds: float, images: Sequence[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.latency_seconds = latency_seconds
        self.images = images


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Header and body are two writes; Nagle would hold back the second for 40 ms.
    disable_nagle_algorithm = True
    server: Origin

    def do_GET(self) -> None:
        # The latency that is simulated; nothing is waited for.
        time.sleep(self.server.latency_seconds)
        body = self.server.images[int(Path(self.path).stem) % len(self.server.images)]
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


def serve(latency_seconds: float, images: Sequence[bytes]) -> None:
    with Origin(latency_seconds, images) as origin:
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        for _ in sys.stdin:
            print(json.dumps({"port": origin.server_port}), flush=True)
        origin.shutdown()


if __name__ == "__main__":
    serve(float(sys.argv[1]), [Path(path).read_bytes() for path in sys.argv[2:]])
