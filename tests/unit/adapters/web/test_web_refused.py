"""Every inner address, by every way to it, counted at a socket that any connection would reach (design B6)."""

import re
import socket
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import pytest

from imagemill.adapters.web.client import WebClient, WebPolicy
from imagemill.adapters.web.faults import FetchError, WebCode
from imagemill.adapters.web.pinned_connections import AddressInfo, DeadlineSocket
from tests.support.scripted_web import IMAGE, ScriptedOrigin, response
from tests.unit.adapters.web.test_addresses import REFUSED

GOOD = "93.184.215.14"
BLOCKED = WebCode.BLOCKED_ADDRESS
INVALID = WebCode.INVALID_URL

INNER = [(kind, address) for kind, addresses in REFUSED.items() if kind != "no address" for address in addresses]
#: The classes of which a URL can spell an address: an IPv6 zone has no place in one.
LITERALS = [(kind, f"[{address}]" if ":" in address else address) for kind, address in INNER if "%" not in address]

#: Spellings that are not in the tables: what they are, and what becomes of them.
SPELLINGS = [
    # IPv4 as inet_aton(3) reads it
    ("http://2130706433/", BLOCKED, "loopback"),
    ("http://0x7f000001/", BLOCKED, "loopback"),
    ("http://0X7F.1/", BLOCKED, "loopback"),
    ("http://0177.1/", BLOCKED, "loopback"),
    ("http://017700000001/", BLOCKED, "loopback"),
    ("http://127.1/", BLOCKED, "loopback"),
    ("http://127.0.1/", BLOCKED, "loopback"),
    ("http://127.000.000.001/", BLOCKED, "loopback"),
    ("http://2852039166/latest/meta-data/", BLOCKED, "link-local"),
    ("http://0xa9fea9fe/latest/meta-data/", BLOCKED, "link-local"),
    ("http://0251.0376.0251.0376/", BLOCKED, "link-local"),
    ("http://169.16689662/", BLOCKED, "link-local"),
    ("http://0/", BLOCKED, "this network"),
    ("http://10.1/", BLOCKED, "private 10"),
    # digits and letters that IDNA maps to ASCII, and stops that are dots
    ("http://①②⑦.⓪.⓪.①/", BLOCKED, "loopback"),
    ("http://１２７.０.０.１/", BLOCKED, "loopback"),
    ("http://127。0。0。1/", BLOCKED, "loopback"),
    ("http://127．0｡0．1/", BLOCKED, "loopback"),
    ("http://𝟏𝟔𝟗.𝟐𝟓𝟒.𝟏𝟔𝟗.𝟐𝟓𝟒/", BLOCKED, "link-local"),
    ("http://ⓛocalhost/", BLOCKED, "loopback"),
    ("http://ｌｏｃａｌｈｏｓｔ/", BLOCKED, "loopback"),
    ("http://lo\u00adcalhost/", BLOCKED, "loopback"),
    ("http://LOCALHOST/", BLOCKED, "loopback"),
    ("http://localhost./", BLOCKED, "loopback"),
    ("http://127.0.0.1./", BLOCKED, "loopback"),
    ("http://169.254.169.254./", BLOCKED, "link-local"),
    ("http://localhost../", INVALID, ""),
    # IPv6 spelled otherwise
    ("http://[0:0:0:0:0:0:0:1]/", BLOCKED, "loopback"),
    ("http://[0000::0001]/", BLOCKED, "loopback"),
    ("http://[::FFFF:7F00:1]/", BLOCKED, "IPv4-mapped"),
    ("http://[::ffff:0:10.0.0.1]/", BLOCKED, "IPv4-translated"),
    ("http://[fe80::1%25eth0]/", INVALID, ""),
    ("http://[fe80::1%eth0]/", INVALID, ""),
    # who is the host?
    ("http://shop.example@169.254.169.254/", INVALID, ""),
    ("http://shop.example:80@169.254.169.254/", INVALID, ""),
    ("http://@169.254.169.254/", INVALID, ""),
    ("http://169.254.169.254#@shop.example/", BLOCKED, "link-local"),
    ("http://169.254.169.254?@shop.example/", BLOCKED, "link-local"),
    ("http://169.254.169.254/@shop.example/", BLOCKED, "link-local"),
    ("http://169.254.169.254\\@shop.example/", INVALID, ""),
    ("http://shop.example\\@169.254.169.254/", INVALID, ""),
    ("http:\\\\169.254.169.254/", INVALID, ""),
    ("http:169.254.169.254/", INVALID, ""),
    ("http:///169.254.169.254/", INVALID, ""),
    ("//169.254.169.254/", INVALID, ""),
    ("http://169.254.169.254%2f@shop.example/", INVALID, ""),
    ("http://169%2e254%2e169%2e254/", INVALID, ""),
    ("http://169.254.169.254%00.shop.example/", INVALID, ""),
    ("http://169.254.169.254\t/", INVALID, ""),
    ("http://169.254.\n169.254/", INVALID, ""),
    ("ht\ttp://169.254.169.254/", INVALID, ""),
    ("http://169.254.169.254 .shop.example/", INVALID, ""),
    (" http://169.254.169.254/ ", BLOCKED, "link-local"),
    # the services of a Lambda's own machine
    ("http://127.0.0.1:9001/2018-06-01/runtime/invocation/next", BLOCKED, "loopback"),
    ("http://169.254.100.1:80/", BLOCKED, "link-local"),
    ("http://169.254.169.253/", BLOCKED, "link-local"),
    ("http://sandbox.localdomain:9001/2018-06-01/runtime/invocation/next", BLOCKED, "loopback"),
    # other schemes
    ("file:///etc/passwd", INVALID, ""),
    ("gopher://127.0.0.1:6379/_FLUSHALL", INVALID, ""),
    ("ftp://127.0.0.1/", INVALID, ""),
]
HOSTS = {
    "localhost": ["127.0.0.1", "::1"],
    "sandbox.localdomain": ["127.0.0.1"],
    "shop.example": [GOOD],
}


class Names:
    """A name server of the test's own, for the names that it is told; numbers are read as the system reads them."""

    def __init__(self) -> None:
        self.answers: dict[str, Iterator[list[str]]] = {host: cycle([found]) for host, found in HOSTS.items()}

    def name(self, *answers: list[str]) -> str:
        """A new name whose lookups have these answers, in turn."""
        name = f"name-{len(self.answers)}.example"
        self.answers[name] = cycle(answers)
        return name

    def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        if host not in self.answers:
            return socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
            )
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in next(self.answers[host])
        ]


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


def by_literal(_: Names) -> list[tuple[str, WebCode, str]]:
    return [(f"http://{address}/", BLOCKED, kind) for kind, address in LITERALS] + SPELLINGS


def by_name(names: Names) -> list[tuple[str, WebCode, str]]:
    return [(f"http://{names.name([address])}/", BLOCKED, kind) for kind, address in INNER]


def by_name_beside_a_good_address(names: Names) -> list[tuple[str, WebCode, str]]:
    mixed = [(kind, [GOOD, address]) for kind, address in INNER] + [(kind, [address, GOOD]) for kind, address in INNER]
    return [(f"http://{names.name(answer)}/", BLOCKED, kind) for kind, answer in mixed]


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
