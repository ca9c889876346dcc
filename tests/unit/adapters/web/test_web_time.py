import gzip
import socket
from threading import Event

import pytest

from imagemill.adapters.web.faults import WebCode
from tests.support.scripted_web import HEAD_200, IMAGE, drip, fault_and_seconds, fault_of, response, say_nothing

pytest_plugins = ["tests.support.web_fixtures"]

#: Well above the timeouts of these tests, and well below the time that the origins would go on.
SOON_SECONDS = 3


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"", b"H", id="status line"),
        pytest.param(HEAD_200 + b"A: ", b"b", id="header field"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim responses"),
        pytest.param(HEAD_200 + b"\r\n", b"b", id="body"),
        pytest.param(HEAD_200 + b"Content-Length: 9999\r\n\r\n", b"b", id="body with length"),
        pytest.param(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n", id="chunks"),
        pytest.param(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n1", b";", id="chunk size"),
        pytest.param(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n", id="trailer"),
        pytest.param(HEAD_200 + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), id="gzip of nothing"),
    ],
)
def test_an_answer_that_drips_ends_at_the_total(serve_origin, web_client, head, piece):
    origin = serve_origin(drip(head, piece))

    fault, seconds = fault_and_seconds(lambda: web_client(total_timeout_seconds=0.4).fetch(origin.url))

    assert fault.code is WebCode.TIMEOUT
    assert seconds < SOON_SECONDS


def test_silence_ends_at_the_time_the_caller_gives(serve_origin, web_client):
    origin = serve_origin(say_nothing)

    fault, seconds = fault_and_seconds(lambda: web_client().fetch(origin.url, timeout_seconds=0.3))

    assert fault.code is WebCode.TIMEOUT
    assert seconds < SOON_SECONDS


def test_the_caller_cannot_lengthen_the_total(serve_origin, web_client):
    origin = serve_origin(say_nothing)

    _, seconds = fault_and_seconds(lambda: web_client(total_timeout_seconds=0.3).fetch(origin.url, timeout_seconds=60))

    assert seconds < SOON_SECONDS


def test_no_time_left_is_a_timeout_before_anything_is_sent(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))

    fault = fault_of(lambda: web_client().fetch(origin.url, timeout_seconds=0))

    assert (fault.code, origin.connections) == (WebCode.TIMEOUT, 0)


def test_each_request_has_its_own_time_and_connecting_another(serve_origin, web_client):
    def late(connection):
        origin.stopped.wait(0.5)
        connection.sendall(response(200, IMAGE))

    origin = serve_origin(response(200, IMAGE), late)
    client = web_client(connect_timeout_seconds=0.2)
    client.fetch(origin.url, timeout_seconds=0.4)

    assert client.fetch(origin.url) == IMAGE
    assert origin.connections == 1


def test_redirects_share_one_total(serve_origin, web_client):
    def slow_redirect(connection):
        origin.stopped.wait(0.25)
        connection.sendall(response(302, location="/again"))

    origin = serve_origin(slow_redirect)

    fault, seconds = fault_and_seconds(lambda: web_client(total_timeout_seconds=0.4).fetch(origin.url))

    assert fault.code is WebCode.TIMEOUT
    assert seconds < SOON_SECONDS


def test_a_lookup_that_hangs_ends_at_the_total(web_client):
    released = Event()

    def resolve(host, port):
        released.wait(10)
        return []

    fault = fault_of(lambda: web_client(resolve, total_timeout_seconds=0.2).fetch("http://shop.example/"))

    released.set()
    assert fault.code is WebCode.TIMEOUT


def test_a_handshake_that_hangs_ends_at_the_connect_timeout(web_client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = web_client(connect_timeout_seconds=0.3)

        fault, seconds = fault_and_seconds(lambda: client.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/"))

    assert fault.code is WebCode.TIMEOUT
    assert seconds < SOON_SECONDS


def test_an_error_page_that_drips_does_not_hide_its_status(serve_origin, web_client):
    origin = serve_origin(drip(b"HTTP/1.1 404 No\r\nContent-Length: 999\r\n\r\n", b"b"))

    fault, seconds = fault_and_seconds(lambda: web_client().fetch(origin.url))

    assert fault.http_status == 404
    assert seconds < SOON_SECONDS
