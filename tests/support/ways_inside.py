"""Every way in which a URL may lead to an inner address."""

import socket
from collections.abc import Iterator, Sequence
from itertools import cycle

from imagemill.adapters.web.faults import WebCode
from imagemill.adapters.web.pinned_connections import AddressInfo
from tests.support.refused_addresses import REFUSED

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


def by_literal(_: Names) -> list[tuple[str, WebCode, str]]:
    return [(f"http://{address}/", BLOCKED, kind) for kind, address in LITERALS] + SPELLINGS


def by_name(names: Names) -> list[tuple[str, WebCode, str]]:
    return [(f"http://{names.name([address])}/", BLOCKED, kind) for kind, address in INNER]


def by_name_beside_a_good_address(names: Names) -> list[tuple[str, WebCode, str]]:
    mixed = [(kind, [GOOD, address]) for kind, address in INNER] + [(kind, [address, GOOD]) for kind, address in INNER]
    return [(f"http://{names.name(answer)}/", BLOCKED, kind) for kind, answer in mixed]
