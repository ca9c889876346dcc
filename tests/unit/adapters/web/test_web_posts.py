"""Webhooks that are posted: any answer counts, none is followed."""

import socket

import pytest

from imagemill.adapters.web.faults import WebCode
from tests.support.scripted_web import HEAD_200, fault_and_seconds, fault_of, response


def test_a_webhook_is_posted_as_given(serve_origin, web_client):
    origin = serve_origin(response(200, b"thanks"))

    answer = web_client().post(f"{origin.url}/hook?a=b", b'{"a":1}', {"webhook-id": "1"}, timeout_seconds=2)

    head, _, body = origin.requests[0].partition(b"\r\n\r\n")
    assert (answer.status, answer.retry_after, body) == (200, None, b'{"a":1}')
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"\r\nwebhook-id: 1" in head
    assert 0 <= answer.elapsed_ms < 2000


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 410, 429, 500])
def test_any_status_of_a_webhook_is_an_answer_and_no_redirect_is_followed(serve_origin, web_client, status):
    origin = serve_origin(response(status, b"x" if status != 204 else b"", location="/elsewhere", retry_after="7"))

    answer = web_client().post(origin.url, b"{}", {}, timeout_seconds=2)

    assert (answer.status, answer.retry_after, len(origin.requests)) == (status, 7, 1)


def test_an_endless_answer_of_a_webhook_is_left_soon(serve_origin, web_client):
    sent: list[int] = []

    def endless(connection):
        connection.sendall(HEAD_200 + b"\r\n")
        while True:
            connection.sendall(bytes(65_536))
            sent.append(65_536)

    origin = serve_origin(endless)

    answer = web_client().post(origin.url, b"{}", {}, timeout_seconds=5)

    assert answer.status == 200
    assert sum(sent) < 32 * 1024 * 1024  # what the buffers of two sockets swallow at most


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1/hook", WebCode.BLOCKED_ADDRESS),
        ("http://user:secret@127.0.0.1/hook", WebCode.INVALID_URL),
        ("http://127.0.0.1:1/hook", WebCode.CONNECT_FAILED),
    ],
)
def test_a_webhook_is_held_to_the_same_rules(web_client, url, code):
    assert fault_of(lambda: web_client().post(url, b"{}", {}, timeout_seconds=2)).code is code


def test_a_webhook_that_reads_nothing_ends_at_its_timeout(serve_origin, web_client):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook"

        fault, seconds = fault_and_seconds(
            lambda: web_client().post(url, bytes(32 * 1024 * 1024), {}, timeout_seconds=0.3)
        )

    assert fault.code is WebCode.TIMEOUT
    assert seconds < 3
