import gzip
import socket
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from imagemill.adapters.web.faults import FetchError, WebCode
from tests.support.scripted_web import (
    HEAD_200,
    IMAGE,
    fault_and_seconds,
    fault_of,
    response,
    then_close,
    then_reset,
)

pytest_plugins = ["tests.support.web_fixtures"]


def test_the_body_of_a_200_is_the_image(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))

    assert web_client(user_agent="imagemill/1").fetch(f"{origin.url}/bild ü.png?größe=1#top") == IMAGE

    head = origin.requests[0].decode("ascii").split("\r\n")
    assert head[0] == "GET /bild%20%C3%BC.png?gr%C3%B6%C3%9Fe=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{origin.port}", "User-Agent: imagemill/1", "Accept-Encoding: identity"} <= set(head)


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 404, 410, 500, 503])
def test_any_other_status_is_a_fault_that_names_it(serve_origin, web_client, status):
    origin = serve_origin(response(status, location="/elsewhere"))

    fault = fault_of(lambda: web_client().fetch(origin.url))

    assert (fault.code, fault.http_status) == (WebCode.HTTP_STATUS, status)


def test_a_redirect_to_nowhere_is_a_status_fault(serve_origin, web_client):
    origin = serve_origin(response(302))

    assert fault_of(lambda: web_client().fetch(origin.url)).http_status == 302


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_also_relative_ones(serve_origin, web_client, status):
    origin = serve_origin(response(status, location="../ü?w=1#top"), response(200, IMAGE))

    assert web_client().fetch(f"{origin.url}/a/b/c") == IMAGE
    assert origin.requests[1].startswith(b"GET /a/%C3%BC?w=1 HTTP/1.1\r\n")


def test_three_redirects_are_followed_and_a_fourth_is_not(serve_origin, web_client):
    there = serve_origin(*[response(302, location="/again")] * 3, response(200, IMAGE))
    too_far = serve_origin(*[response(302, location="/again")] * 4, response(200, IMAGE))

    assert web_client().fetch(there.url) == IMAGE
    assert fault_of(lambda: web_client().fetch(too_far.url)).code is WebCode.TOO_MANY_REDIRECTS
    assert len(too_far.requests) == 4


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("gzip", gzip.compress(IMAGE)),
        ("X-GZIP", gzip.compress(IMAGE)),
        ("gzip", gzip.compress(IMAGE[:100]) + gzip.compress(IMAGE[100:])),
        ("gzip", gzip.compress(IMAGE) + bytes(100)),
        ("deflate", zlib.compress(IMAGE)),
        ("deflate", raw_deflate(IMAGE)),
        ("gzip, gzip", gzip.compress(gzip.compress(IMAGE))),
        ("identity", IMAGE),
        ("whatever", IMAGE),
    ],
    ids=["gzip", "x-gzip", "members", "padding", "zlib", "raw deflate", "twice", "identity", "unknown"],
)
def test_encoded_bodies_are_decoded_though_none_was_asked_for(serve_origin, web_client, encoding, encoded):
    origin = serve_origin(response(200, encoded, content_encoding=encoding))

    assert web_client().fetch(origin.url) == IMAGE


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
def test_an_empty_body_is_no_fault_of_the_transfer(serve_origin, web_client, encoding):
    origin = serve_origin(response(200, b"", content_encoding=encoding))

    assert web_client().fetch(origin.url) == b""


def test_chunks_are_put_together(serve_origin, web_client):
    origin = serve_origin(
        HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    )

    assert web_client().fetch(origin.url) == b"abcde"


def test_a_body_without_length_ends_with_the_connection(serve_origin, web_client):
    origin = serve_origin(then_close(HEAD_200 + b"\r\n" + IMAGE))

    assert web_client().fetch(origin.url) == IMAGE


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(then_close(b""), WebCode.CONNECT_FAILED, id="closed without a word"),
        pytest.param(then_reset(b""), WebCode.CONNECT_FAILED, id="reset before the response"),
        pytest.param(then_close(b"SSH-2.0-OpenSSH\r\n"), WebCode.CONNECT_FAILED, id="another protocol"),
        pytest.param(then_close(b"HTTP/1.1 xyz\r\n\r\n"), WebCode.CONNECT_FAILED, id="no status"),
        pytest.param(then_close(HEAD_200 + b"A: b\r\n" * 200), WebCode.CONNECT_FAILED, id="too many fields"),
        pytest.param(then_close(HEAD_200 + b"A: " + b"b" * 70_000), WebCode.CONNECT_FAILED, id="endless field"),
        pytest.param(
            then_close(HEAD_200 + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc"),
            WebCode.CONNECT_FAILED,
            id="two lengths",
        ),
        pytest.param(then_close(response(200, IMAGE)[:-1]), WebCode.TRUNCATED_BODY, id="shorter than its length"),
        pytest.param(then_reset(response(200, IMAGE)[:-1]), WebCode.TRUNCATED_BODY, id="reset in the body"),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
            WebCode.TRUNCATED_BODY,
            id="chunk cut short",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
            WebCode.TRUNCATED_BODY,
            id="last chunk missing",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"),
            WebCode.TRUNCATED_BODY,
            id="chunk size is no number",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + IMAGE),
            WebCode.TRUNCATED_BODY,
            id="chunk size below zero",
        ),
        pytest.param(response(200, IMAGE, content_encoding="gzip"), WebCode.TRUNCATED_BODY, id="gzip that is none"),
        pytest.param(
            response(200, gzip.compress(IMAGE)[:-20], content_encoding="gzip"),
            WebCode.TRUNCATED_BODY,
            id="gzip cut short",
        ),
        pytest.param(
            response(200, gzip.compress(IMAGE), content_encoding=", ".join(["gzip"] * 9)),
            WebCode.TRUNCATED_BODY,
            id="too many encodings",
        ),
        pytest.param(HEAD_200 + b"Content-Length: 99999999\r\n\r\n", WebCode.TOO_LARGE, id="length over the cap"),
        pytest.param(
            HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n" + (b"5000\r\n" + bytes(0x5000) + b"\r\n") * 20,
            WebCode.TOO_LARGE,
            id="chunks over the cap",
        ),
        pytest.param(
            HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + bytes(200_000),
            WebCode.TOO_LARGE,
            id="chunk size below zero, without end",
        ),
        pytest.param(then_close(HEAD_200 + b"\r\n" + bytes(100_001)), WebCode.TOO_LARGE, id="one byte over the cap"),
        pytest.param(
            response(200, gzip.compress(bytes(100_001)), content_encoding="gzip"),
            WebCode.TOO_LARGE,
            id="over the cap when decoded",
        ),
    ],
)
def test_broken_answers_have_their_code(serve_origin, web_client, answer, code):
    origin = serve_origin(answer)

    fault = fault_of(lambda: web_client(max_bytes=100_000).fetch(origin.url))

    assert fault.code is code


def test_a_body_of_exactly_the_cap_is_taken(serve_origin, web_client):
    origin = serve_origin(response(200, bytes(100_000)))

    assert len(web_client(max_bytes=100_000).fetch(origin.url)) == 100_000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("", None),
    ],
    ids=["seconds", "none", "past date", "words", "negative", "fraction", "endless number", "empty"],
)
def test_retry_after_is_read_in_both_its_forms(serve_origin, web_client, value, seconds):
    origin = serve_origin(response(503, retry_after=value))

    fault = fault_of(lambda: web_client().fetch(origin.url))

    assert fault.retry_after == seconds


@pytest.mark.parametrize("value", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_origin_does_not_make_us_wait_for_ever(serve_origin, web_client, value):
    origin = serve_origin(response(429, retry_after=value))

    assert fault_of(lambda: web_client(max_retry_after_seconds=900).fetch(origin.url)).retry_after == 900


def test_retry_after_may_be_a_date_to_come(serve_origin, web_client):
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    origin = serve_origin(response(503, retry_after=in_an_hour))

    fault = fault_of(lambda: web_client().fetch(origin.url))

    assert fault.retry_after == pytest.approx(3600, abs=15)


@pytest.mark.parametrize(
    ("fault", "is_transient"),
    [
        *[(FetchError(WebCode.HTTP_STATUS, status), True) for status in (408, 425, 429, 500, 502, 503, 504, 599)],
        *[(FetchError(WebCode.HTTP_STATUS, status), False) for status in (204, 206, 304, 400, 401, 403, 404, 410)],
        *[
            (FetchError(code), True)
            for code in (
                WebCode.DNS_FAILURE,
                WebCode.CONNECT_FAILED,
                WebCode.TIMEOUT,
                WebCode.TRUNCATED_BODY,
            )
        ],
        *[
            (FetchError(code), False)
            for code in (
                WebCode.INVALID_URL,
                WebCode.BLOCKED_ADDRESS,
                WebCode.TLS_FAILURE,
                WebCode.TOO_MANY_REDIRECTS,
                WebCode.TOO_LARGE,
            )
        ],
    ],
    ids=str,
)
def test_faults_that_may_pass_are_transient(fault, is_transient):
    assert fault.is_transient is is_transient


def test_the_text_of_a_fault_tells_nothing_of_the_url_or_the_server(serve_origin, web_client):
    origin = serve_origin(b"HTTP/1.1 403 <script>evil\r\nContent-Length: 4\r\n\r\nevil")

    fault = fault_of(lambda: web_client().fetch(f"{origin.url}/a?token=secret"))

    assert str(fault) == "HTTP_STATUS 403"


def test_the_log_tells_nothing_of_the_url_or_the_server_either(serve_origin, web_client, caplog):
    origin = serve_origin(HEAD_200 + b"Content-Length: 1\r\nno field <script>evil\r\n\r\na")

    web_client().fetch(f"{origin.url}/a?token=secret")

    assert caplog.text == ""


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


@pytest.mark.parametrize(
    ("answer", "amount"),
    [
        (response(200, b"abc"), 3),
        (response(200, gzip.compress(b"abc"), content_encoding="gzip"), 1_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 1_000),
        (response(200, b"x" * 1_001), 1_000),
    ],
    ids=["announced", "encoded", "unannounced", "too much"],
)
def test_memory_is_reserved_before_a_body_is_read(serve_origin, web_client, answer, amount):
    origin = serve_origin(answer)
    reserved = []

    with suppress(FetchError):
        web_client(max_bytes=1_000).fetch(origin.url, reserve=lambda asked, until: reserved.append(asked))

    assert reserved == [amount]


def test_memory_that_cannot_be_had_in_time_is_a_timeout(serve_origin, web_client):
    origin = serve_origin(response(200, b"abc"))

    def refuse(amount, until):
        raise TimeoutError

    fault = fault_of(lambda: web_client().fetch(origin.url, reserve=refuse))

    assert fault.code is WebCode.TIMEOUT
