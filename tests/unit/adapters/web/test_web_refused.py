"""Every inner address, by every way to it, counted at a socket that any connection would reach (design B6)."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.faults import FetchError, WebCode
from imagemill.adapters.web.pinned_connections import DeadlineSocket
from imagemill.adapters.web.policy import WebPolicy
from tests.support.scripted_web import IMAGE, ScriptedOrigin, response
from tests.support.ways_inside import BLOCKED, GOOD, INNER, Names, by_literal, by_name, by_name_beside_a_good_address


@pytest.fixture
def everywhere(monkeypatch) -> Iterator[ScriptedOrigin]:
    """The one server of this world: whatever address a connection is made to, it ends there, and is counted."""
    connect = DeadlineSocket.connect
    with ScriptedOrigin(response(200, IMAGE, connection="close")) as origin:

        def divert(self: DeadlineSocket, sockaddr: Any) -> None:
            host = "::ffff:127.0.0.1" if self.family == socket.AF_INET6 else "127.0.0.1"
            connect(self, (host, origin.port))

        monkeypatch.setattr(DeadlineSocket, "connect", divert)
        yield origin


@pytest.fixture
def names() -> Names:
    return Names()


def fetched(urls: list[str], names: Names, *, allow_loopback: bool) -> list[WebCode | None]:
    """What became of each URL: its fault's code, or None for a body."""
    policy = WebPolicy(allow_loopback=allow_loopback, connect_timeout_seconds=2, total_timeout_seconds=5)
    client = WebClient(policy, names)
    codes: list[WebCode | None] = []
    for url in urls:
        try:
            client.fetch(url)
            codes.append(None)
        except FetchError as fault:
            codes.append(fault.code)
    client.close()
    return codes


def expected(cases: list[tuple[str, WebCode, str]], *, allow_loopback: bool) -> list[WebCode | None]:
    return [None if allow_loopback and kind == "loopback" else code for _, code, kind in cases]


WAYS = pytest.mark.parametrize("way", [by_literal, by_name, by_name_beside_a_good_address])


def test_the_one_server_would_see_any_connection(everywhere, names):
    """Without this, the tests below would prove nothing."""
    codes = fetched(["http://93.184.215.14/", "http://shop.example/"], names, allow_loopback=False)

    assert (codes, everywhere.connections) == ([None, None], 2)


@WAYS
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_inner_addresses_are_refused_and_never_connected_to(everywhere, names, way, scheme):
    cases = [(url.replace("http:", f"{scheme}:", 1), code, kind) for url, code, kind in way(names)]

    codes = fetched([url for url, *_ in cases], names, allow_loopback=False)

    assert dict(zip([url for url, *_ in cases], codes, strict=True)) == {url: code for url, code, _ in cases}
    assert everywhere.connections == 0


@WAYS
def test_the_local_stage_opens_loopback_and_nothing_else(everywhere, names, way):
    cases = way(names)

    codes = fetched([url for url, *_ in cases], names, allow_loopback=True)

    opened = sum(kind == "loopback" for *_, kind in cases)
    assert codes == expected(cases, allow_loopback=True)
    assert (opened > 0, everywhere.connections) == (True, opened)


@pytest.mark.parametrize("allow_loopback", [False, True], ids=["on AWS", "locally"])
def test_a_redirect_to_an_inner_address_is_never_followed(names, monkeypatch, allow_loopback):
    # The others are relative references, which stay on their origin, or cannot stand in a header field.
    absolute = [case for case in by_literal(names) + by_name(names) if re.match(r"[a-z]+://[^/\t\n][^\t\n]*$", case[0])]
    cases = [case for case in absolute if not (allow_loopback and case[2] == "loopback")]
    connect = DeadlineSocket.connect
    with ScriptedOrigin(*[response(302, location=url) for url, *_ in cases]) as origin:
        monkeypatch.setattr(DeadlineSocket, "connect", lambda self, _: connect(self, ("127.0.0.1", origin.port)))

        codes = fetched(["http://shop.example/"] * len(cases), names, allow_loopback=allow_loopback)

        assert codes == [code for _, code, _ in cases]
        # One connection, kept for all the redirects, and none beyond.
        assert (len(origin.requests), origin.connections) == (len(cases), 1)
        assert all(b"\r\nHost: shop.example\r\n" in request for request in origin.requests)


@pytest.mark.parametrize(("kind", "address"), INNER)
def test_a_name_that_turns_bad_between_check_and_connect_is_connected_where_it_was_checked(
    everywhere, names, kind, address
):
    rebinding = names.name([GOOD], [address])

    codes = fetched([f"http://{rebinding}/", f"http://{rebinding}/"], names, allow_loopback=False)

    assert (codes, everywhere.connections) == ([None, BLOCKED], 1)
