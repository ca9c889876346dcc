"""Origins that do their worst: each costs its own image, by its exact code, soon, and no memory to speak of."""

from __future__ import annotations

import gzip
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.stack import DEFAULT_PORT, Stack, free_port, running_stack
from tests.support.scripted_web import (
    HEAD_200,
    Answer,
    ScriptedOrigin,
    drip,
    response,
    say_nothing,
    then_close,
    then_reset,
)
from tests.support.shop import Shop, assert_exact, catalogue

from .conftest import PARAMETERS

#: All jobs together, from the first submitted to the last ended.
ALL_SECONDS = 120
MAX_RESIDENT_MEBIBYTES = 400
#: Short, so that three receives of an origin that hangs fit a test. ContactUrl: told to every origin.
CONTACT_URL = "https://imagemill.example/bot"
IMPATIENT = {
    "ImageTimeoutSeconds": "6",
    "ConnectTimeoutSeconds": "2",
    "MaxRetryAfterSeconds": "1",
    "ContactUrl": CONTACT_URL,
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of these tests' own: impatient, and with nobody else's memory in its workers."""
    with running_stack(free_port(DEFAULT_PORT + 120), PARAMETERS | IMPATIENT) as running:
        yield running


@contextmanager
def plain_port() -> Iterator[int]:
    """Answers whatever comes, a TLS handshake too, as web servers answer what they cannot read."""

    def answer() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(response(400))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@dataclass(frozen=True)
class Hostile:
    """An origin's answer, or a URL that needs none; and what the image must come to."""

    answer: Answer | None
    error: str | None
    http_status: int | None = None
    url: str = "http://127.0.0.1:{port}/image.jpg"


def endless(connection: socket.socket) -> None:
    connection.sendall(HEAD_200 + b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0")
    with suppress(OSError):
        while True:
            connection.sendall(bytes(65_536))


def hang_in_the_body(connection: socket.socket) -> None:
    connection.sendall(HEAD_200 + b"Content-Length: 1000\r\n\r\n\xff\xd8\xff\xe0")
    say_nothing(connection)


def png_of_30000_squared() -> bytes:
    """A whole and valid one: a black square of one bit a pixel, 110 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 30_000
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + side // 8) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def hostile_origins(image: bytes) -> dict[str, Hostile]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    html = b"<!doctype html><title>Sign in</title>"
    bomb = gzip.compress(bytes(100 * 1024 * 1024), 1)
    redirect_inside = response(302, location="http://169.254.169.254/latest/meta-data/iam/security-credentials/")
    return {
        "404": Hostile(response(404, b"gone"), "HTTP_STATUS", 404),
        "500": Hostile(response(500), "HTTP_STATUS", 500),
        "503 for a year": Hostile(response(503, retry_after="31536000"), "HTTP_STATUS", 503),
        "204": Hostile(response(204), "HTTP_STATUS", 204),
        "hangs": Hostile(say_nothing, "TIMEOUT"),
        "hangs in the body": Hostile(hang_in_the_body, "TIMEOUT"),
        "drips its head": Hostile(drip(HEAD_200 + b"A: ", b"b"), "TIMEOUT"),
        "drips its body": Hostile(drip(HEAD_200 + b"\r\n", b"b"), "TIMEOUT"),
        "resets": Hostile(then_reset(b""), "CONNECT_FAILED"),
        "resets in the body": Hostile(then_reset(response(200, image)[:-100]), "TRUNCATED_BODY"),
        "closes in the body": Hostile(then_close(response(200, image)[:-100]), "TRUNCATED_BODY"),
        "never ends": Hostile(endless, "TOO_LARGE"),
        "announces too much": Hostile(HEAD_200 + b"Content-Length: 60000000\r\n\r\n", "TOO_LARGE"),
        "gzip bomb": Hostile(response(200, bomb, content_encoding="gzip"), "TOO_LARGE"),
        "gzip bomb in gzip": Hostile(
            response(200, gzip.compress(bomb * 100), content_encoding="gzip, gzip"), "TOO_LARGE"
        ),
        "head bomb": Hostile(then_close(HEAD_200 + b"A: b\r\n" * 100_000), "CONNECT_FAILED"),
        "redirects for ever": Hostile(response(302, location="/again.jpg"), "TOO_MANY_REDIRECTS"),
        "redirects inside": Hostile(redirect_inside, "BLOCKED_ADDRESS"),
        "redirects to a file": Hostile(response(302, location="file:///proc/self/environ"), "INVALID_URL"),
        "a page": Hostile(response(200, html, content_type="image/jpeg"), "NOT_AN_IMAGE"),
        "nothing": Hostile(response(200, b"", content_type="image/jpeg"), "NOT_AN_IMAGE"),
        "half an image": Hostile(response(200, image[: len(image) // 2]), "CORRUPT_IMAGE"),
        "30,000 squared": Hostile(response(200, png_of_30000_squared()), "TOO_MANY_PIXELS"),
        "SVG": Hostile(response(200, svg, content_type="image/svg+xml"), "UNSUPPORTED_FORMAT"),
        "no TLS": Hostile(None, "TLS_FAILURE", url="https://127.0.0.1:{plain_port}/image.jpg"),
        "no name": Hostile(None, "DNS_FAILURE", url="http://shop.invalid/image.jpg"),
        "metadata": Hostile(None, "BLOCKED_ADDRESS", url="http://169.254.169.254/latest/meta-data/"),
        "private": Hostile(None, "BLOCKED_ADDRESS", url="http://10.0.0.1/image.jpg"),
        "private, in IPv6": Hostile(None, "BLOCKED_ADDRESS", url="http://[::ffff:10.0.0.1]/image.jpg"),
        "credentials": Hostile(response(200, image), "INVALID_URL", url="http://u:p@127.0.0.1:{port}/image.jpg"),
        # Nothing wrong with these.
        "another type": Hostile(response(200, image, content_type="text/html"), None),
        "early hints": Hostile(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + response(200, image), None),
    }


def peak_resident_mebibytes(process: int) -> int:
    """The most memory that a process ever held, by the kernel's count; 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0


def test_every_hostile_origin_costs_its_own_image_alone(shop: Shop, picture: str, thumbnail: bytes) -> None:
    cases = hostile_origins(thumbnail)
    ended: dict[str, dict[str, Any]] = {}
    peaks: dict[int, int] = {}
    with ExitStack() as origins:
        running = {
            name: origins.enter_context(ScriptedOrigin(case.answer)) for name, case in cases.items() if case.answer
        }
        plain = origins.enter_context(plain_port())
        begun = time.monotonic()
        jobs = {}
        for name, case in cases.items():
            url = case.url.format(port=running[name].port if name in running else 0, plain_port=plain)
            jobs[name] = shop.submit(catalogue([["1", name, f"{url},{picture}"]]))
        while len(ended) < len(cases):
            assert time.monotonic() - begun < ALL_SECONDS, f"still in work: {set(cases) - set(ended)}"
            for name in set(cases) - set(ended):
                job = shop.get(f"/jobs/{jobs[name]}")
                if job["ended_at"]:
                    ended[name] = job
            peaks |= {process: peak_resident_mebibytes(process) for process in shop.function_processes("process")}
        seconds = time.monotonic() - begun
        agents = {line for origin in running.values() for request in origin.requests for line in fields(request)}

    outcomes = {}
    for name, job in ended.items():
        [product] = shop.products(job["job_id"])
        hostile, good = product["images"]
        outcomes[name] = (job["status"], hostile["error"], hostile.get("http_status"), good["error"])
        assert_exact(shop, job)
    assert outcomes == {
        name: ("PARTIAL" if case.error else "COMPLETED", case.error, case.http_status, None)
        for name, case in cases.items()
    }
    assert seconds < ALL_SECONDS
    assert 0 < max(peaks.values()) < MAX_RESIDENT_MEBIBYTES
    assert len(agents) == 1
    assert agents.pop().endswith(f" (+{CONTACT_URL})")
    print(f"{len(cases)} jobs in {seconds:.0f} s, peaks of {sorted(peaks.values())} MiB")  # noqa: T201


def fields(request: bytes) -> list[str]:
    """The user agents that a request names."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return [line for line in lines if line.lower().startswith("user-agent:")]
