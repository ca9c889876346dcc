"""What is fetched of an origin that behaves: status, redirects, encodings, memory."""

import gzip
import zlib
from contextlib import suppress

import pytest

from imagemill.adapters.web.faults import FetchError, WebCode
from tests.support.scripted_web import HEAD_200, IMAGE, fault_of, response, then_close

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


def test_a_body_of_exactly_the_cap_is_taken(serve_origin, web_client):
    origin = serve_origin(response(200, bytes(100_000)))

    assert len(web_client(max_bytes=100_000).fetch(origin.url)) == 100_000


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
