"""What is said of an origin that does not: the code, and when to try again."""

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from imagemill.adapters.web.faults import FetchError, WebCode
from tests.support.scripted_web import HEAD_200, IMAGE, fault_of, response, then_close, then_reset


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(then_close(b""), WebCode.CONNECT_FAILED, id="closed without a word"),
        pytest.param(then_reset(b""), WebCode.CONNECT_FAILED, id="reset before the response"),
        pytest.param(then_close(b"SSH-2.0-OpenSSH\r\n"), WebCode.CONNECT_FAILED, id="another protocol"),
        pytest.param(then_close(b"HTTP/1.1 xyz\r\n\r\n"), WebCode.CONNECT_FAILED, id="no status"),
        pytest.param(then_close(HEAD_200 + b"A: b\r\n" * 300), WebCode.CONNECT_FAILED, id="too many fields"),
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
