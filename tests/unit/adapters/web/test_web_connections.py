import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest

from imagemill.adapters.web.faults import FetchError, WebCode
from imagemill.adapters.web.origin_pace import DEFAULT_PACE, PaceLimits
from imagemill.adapters.web.pinned_connections import MAX_IDLE_CONNECTIONS
from tests.support.scripted_web import (
    HEAD_200,
    IMAGE,
    Echo,
    ScriptedResolver,
    fault_of,
    response,
    then_close,
    wait_until,
)

pytest_plugins = ["tests.support.web_fixtures"]


def test_two_fetches_from_one_host_share_a_connection(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))
    client = web_client()

    assert [client.fetch(origin.url) for _ in range(2)] == [IMAGE, IMAGE]
    assert origin.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        response(404, b"no such image"),
        response(302, b"moved", location="/b"),
        HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        response(200, gzip.compress(IMAGE), content_encoding="gzip"),
    ],
    ids=["not found", "redirect", "chunks", "gzip"],
)
def test_a_connection_is_kept_after_any_whole_response(serve_origin, web_client, first):
    origin = serve_origin(first, response(200, IMAGE))
    client = web_client()
    with suppress(FetchError):
        client.fetch(origin.url)

    assert client.fetch(origin.url) == IMAGE
    assert origin.connections == 1


@pytest.mark.parametrize(
    "first",
    [response(200, bytes(2000)), response(404, bytes(200_000)), response(200, b"x", connection="close")],
    ids=["image over the cap", "long error page", "server wants to close"],
)
def test_a_connection_left_midway_is_not_used_again(serve_origin, web_client, first):
    origin = serve_origin(first, response(200, b"right"))
    client = web_client(max_bytes=1000)
    with suppress(FetchError):
        client.fetch(origin.url)

    assert client.fetch(origin.url) == b"right"
    assert origin.connections == 2


@pytest.mark.parametrize(
    "first",
    [response(200, IMAGE)[:-1], response(404, IMAGE)[:-1], HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"],
    ids=["image", "error page", "chunk"],
)
def test_a_connection_whose_response_came_too_late_is_not_used_again(serve_origin, web_client, first):
    origin = serve_origin(first, response(200, b"right"))
    client = web_client()
    fault_of(lambda: client.fetch(origin.url, timeout_seconds=0.2))

    assert client.fetch(origin.url) == b"right"
    assert origin.connections == 2


def test_a_kept_connection_that_the_server_closed_is_replaced(serve_origin, web_client):
    origin = serve_origin(response(200, b"first"), then_close(b""), response(200, b"second"))
    client = web_client()
    client.fetch(origin.url)

    assert client.fetch(origin.url) == b"second"
    assert origin.connections == 2


def test_a_new_connection_that_the_server_closes_is_a_fault(serve_origin, web_client):
    origin = serve_origin(then_close(b""), response(200, IMAGE))

    assert fault_of(lambda: web_client().fetch(origin.url)).code is WebCode.CONNECT_FAILED


def test_one_host_never_sees_more_requests_at_once_than_the_policy_says(serve_origin, web_client):
    answering: set[object] = set()
    at_once: list[int] = []

    def slow(connection):
        answering.add(connection)
        at_once.append(len(answering))
        origin.stopped.wait(0.05)
        answering.discard(connection)
        connection.sendall(response(200, IMAGE, connection="close"))

    origin = serve_origin(slow)
    client = web_client(pace=PaceLimits(least=2, first=2, most=2))

    with ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda _: client.fetch(origin.url), range(8)))

    assert bodies == [IMAGE] * 8
    assert max(at_once) == 2


def test_no_more_connections_are_kept_than_the_process_has_room_for(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    for number in range(MAX_IDLE_CONNECTIONS + 3):
        client.fetch(f"http://shop-{number}.example/")

    wait_until(lambda: origin.open_connections == MAX_IDLE_CONNECTIONS)


def test_waiting_for_a_connection_counts_as_time(serve_origin, web_client):
    may_answer = Event()

    def late(connection):
        may_answer.wait(5)
        connection.sendall(response(200, IMAGE))

    origin = serve_origin(late)
    client = web_client(pace=PaceLimits(least=1, first=1, most=1))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.fetch, origin.url)
        wait_until(lambda: origin.requests)

        fault = fault_of(lambda: client.fetch(origin.url, timeout_seconds=0.2))

        may_answer.set()
    assert (fault.code, origin.connections, first.result()) == (WebCode.TIMEOUT, 1, IMAGE)


def test_many_threads_get_each_their_own_body(serve_origin, web_client):
    origin = serve_origin(Echo(times=1000))
    client = web_client()

    with ThreadPoolExecutor(32) as threads:
        bodies = list(threads.map(lambda number: client.fetch(f"{origin.url}/{number}"), range(320)))

    assert bodies == [f"/{number}".encode() * 1000 for number in range(320)]
    assert origin.connections <= DEFAULT_PACE.most


def test_a_closed_client_keeps_no_connection(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))
    client = web_client()
    client.fetch(origin.url)

    client.close()

    wait_until(lambda: origin.open_connections == 0)
