import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event

import pytest

from imagemill.adapters.pinned_connections import AddressInfo
from imagemill.adapters.web import FetchFault, WebClient, WebPolicy
from imagemill.domain.codes import ImageCode
from tests.unit.scripted_origin import Echo, ScriptedOrigin, response, then_close, then_reset
from tests.unit.test_addresses import REFUSED

IMAGE = bytes(range(256)) * 40
HEAD_200 = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def serve():
    with ExitStack() as origins:
        yield lambda *answers, **options: origins.enter_context(ScriptedOrigin(*answers, **options))


@pytest.fixture
def web():
    """Clients of the local stage, impatient ones."""
    with ExitStack() as clients:

        def client(resolve=None, **policy):
            policy = {"allow_loopback": True, "connect_timeout_seconds": 1.0, "total_timeout_seconds": 5.0} | policy
            made = WebClient(WebPolicy(**policy), *([resolve] if resolve else []))
            clients.callback(made.close)
            return made

        yield client


class ScriptedResolver:
    """Answers its n-th lookup with the n-th list of (address, port), and all further ones with the last."""

    def __init__(self, *answers: list[tuple[str, int]]) -> None:
        self._answers = answers
        self.lookups = 0

    def __call__(self, host: str, port: int) -> list[AddressInfo]:
        self.lookups += 1
        return [
            (socket.AF_INET6 if ":" in sockaddr[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", sockaddr)
            for sockaddr in self._answers[min(self.lookups, len(self._answers)) - 1]
        ]


def fault_of(call: Callable[[], object]) -> FetchFault:
    with pytest.raises(FetchFault) as caught:
        call()
    return caught.value


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0/",
        "http://①②⑦.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST:443/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/latest/meta-data/",
        "https://10.0.0.1/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_inner_addresses_are_refused_however_they_are_spelled(url):
    client = WebClient(WebPolicy())

    fault = fault_of(lambda: client.fetch(url))

    client.close()
    assert fault.code is ImageCode.BLOCKED_ADDRESS


def test_loopback_is_never_connected_to_outside_the_local_stage(serve, web):
    origin = serve(response(200, IMAGE))
    client = web(ScriptedResolver([("127.0.0.1", origin.port)]), allow_loopback=False)

    fault = fault_of(lambda: client.fetch("http://shop.example/a.png"))

    assert (fault.code, origin.connections) == (ImageCode.BLOCKED_ADDRESS, 0)


@pytest.mark.parametrize("good_comes_first", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "loopback"])
def test_a_name_with_one_good_and_one_bad_address_is_refused(serve, web, kind, good_comes_first):
    origin = serve(response(200, IMAGE))
    for bad in REFUSED[kind]:
        addresses = [("127.0.0.1", origin.port), (bad, origin.port)]
        client = web(ScriptedResolver(addresses if good_comes_first else addresses[::-1]))

        fault = fault_of(lambda client=client: client.fetch("http://shop.example/a.png"))

        assert (bad, fault.code, origin.connections) == (bad, ImageCode.BLOCKED_ADDRESS, 0)


def test_the_address_that_was_checked_is_the_one_connected_to(serve, web):
    checked, rebound = serve(response(200, IMAGE)), serve(response(200, b"inside"))
    resolver = ScriptedResolver([("127.0.0.1", checked.port)], [("127.0.0.1", rebound.port)])

    body = web(resolver).fetch("http://shop.example/a.png")

    assert (body, resolver.lookups, rebound.connections) == (IMAGE, 1, 0)
    assert b"\r\nHost: shop.example\r\n" in checked.requests[0]


def test_a_name_that_turns_bad_is_refused_with_the_next_connection(serve, web):
    origin = serve(then_close(response(200, IMAGE, connection="close")))
    client = web(ScriptedResolver([("127.0.0.1", origin.port)], [("10.0.0.1", origin.port)]))
    client.fetch("http://shop.example/a.png")

    fault = fault_of(lambda: client.fetch("http://shop.example/a.png"))

    assert (fault.code, origin.connections) == (ImageCode.BLOCKED_ADDRESS, 1)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://10.0.0.1/", ImageCode.BLOCKED_ADDRESS),
        ("//169.254.169.254/latest/meta-data/", ImageCode.BLOCKED_ADDRESS),
        ("http://0x0a000001/", ImageCode.BLOCKED_ADDRESS),
        ("http://[::ffff:127.0.0.1]/", ImageCode.BLOCKED_ADDRESS),
        ("http://[fe80::1]/", ImageCode.BLOCKED_ADDRESS),
        ("http://user:secret@shop.example/", ImageCode.INVALID_URL),
        ("file:///etc/passwd", ImageCode.INVALID_URL),
        ("http://[", ImageCode.INVALID_URL),
    ],
)
def test_a_redirect_is_checked_as_the_first_url_was(serve, web, location, code):
    origin = serve(response(302, location=location))

    fault = fault_of(lambda: web().fetch(origin.url))

    assert (fault.code, origin.connections) == (code, 1)


@pytest.mark.parametrize("url", ["ftp://shop.example/a", "http://u:p@shop.example/", "a.png", "http://shop.example:x/"])
def test_what_is_no_web_url_is_not_looked_up(web, url):
    resolver = ScriptedResolver([])

    fault = fault_of(lambda: web(resolver).fetch(url))

    assert (fault.code, resolver.lookups) == (ImageCode.INVALID_URL, 0)


@pytest.mark.parametrize("port", [22, 8080, 6379])
def test_other_ports_are_refused_outside_the_local_stage(web, port):
    resolver = ScriptedResolver([("93.184.215.14", port)])
    client = web(resolver, allow_loopback=False)

    fault = fault_of(lambda: client.fetch(f"http://shop.example:{port}/"))

    assert (fault.code, resolver.lookups) == (ImageCode.BLOCKED_ADDRESS, 0)


def test_proxies_and_netrc_of_the_environment_are_not_used(serve, web, monkeypatch, tmp_path):
    origin, proxy = serve(response(200, IMAGE)), serve(response(200, b"proxied"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login shop password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    body = web().fetch(origin.url)

    assert (body, proxy.connections) == (IMAGE, 0)
    assert b"authorization" not in origin.requests[0].lower()


@pytest.mark.parametrize("failing", [socket.gaierror(socket.EAI_NONAME, "secret"), OSError(), UnicodeError()])
def test_a_name_that_cannot_be_resolved_is_a_dns_failure(web, failing):
    def resolve(host, port):
        raise failing

    assert fault_of(lambda: web(resolve).fetch("http://shop.example/")).code is ImageCode.DNS_FAILURE


def test_a_name_without_addresses_is_a_dns_failure(web):
    assert fault_of(lambda: web(ScriptedResolver([])).fetch("http://shop.example/")).code is ImageCode.DNS_FAILURE


def test_the_next_address_is_tried_when_one_refuses(serve, web):
    origin = serve(response(200, IMAGE))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]
    client = web(ScriptedResolver([("127.0.0.1", dead_port), ("127.0.0.1", origin.port)]))

    assert client.fetch("http://shop.example/") == IMAGE


def test_a_host_that_refuses_connections_is_a_connect_fault(web):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]

    assert fault_of(lambda: web().fetch(f"http://127.0.0.1:{dead_port}/")).code is ImageCode.CONNECT_FAILED


# What it asks and what it takes


def test_the_body_of_a_200_is_the_image(serve, web):
    origin = serve(response(200, IMAGE))

    assert web(user_agent="imagemill/1").fetch(f"{origin.url}/bild ü.png?größe=1#top") == IMAGE

    head = origin.requests[0].decode("ascii").split("\r\n")
    assert head[0] == "GET /bild%20%C3%BC.png?gr%C3%B6%C3%9Fe=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{origin.port}", "User-Agent: imagemill/1", "Accept-Encoding: identity"} <= set(head)


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 404, 410, 500, 503])
def test_any_other_status_is_a_fault_that_names_it(serve, web, status):
    origin = serve(response(status, location="/elsewhere"))

    fault = fault_of(lambda: web().fetch(origin.url))

    assert (fault.code, fault.http_status) == (ImageCode.HTTP_STATUS, status)


def test_a_redirect_to_nowhere_is_a_status_fault(serve, web):
    origin = serve(response(302))

    assert fault_of(lambda: web().fetch(origin.url)).http_status == 302


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_also_relative_ones(serve, web, status):
    origin = serve(response(status, location="../ü?w=1#top"), response(200, IMAGE))

    assert web().fetch(f"{origin.url}/a/b/c") == IMAGE
    assert origin.requests[1].startswith(b"GET /a/%C3%BC?w=1 HTTP/1.1\r\n")


def test_three_redirects_are_followed_and_a_fourth_is_not(serve, web):
    there = serve(*[response(302, location="/again")] * 3, response(200, IMAGE))
    too_far = serve(*[response(302, location="/again")] * 4, response(200, IMAGE))

    assert web().fetch(there.url) == IMAGE
    assert fault_of(lambda: web().fetch(too_far.url)).code is ImageCode.TOO_MANY_REDIRECTS
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
)
def test_encoded_bodies_are_decoded_though_none_was_asked_for(serve, web, encoding, encoded):
    origin = serve(response(200, encoded, content_encoding=encoding))

    assert web().fetch(origin.url) == IMAGE


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
def test_an_empty_body_is_no_fault_of_the_transfer(serve, web, encoding):
    origin = serve(response(200, b"", content_encoding=encoding))

    assert web().fetch(origin.url) == b""


def test_chunks_are_put_together(serve, web):
    origin = serve(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")

    assert web().fetch(origin.url) == b"abcde"


def test_a_body_without_length_ends_with_the_connection(serve, web):
    origin = serve(then_close(HEAD_200 + b"\r\n" + IMAGE))

    assert web().fetch(origin.url) == IMAGE


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(then_close(b""), ImageCode.CONNECT_FAILED, id="closed without a word"),
        pytest.param(then_reset(b""), ImageCode.CONNECT_FAILED, id="reset before the response"),
        pytest.param(then_close(b"SSH-2.0-OpenSSH\r\n"), ImageCode.CONNECT_FAILED, id="another protocol"),
        pytest.param(then_close(b"HTTP/1.1 xyz\r\n\r\n"), ImageCode.CONNECT_FAILED, id="no status"),
        pytest.param(then_close(HEAD_200 + b"A: b\r\n" * 200), ImageCode.CONNECT_FAILED, id="too many fields"),
        pytest.param(then_close(HEAD_200 + b"A: " + b"b" * 70_000), ImageCode.CONNECT_FAILED, id="endless field"),
        pytest.param(
            then_close(HEAD_200 + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc"),
            ImageCode.CONNECT_FAILED,
            id="two lengths",
        ),
        pytest.param(then_close(response(200, IMAGE)[:-1]), ImageCode.TRUNCATED_BODY, id="shorter than its length"),
        pytest.param(then_reset(response(200, IMAGE)[:-1]), ImageCode.TRUNCATED_BODY, id="reset in the body"),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
            ImageCode.TRUNCATED_BODY,
            id="chunk cut short",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
            ImageCode.TRUNCATED_BODY,
            id="last chunk missing",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"),
            ImageCode.TRUNCATED_BODY,
            id="chunk size is no number",
        ),
        pytest.param(
            then_close(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + IMAGE),
            ImageCode.TRUNCATED_BODY,
            id="chunk size below zero",
        ),
        pytest.param(
            response(200, IMAGE, content_encoding="gzip"), ImageCode.TRUNCATED_BODY, id="gzip that is none"
        ),
        pytest.param(
            response(200, gzip.compress(IMAGE)[:-20], content_encoding="gzip"),
            ImageCode.TRUNCATED_BODY,
            id="gzip cut short",
        ),
        pytest.param(
            response(200, gzip.compress(IMAGE), content_encoding=", ".join(["gzip"] * 9)),
            ImageCode.TRUNCATED_BODY,
            id="too many encodings",
        ),
        pytest.param(HEAD_200 + b"Content-Length: 99999999\r\n\r\n", ImageCode.TOO_LARGE, id="length over the cap"),
        pytest.param(
            HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n" + (b"5000\r\n" + bytes(0x5000) + b"\r\n") * 20,
            ImageCode.TOO_LARGE,
            id="chunks over the cap",
        ),
        pytest.param(
            HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + bytes(200_000),
            ImageCode.TOO_LARGE,
            id="chunk size below zero, without end",
        ),
        pytest.param(then_close(HEAD_200 + b"\r\n" + bytes(100_001)), ImageCode.TOO_LARGE, id="one byte over the cap"),
        pytest.param(
            response(200, gzip.compress(bytes(100_001)), content_encoding="gzip"),
            ImageCode.TOO_LARGE,
            id="over the cap when decoded",
        ),
    ],
)
def test_broken_answers_have_their_code(serve, web, answer, code):
    origin = serve(answer)

    fault = fault_of(lambda: web(max_bytes=100_000).fetch(origin.url))

    assert fault.code is code


def test_a_body_of_exactly_the_cap_is_taken(serve, web):
    origin = serve(response(200, bytes(100_000)))

    assert len(web(max_bytes=100_000).fetch(origin.url)) == 100_000


def test_a_gzip_bomb_ends_at_the_cap_with_bounded_memory(serve, web):
    member = gzip.compress(bytes(100 * 1024 * 1024), compresslevel=1)
    origin = serve(response(200, member, content_encoding="gzip"))
    client = web(max_bytes=1024 * 1024)
    tracemalloc.start()

    fault = fault_of(lambda: client.fetch(origin.url))

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault.code is ImageCode.TOO_LARGE
    assert peak_bytes < 6 * 1024 * 1024


# When to try again


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(serve, web, value, seconds):
    origin = serve(response(503, retry_after=value))

    fault = fault_of(lambda: web().fetch(origin.url))

    assert fault.retry_after == (None if seconds is None else pytest.approx(seconds, abs=15))


@pytest.mark.parametrize(
    ("fault", "is_transient"),
    [
        *[(FetchFault(ImageCode.HTTP_STATUS, status), True) for status in (408, 425, 429, 500, 502, 503, 504, 599)],
        *[(FetchFault(ImageCode.HTTP_STATUS, status), False) for status in (204, 206, 304, 400, 401, 403, 404, 410)],
        *[
            (FetchFault(code), True)
            for code in (
                ImageCode.DNS_FAILURE,
                ImageCode.CONNECT_FAILED,
                ImageCode.TIMEOUT,
                ImageCode.TRUNCATED_BODY,
            )
        ],
        *[
            (FetchFault(code), False)
            for code in (
                ImageCode.INVALID_URL,
                ImageCode.BLOCKED_ADDRESS,
                ImageCode.TLS_FAILURE,
                ImageCode.TOO_MANY_REDIRECTS,
                ImageCode.TOO_LARGE,
            )
        ],
    ],
    ids=str,
)
def test_faults_that_may_pass_are_transient(fault, is_transient):
    assert fault.is_transient is is_transient


def test_the_text_of_a_fault_tells_nothing_of_the_url_or_the_server(serve, web):
    origin = serve(b"HTTP/1.1 403 <script>evil\r\nContent-Length: 4\r\n\r\nevil")

    fault = fault_of(lambda: web().fetch(f"{origin.url}/a?token=secret"))

    assert str(fault) == "HTTP_STATUS 403"


# How long it takes


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
def test_an_answer_that_drips_ends_at_the_total(serve, web, head, piece):
    origin = serve(lambda connection: origin.drip(head, piece)(connection))
    started = time.monotonic()

    fault = fault_of(lambda: web(total_timeout_seconds=0.4).fetch(origin.url))

    assert (fault.code, time.monotonic() - started) == (ImageCode.TIMEOUT, pytest.approx(0.4, abs=0.25))


def test_silence_ends_at_the_time_the_caller_gives(serve, web):
    origin = serve(lambda connection: origin.wait(connection))
    started = time.monotonic()

    fault = fault_of(lambda: web().fetch(origin.url, timeout_seconds=0.3))

    assert (fault.code, time.monotonic() - started) == (ImageCode.TIMEOUT, pytest.approx(0.3, abs=0.25))


def test_the_caller_cannot_lengthen_the_total(serve, web):
    origin = serve(lambda connection: origin.wait(connection))
    started = time.monotonic()

    fault_of(lambda: web(total_timeout_seconds=0.3).fetch(origin.url, timeout_seconds=60))

    assert time.monotonic() - started < 2


def test_no_time_left_is_a_timeout_before_anything_is_sent(serve, web):
    origin = serve(response(200, IMAGE))

    fault = fault_of(lambda: web().fetch(origin.url, timeout_seconds=0))

    assert (fault.code, origin.connections) == (ImageCode.TIMEOUT, 0)


def test_redirects_share_one_total(serve, web):
    def slow_redirect(connection):
        origin.stopped.wait(0.25)
        connection.sendall(response(302, location="/again"))

    origin = serve(slow_redirect)
    started = time.monotonic()

    fault = fault_of(lambda: web(total_timeout_seconds=0.4).fetch(origin.url))

    assert (fault.code, time.monotonic() - started) == (ImageCode.TIMEOUT, pytest.approx(0.4, abs=0.25))


def test_a_lookup_that_hangs_ends_at_the_total(web):
    released = Event()

    def resolve(host, port):
        released.wait(10)
        return []

    fault = fault_of(lambda: web(resolve, total_timeout_seconds=0.2).fetch("http://shop.example/"))

    released.set()
    assert fault.code is ImageCode.TIMEOUT


def test_a_handshake_that_hangs_ends_at_the_connect_timeout(web):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = web(connect_timeout_seconds=0.3)
        started = time.monotonic()

        fault = fault_of(lambda: client.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/"))

    assert (fault.code, time.monotonic() - started) == (ImageCode.TIMEOUT, pytest.approx(0.3, abs=0.25))


def test_an_error_page_that_drips_does_not_hide_its_status(serve, web):
    origin = serve(lambda connection: origin.drip(b"HTTP/1.1 404 No\r\nContent-Length: 999\r\n\r\n", b"b")(connection))
    started = time.monotonic()

    fault = fault_of(lambda: web().fetch(origin.url))

    assert (fault.http_status, time.monotonic() - started) == (404, pytest.approx(1.0, abs=0.5))


# Connections


def test_two_fetches_from_one_host_share_a_connection(serve, web):
    origin = serve(response(200, IMAGE))
    client = web()

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
)
def test_a_connection_is_kept_after_any_whole_response(serve, web, first):
    origin = serve(first, response(200, IMAGE))
    client = web()
    try:
        client.fetch(origin.url)
    except FetchFault as fault:
        assert fault.http_status == 404

    assert client.fetch(origin.url) == IMAGE
    assert origin.connections == 1


@pytest.mark.parametrize(
    "first", [response(200, bytes(2000)), response(404, bytes(200_000)), response(200, b"x", connection="close")]
)
def test_a_connection_with_something_left_in_it_is_not_used_again(serve, web, first):
    origin = serve(first, response(200, b"right"))
    client = web(max_bytes=1000)
    try:
        client.fetch(origin.url)
    except FetchFault as fault:
        assert fault.code in {ImageCode.TOO_LARGE, ImageCode.HTTP_STATUS}

    assert client.fetch(origin.url) == b"right"
    assert origin.connections == 2


def test_a_kept_connection_that_the_server_closed_is_replaced(serve, web):
    origin = serve(response(200, b"first"), then_close(b""), response(200, b"second"))
    client = web()
    client.fetch(origin.url)

    assert client.fetch(origin.url) == b"second"
    assert origin.connections == 2


def test_a_new_connection_that_the_server_closes_is_a_fault(serve, web):
    origin = serve(then_close(b""), response(200, IMAGE))

    assert fault_of(lambda: web().fetch(origin.url)).code is ImageCode.CONNECT_FAILED


def test_one_host_never_sees_more_connections_than_the_policy_says(serve, web):
    def slow(connection):
        origin.stopped.wait(0.05)
        connection.sendall(response(200, IMAGE, connection="close"))
        origin.wait(connection)

    origin = serve(slow)
    client = web(per_host_connections=2)

    with ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda _: client.fetch(origin.url), range(8)))

    assert bodies == [IMAGE] * 8
    assert origin.most_at_once <= 3  # the server notices the end of one a moment after the next has come


def test_waiting_for_a_connection_counts_as_time(serve, web):
    origin = serve(lambda connection: origin.wait(connection))
    client = web(per_host_connections=1, total_timeout_seconds=0.4)

    with ThreadPoolExecutor(3) as threads:
        faults = list(threads.map(lambda _: fault_of(lambda: client.fetch(origin.url)), range(3)))

    assert [fault.code for fault in faults] == [ImageCode.TIMEOUT] * 3
    assert origin.connections == 1


def test_many_threads_get_each_their_own_body(serve, web):
    origin = serve(Echo(times=1000))
    client = web()

    with ThreadPoolExecutor(32) as threads:
        bodies = list(threads.map(lambda number: client.fetch(f"{origin.url}/{number}"), range(320)))

    assert bodies == [f"/{number}".encode() * 1000 for number in range(320)]
    assert origin.connections <= 8


def test_a_closed_client_keeps_no_connection(serve, web):
    origin = serve(response(200, IMAGE))
    client = web()
    client.fetch(origin.url)

    client.close()

    deadline = time.monotonic() + 5
    while origin.open_connections and time.monotonic() < deadline:
        origin.stopped.wait(0.01)
    assert origin.open_connections == 0


# Webhooks


def test_a_webhook_is_posted_as_given(serve, web):
    origin = serve(response(200, b"thanks"))

    answer = web().post(f"{origin.url}/hook?a=b", b'{"a":1}', {"webhook-id": "1"}, timeout_seconds=2)

    head, _, body = origin.requests[0].partition(b"\r\n\r\n")
    assert (answer.status, answer.retry_after, body) == (200, None, b'{"a":1}')
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"\r\nwebhook-id: 1" in head
    assert 0 <= answer.elapsed_ms < 2000


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 410, 429, 500])
def test_any_status_of_a_webhook_is_an_answer_and_no_redirect_is_followed(serve, web, status):
    origin = serve(response(status, b"x" if status != 204 else b"", location="/elsewhere", retry_after="7"))

    answer = web().post(origin.url, b"{}", {}, timeout_seconds=2)

    assert (answer.status, answer.retry_after, len(origin.requests)) == (status, 7, 1)


def test_an_endless_answer_of_a_webhook_is_left_soon(serve, web):
    def endless(connection):
        connection.sendall(HEAD_200 + b"\r\n")
        while True:
            connection.sendall(bytes(65_536))

    origin = serve(endless)
    started = time.monotonic()

    answer = web().post(origin.url, b"{}", {}, timeout_seconds=5)

    assert answer.status == 200
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1/hook", ImageCode.BLOCKED_ADDRESS),
        ("http://user:secret@127.0.0.1/hook", ImageCode.INVALID_URL),
        ("http://127.0.0.1:1/hook", ImageCode.CONNECT_FAILED),
    ],
)
def test_a_webhook_is_held_to_the_same_rules(web, url, code):
    assert fault_of(lambda: web().post(url, b"{}", {}, timeout_seconds=2)).code is code


def test_a_webhook_that_reads_nothing_ends_at_its_timeout(serve, web):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook"
        started = time.monotonic()

        fault = fault_of(lambda: web().post(url, bytes(32 * 1024 * 1024), {}, timeout_seconds=0.3))

    assert (fault.code, time.monotonic() - started) == (ImageCode.TIMEOUT, pytest.approx(0.3, abs=0.25))
