"""Bodies that lie about their length, and bodies that grow without bound when decoded."""

import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest

from imagemill.adapters.web.bodies import EncodedBody
from imagemill.adapters.web.faults import WebCode
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

MEBIBYTE = 1024 * 1024


def gzip_of_zeros(mebibytes: int) -> bytes:
    return gzip.compress(bytes(mebibytes * MEBIBYTE), compresslevel=1)


def deflate_of_zeros(mebibytes: int) -> bytes:
    return zlib.compress(bytes(mebibytes * MEBIBYTE), 1)


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        pytest.param("gzip", gzip_of_zeros(100), id="gzip of 100 MiB"),
        pytest.param("deflate", deflate_of_zeros(100), id="deflate of 100 MiB"),
        pytest.param("gzip", gzip_of_zeros(20) * 50, id="50 gzip members, 1 GiB"),
        pytest.param("gzip, gzip", gzip.compress(gzip_of_zeros(100) * 100), id="gzip in gzip, 10 GiB"),
        pytest.param("deflate, gzip", gzip.compress(deflate_of_zeros(100)), id="deflate in gzip"),
        pytest.param("gzip, deflate, gzip", gzip.compress(zlib.compress(gzip_of_zeros(100))), id="three layers"),
    ],
)
def test_a_bomb_ends_at_the_cap_with_bounded_memory(serve_origin, web_client, encoding, bomb):
    origin = serve_origin(response(200, bomb, content_encoding=encoding))
    client = web_client(max_bytes=MEBIBYTE)
    tracemalloc.start()

    fault = fault_of(lambda: client.fetch(origin.url))

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault.code is WebCode.TOO_LARGE
    assert peak_bytes < 6 * MEBIBYTE


def test_a_bomb_that_yields_nothing_ends_at_the_total(serve_origin, web_client):
    # 60 MB of empty gzip members, in two more layers: 1 kB, read from the connection at once.
    mute = gzip.compress(gzip.compress(gzip.compress(b"") * 3_000_000, 1), 9)
    origin = serve_origin(response(200, mute, content_encoding="gzip, gzip, gzip"))

    fault, seconds = fault_and_seconds(lambda: web_client(total_timeout_seconds=0.5).fetch(origin.url))

    assert fault.code is WebCode.TIMEOUT
    assert seconds < 3


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br"])
def test_what_has_no_decoder_here_cannot_explode(serve_origin, web_client, encoding):
    origin = serve_origin(response(200, b"as it came", content_encoding=encoding))

    assert web_client().fetch(origin.url) == b"as it came"


@pytest.mark.parametrize("encoding", ["gzip, deflate", "GZIP ,Deflate", "identity, gzip, , deflate"])
def test_layers_are_taken_off_in_turn(serve_origin, web_client, encoding):
    origin = serve_origin(response(200, zlib.compress(gzip.compress(IMAGE)), content_encoding=encoding))

    assert web_client().fetch(origin.url) == IMAGE


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(zlib.compress(gzip.compress(IMAGE)[:-9]), WebCode.TRUNCATED_BODY, id="the inner one"),
        pytest.param(zlib.compress(gzip.compress(IMAGE))[:-9], WebCode.TRUNCATED_BODY, id="the outer one"),
    ],
)
def test_a_broken_layer_is_a_broken_body(serve_origin, web_client, body, code):
    origin = serve_origin(response(200, body, content_encoding="gzip, deflate"))

    assert fault_of(lambda: web_client().fetch(origin.url)).code is code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(HEAD_200 + b"Content-Length: 10\r\n\r\nabc", WebCode.TRUNCATED_BODY, id="more than comes"),
        pytest.param(HEAD_200 + b"Content-Length: %d\r\n\r\n" % 2**70, WebCode.TOO_LARGE, id="more than there is"),
        pytest.param(HEAD_200 + b"Content-Length: 3, 4\r\n\r\nabc", WebCode.CONNECT_FAILED, id="two"),
    ],
)
def test_a_length_that_is_a_lie_has_its_code(serve_origin, web_client, answer, code):
    origin = serve_origin(then_close(answer))

    assert fault_of(lambda: web_client(max_bytes=100_000).fetch(origin.url)).code is code


def test_a_length_over_the_cap_is_refused_before_the_body_is_read(serve_origin, web_client):
    origin = serve_origin(HEAD_200 + b"Content-Length: 100001\r\n\r\n")

    fault, seconds = fault_and_seconds(lambda: web_client(max_bytes=100_000).fetch(origin.url))

    assert fault.code is WebCode.TOO_LARGE
    assert seconds < 3


@pytest.mark.parametrize("length", ["-1", "12abc", "", "1e3"])
def test_a_length_that_is_none_leaves_the_end_to_the_connection(serve_origin, web_client, length):
    origin = serve_origin(then_close(HEAD_200 + f"Content-Length: {length}\r\n\r\n".encode() + IMAGE))

    assert web_client().fetch(origin.url) == IMAGE


def then_wait_and(more: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(response(200, b"first"))
        connection.settimeout(0.1)
        with suppress(TimeoutError):
            connection.recv(1)
        connection.sendall(more)
        connection.recv(1)

    return answer


@pytest.mark.parametrize(
    "first",
    [response(200, b"first") + response(200, b"smuggled"), then_wait_and(response(200, b"smuggled"))],
    ids=["in one piece", "later"],
)
def test_what_comes_behind_a_body_is_not_the_next_answer(serve_origin, web_client, first):
    origin = serve_origin(first, response(200, b"second"))
    client = web_client()
    bodies = [client.fetch(origin.url)]
    origin.stopped.wait(0.2)

    bodies.append(client.fetch(origin.url))

    assert bodies == [b"first", b"second"]


def test_chunks_win_over_a_length(serve_origin, web_client, caplog):
    origin = serve_origin(HEAD_200 + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")

    assert web_client().fetch(origin.url) == b"abcde"
    assert caplog.text == ""


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"ffffffffffffffffffff\r\nabc", id="a size beyond all"),
        pytest.param(b"5\r\nabc", id="more than comes"),
        pytest.param(b"3\r\nabcdef\r\n0\r\n\r\n", id="fewer than come"),
        pytest.param(b"1" * 100_000, id="a size of 100 kB"),
        pytest.param(b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n", id="an extension of 100 kB"),
    ],
)
def test_chunks_that_lie_are_a_broken_body(serve_origin, web_client, chunks):
    origin = serve_origin(then_reset(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))

    assert fault_of(lambda: web_client().fetch(origin.url)).code is WebCode.TRUNCATED_BODY


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "gzip, gzip"])
@pytest.mark.parametrize("picture", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a"], ids=["JPEG", "PNG", "GIF"])
def test_a_plain_picture_that_is_called_compressed_is_seen_through(serve_origin, web_client, coding, picture):
    origin = serve_origin(response(200, picture + IMAGE, content_encoding=coding))

    assert web_client().fetch(origin.url) == picture + IMAGE


def test_one_layer_of_two_that_were_announced_is_taken_off(serve_origin, web_client):
    origin = serve_origin(response(200, gzip.compress(IMAGE), content_encoding="gzip, gzip"))

    assert web_client().fetch(origin.url) == IMAGE


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_a_coding_that_nobody_asked_for_is_left_on_and_told(serve_origin, web_client, coding):
    origin = serve_origin(response(200, IMAGE, content_encoding=coding))

    body = web_client().fetch(origin.url)

    assert isinstance(body, EncodedBody)
    assert body == IMAGE


def test_a_referer_is_sent_where_the_stack_has_one(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))

    web_client(referer="https://shop.example/").fetch(origin.url)
    web_client().fetch(origin.url)

    assert [b"\r\nReferer: https://shop.example/\r\n" in request for request in origin.requests] == [True, False]
