"""Heads of responses: interim ones are passed over, and none is longer than it may be."""

import math
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.response import HTTPResponse

from imagemill.adapters.web.faults import WebCode
from imagemill.adapters.web.heads import MAX_FIELDS, MAX_HEAD_BYTES, retry_after_of
from imagemill.adapters.web.policy import user_agent
from tests.support.scripted_web import HEAD_200, IMAGE, fault_of, response, then_close

pytest_plugins = ["tests.support.web_fixtures"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 7\r\n\r\n"


@pytest.mark.parametrize(
    "interim",
    [CONTINUE, PROCESSING, EARLY_HINTS, EARLY_HINTS * 3, CONTINUE + EARLY_HINTS + PROCESSING, b"HTTP/1.1 199 \r\n\r\n"],
    ids=["100", "102", "103", "103 thrice", "mixed", "unknown"],
)
def test_interim_responses_are_not_the_answer(serve_origin, web_client, interim):
    origin = serve_origin(interim + response(200, IMAGE), interim + response(404))
    client = web_client()

    assert client.fetch(origin.url) == IMAGE
    assert fault_of(lambda: client.fetch(origin.url)).http_status == 404
    assert origin.connections == 1


def test_a_webhook_is_answered_by_the_final_response_too(serve_origin, web_client):
    origin = serve_origin(CONTINUE + EARLY_HINTS + response(204))

    assert web_client().post(origin.url, b"{}", {}, timeout_seconds=2).status == 204


def test_lines_that_are_no_fields_do_not_end_the_head(serve_origin, web_client):
    odd = b"no colon here\r\nX: a\rb\r\nX Y: spaced\r\n: nameless\r\nFolded: a\r\n and b\r\n\xff: c\r\n"
    head = HEAD_200 + odd + b"Content-Length: 2\r\n\r\nok"
    origin = serve_origin(head, head)
    client = web_client()

    assert [client.fetch(origin.url), client.fetch(origin.url)] == [b"ok", b"ok"]
    assert origin.connections == 1


@pytest.mark.parametrize(("fields", "is_taken"), [(MAX_FIELDS - 1, True), (MAX_FIELDS, False)])
def test_a_head_has_no_more_fields_than_it_may(serve_origin, web_client, fields, is_taken):
    head = HEAD_200 + b"A: b\r\n" * fields + b"Content-Length: 2\r\n\r\nok"
    origin = serve_origin(then_close(head))
    client = web_client()

    if is_taken:
        assert client.fetch(origin.url) == b"ok"
    else:
        assert fault_of(lambda: client.fetch(origin.url)).code is WebCode.CONNECT_FAILED


def test_switching_protocols_is_an_answer_that_nobody_asked_for(serve_origin, web_client):
    origin = serve_origin(then_close(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"))

    assert fault_of(lambda: web_client().fetch(origin.url)).http_status == 101


@pytest.mark.parametrize("after", [b"", b"SSH-2.0\r\n", b"HTTP/2 200\r\n\r\n"], ids=["nothing", "no status", "HTTP/2"])
def test_an_interim_response_that_no_final_one_follows_is_a_fault(serve_origin, web_client, after):
    origin = serve_origin(then_close(EARLY_HINTS + after))

    assert fault_of(lambda: web_client().fetch(origin.url)).code is WebCode.CONNECT_FAILED


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(HEAD_200 + b"A: b\r\n" * 100_000 + b"\r\n", id="100,000 fields"),
        pytest.param(HEAD_200 + b"A: " + b"b" * 1_000_000 + b"\r\n\r\n", id="a field of 1 MB"),
        pytest.param(HEAD_200 + (b"A: " + b"b" * 60_000 + b"\r\n") * 90 + b"\r\n", id="90 fields of 60 kB"),
        pytest.param(HEAD_200 + b"A: b\r\n " + b" c\r\n" * 1_000_000, id="a folded field without end"),
        pytest.param(b"HTTP/1.1 200 " + b"O" * 1_000_000 + b"K\r\n\r\n", id="a reason of 1 MB"),
        pytest.param(b"H" * 1_000_000, id="no line's end"),
        pytest.param(EARLY_HINTS * 100_000, id="100,000 interim responses"),
        pytest.param((b"HTTP/1.1 103 \r\n" + b"A: b\r\n" * 90 + b"\r\n") * 1_000, id="interim responses with fields"),
    ],
)
def test_a_head_bomb_ends_at_a_bound(serve_origin, web_client, bomb):
    origin = serve_origin(then_close(bomb))
    client = web_client()
    client.fetch(serve_origin(response(200, IMAGE)).url)
    tracemalloc.start()

    fault = fault_of(lambda: client.fetch(origin.url))

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault.code is WebCode.CONNECT_FAILED
    assert peak_bytes < 16 * MAX_HEAD_BYTES


def test_a_head_may_be_as_long_as_those_of_real_servers(serve_origin, web_client):
    cookies = b"".join(b"Set-Cookie: id%d=%s\r\n" % (number, b"x" * 600) for number in range(90))
    origin = serve_origin(HEAD_200 + cookies + b"Content-Length: 2\r\n\r\nok")

    assert web_client().fetch(origin.url) == b"ok"


@given(st.one_of(st.text(), st.from_regex(r"(Wed, )?[0-9]{1,3} Oct [0-9]{1,30} [0-9:]{1,9}( [+-][0-9]{1,30}| GMT)?")))
@example("Wed, 21 Oct 99999999999999999999 07:28:00 GMT")
@example("Wed, 21 Oct 2015 07:28:00 +99999999999999")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_any_retry_after_is_a_number_of_seconds_or_none(text):
    seconds = retry_after_of(HTTPResponse(headers={"Retry-After": text}))

    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def test_origins_learn_who_calls_and_whom_to_ask():
    assert user_agent("https://shop.example/bot") == f"{user_agent()} (+https://shop.example/bot)"
