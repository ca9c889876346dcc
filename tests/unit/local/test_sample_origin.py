"""The origin that serves the sample catalogue's images."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from local.origin import IMAGES, MISSING_PATH, PAGE_PATH, SampleOrigin, catalogue_for
from tests.support.sample_catalogue import ALL_PATHS

CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif"}


@pytest.fixture
def origin() -> Iterator[SampleOrigin]:
    with SampleOrigin(port=0) as running:
        yield running


@pytest.fixture
def connection(origin: SampleOrigin) -> Iterator[HTTPConnection]:
    client = HTTPConnection("127.0.0.1", urlsplit(origin.url).port, timeout=5)
    yield client
    client.close()


@pytest.mark.parametrize("path", [path for path in ALL_PATHS if path not in {MISSING_PATH, PAGE_PATH}])
def test_every_other_url_of_the_catalogue_is_served_with_its_length_and_type(connection: HTTPConnection, path: str):
    expected = IMAGES.joinpath(Path(path).name).read_bytes()

    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()

    assert (response.status, body) == (200, expected)
    assert response.headers["Content-Length"] == str(len(expected))
    with Image.open(io.BytesIO(body)) as image:
        assert response.headers["Content-Type"] == CONTENT_TYPES[image.format or ""]


def test_the_discontinued_image_is_missing(connection: HTTPConnection):
    connection.request("GET", MISSING_PATH)

    assert connection.getresponse().status == 404


def test_the_size_chart_is_a_page_under_an_images_name(connection: HTTPConnection):
    connection.request("GET", PAGE_PATH)
    response = connection.getresponse()

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.read().startswith(b"<!doctype html>")


def test_two_requests_go_over_one_connection_also_after_a_404(connection: HTTPConnection):
    connection.request("GET", MISSING_PATH)
    connection.getresponse().read()
    first_socket = connection.sock

    connection.request("GET", "/images/wine-glass.jpg")
    response = connection.getresponse()
    response.read()

    assert (response.status, response.version) == (200, 11)
    assert connection.sock is first_socket


def test_head_answers_the_length_and_no_body(connection: HTTPConnection):
    size = (IMAGES / "wine-glass.jpg").stat().st_size

    connection.request("HEAD", "/images/wine-glass.jpg")
    response = connection.getresponse()
    response.read()
    # A body would be taken for the next answer's beginning.
    connection.request("GET", MISSING_PATH)

    assert response.headers["Content-Length"] == str(size)
    assert connection.getresponse().status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/images/../catalogue.csv",
        "/images/%2e%2e/catalogue.csv",
        "/images/..%2fcatalogue.csv",
        "/images//etc/passwd",
        "//etc/passwd",
        "/images/",
        "/",
    ],
)
def test_nothing_but_the_images_is_served(connection: HTTPConnection, path: str):
    connection.request("GET", path)

    assert connection.getresponse().status == 404


def test_a_query_does_not_hide_an_image(connection: HTTPConnection):
    connection.request("GET", "/images/wine-glass.jpg?width=600,height=400")

    assert connection.getresponse().status == 200


def test_the_origin_listens_on_loopback_alone(origin: SampleOrigin):
    port = urlsplit(origin.url).port or 0

    # All of 127.0.0.0/8 is this machine: a server bound to every address would answer here, too.
    with pytest.raises((ConnectionRefusedError, TimeoutError)):
        socket.create_connection(("127.0.0.2", port), timeout=1)


def test_a_second_origin_takes_another_port_and_its_catalogue_says_so(origin: SampleOrigin):
    taken = urlsplit(origin.url).port or 0

    with SampleOrigin(port=taken) as second:
        rewritten = catalogue_for(second)

        assert second.url != origin.url
        assert rewritten.count(f"{second.url}/images/".encode()) == len(ALL_PATHS)
        assert b":8901/" not in rewritten


def test_a_port_is_free_again_when_its_origin_has_been_left():
    with SampleOrigin(port=0) as first:
        url = first.url
        client = HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=5)
        client.request("GET", "/images/wine-glass.jpg")
        client.getresponse().read()

    with SampleOrigin(port=urlsplit(url).port or 0) as second:
        assert second.url == url
    client.close()


def test_an_idle_connection_does_not_hold_up_leaving():
    with SampleOrigin(port=0) as origin:
        client = HTTPConnection("127.0.0.1", urlsplit(origin.url).port, timeout=5)
        client.request("GET", "/images/wine-glass.jpg")
        client.getresponse().read()
        started = time.monotonic()

    assert time.monotonic() - started < 5
    client.close()


def test_an_answer_that_waits_does_not_hold_up_leaving():
    with SampleOrigin(port=0, latency_seconds=20) as origin:
        port = urlsplit(origin.url).port
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        client.sendall(b"GET /images/wine-glass.jpg HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n")
        # Sent before the wait begins: from here on the request is under way.
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        started = time.monotonic()

    assert time.monotonic() - started < 5
    client.close()


def test_latency_is_waited_for_by_each_request_and_not_by_the_next_in_line():
    with SampleOrigin(port=0, latency_seconds=0.3) as origin:
        clients = [HTTPConnection("127.0.0.1", urlsplit(origin.url).port, timeout=5) for _ in range(8)]
        started = time.monotonic()
        for client in clients:
            client.request("GET", MISSING_PATH)
        for client in clients:
            client.getresponse().read()
        elapsed = time.monotonic() - started
        for client in clients:
            client.close()

    assert 0.3 <= elapsed < 8 * 0.3


def test_an_origin_has_no_address_outside_its_context():
    with pytest.raises(RuntimeError):
        _ = SampleOrigin().url


def test_the_origin_is_quiet(connection: HTTPConnection, capfd: pytest.CaptureFixture[str]):
    connection.request("GET", "/images/wine-glass.jpg")
    connection.getresponse().read()

    assert capfd.readouterr() == ("", "")
