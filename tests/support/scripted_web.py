"""The other side of the wire: servers on real sockets and name servers that answer what a test tells them."""

import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Self

import pytest

from imagemill.adapters.web.faults import FetchError
from imagemill.adapters.web.pinned_connections import AddressInfo

IMAGE = bytes(range(256)) * 40
HEAD_200 = b"HTTP/1.1 200 OK\r\n"

#: Seconds a client may keep a test waiting.
PATIENCE_SECONDS = 10
#: Seconds between two pieces of a dripped answer.
DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Echo:
    """An answer whose body is the path that was asked for, `times` over."""

    times: int


Answer = bytes | Echo | Callable[[socket.socket], object]


class ScriptedOrigin:
    """Answers its n-th request with the n-th answer, and all further ones with the last.

    After bytes the connection stays open for the next request; after a callable, which gets the connection and may
    do with it what it likes, it is closed.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answers = answers
        self._tls = tls
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [Thread(target=self._accept)]
        self.stopped = Event()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0
        #: Each as the client sent it: head and body.
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        self._listener.close()

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = Thread(target=self._serve, args=(connection,))
                with self._lock:
                    self.connections += 1
                    self._open.add(connection)
                    self._threads.append(thread)
                thread.start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(PATIENCE_SECONDS)
        connection = raw
        with suppress(OSError, EOFError):
            if self._tls:
                connection = self._tls.wrap_socket(raw, server_side=True)
            while True:
                answer = self._next_answer(_request(connection))
                if callable(answer):
                    answer(connection)
                    break
                connection.sendall(answer)
        with self._lock:
            self._open.discard(raw)
        connection.close()
        raw.close()

    def _next_answer(self, request: bytes) -> bytes | Callable[[socket.socket], object]:
        with self._lock:
            self.requests.append(request)
            answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        return response(200, request.split(b" ")[1] * answer.times) if isinstance(answer, Echo) else answer


class ScriptedResolver:
    """Answers its n-th lookup with the n-th list of (address, port), and all further ones with the last."""

    def __init__(self, *answers: list[tuple[str, int]]) -> None:
        self._answers = answers
        self.lookups = 0

    def __call__(self, host: str, port: int) -> list[AddressInfo]:
        self.lookups += 1
        return [
            (socket.AF_INET6 if ":" in sockaddr[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", sockaddr)
            for sockaddr in self._answers[min(self.lookups, len(self._answers)) - 1]
        ]


def response(status: int = 200, body: bytes = b"", **fields: object) -> bytes:
    """A whole response. Underscores in field names stand for dashes; Content-Length comes by itself."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drip(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send `head`, then `piece` again and again until the client goes."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not Event().wait(DRIP_SECONDS):
            connection.sendall(piece)

    return answer


def say_nothing(connection: socket.socket) -> None:
    """Until the client goes."""
    connection.recv(1)


def then_close(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def then_reset(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        # Linger of no time: closing sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def fault_of(call: Callable[[], object]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value


def fault_and_seconds(call: Callable[[], object]) -> tuple[FetchError, float]:
    started = time.monotonic()
    return fault_of(call), time.monotonic() - started


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head = received.partition(b"\r\n\r\n")[0].lower()
    _, _, length = head.partition(b"content-length: ")
    end = len(head) + 4 + int(length.partition(b"\r\n")[0] or 0)
    while len(received) < end:
        received += _some(connection)
    return received


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise EOFError
    return data
