"""Which IP addresses may be called for a stranger: public unicast, and nothing that leads inside.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890). `ipaddress.is_global` is not
used: its answers differ between Python 3.11 and 3.14, and it lets pass addresses that embed another one.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

#: All IPv6 unicast that IANA hands out. What lies outside has no public host: unspecified, loopback,
#: IPv4-mapped and -compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard, unique-local, link-local,
#: site-local, multicast.
PUBLIC_IPV6 = IPv6Network("2000::/3")

NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback (RFC 1122)
        "169.254.0.0/16",  # link-local, and the metadata service of clouds (RFC 3927)
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarking (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved, with the broadcast address (RFC 1112, RFC 919)
    )
)
NOT_PUBLIC_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, with Teredo, benchmarking and ORCHID (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address in disguise (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)

LOOPBACK_IPV4 = IPv4Network("127.0.0.0/8")
LOOPBACK_IPV6 = IPv6Address("::1")

#: Upper half of an ISATAP interface identifier, `::0:5efe:a.b.c.d`, without the universal bit that may be set
#: in it (RFC 5214 section 6.1). It stands under any prefix and hides an IPv4 address.
ISATAP_IDENTIFIER = 0x0000_5EFE
UNIVERSAL_BIT = 0x0200_0000


def may_be_called(address: str, *, allow_loopback: bool) -> bool:
    """Whether a resolved address may be connected to.

    `address` is numeric, as in a sockaddr; an IPv6 scope is ignored. Anything else may not be called.
    `allow_loopback` (stage `local` alone) opens 127.0.0.0/8 and ::1, and nothing more.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return (allow_loopback and parsed in LOOPBACK_IPV4) or _is_public_ipv4(parsed)
    unscoped = IPv6Address(int(parsed))
    return (allow_loopback and unscoped == LOOPBACK_IPV6) or _is_public_ipv6(unscoped)


def literal_address(host: str) -> str | None:
    """The numeric address that a host spells, also as inet_aton(3) reads it: `0x7f.1`, `2130706433`. None for a name.

    host: as `Origin` has it, an IPv6 address without brackets.
    """
    if ":" in host:
        return host
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return None


def _is_public_ipv4(address: IPv4Address) -> bool:
    return not any(address in network for network in NOT_PUBLIC_IPV4)


def _is_public_ipv6(address: IPv6Address) -> bool:
    return (
        address in PUBLIC_IPV6
        and not any(address in network for network in NOT_PUBLIC_IPV6)
        and not _is_isatap(address)
    )


def _is_isatap(address: IPv6Address) -> bool:
    upper_identifier = int(address) >> 32 & 0xFFFF_FFFF
    return upper_identifier & ~UNIVERSAL_BIT == ISATAP_IDENTIFIER
