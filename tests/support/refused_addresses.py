"""Addresses that lead inside, or nowhere, by what they are."""

#: First, last or a well-known address of everything that leads inside, or nowhere.
REFUSED = {
    "this network": ["0.0.0.0", "0.255.255.255"],
    "private 10": ["10.0.0.0", "10.255.255.255"],
    "carrier-grade NAT": ["100.64.0.0", "100.127.255.255", "100.100.100.200"],
    "loopback": ["127.0.0.1", "127.255.255.255", "::1"],
    "link-local": ["169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255"],
    "private 172.16": ["172.16.0.0", "172.31.255.255"],
    "protocol assignments": ["192.0.0.0", "192.0.0.192", "192.0.0.255"],
    "documentation": ["192.0.2.0", "198.51.100.255", "203.0.113.7", "2001:db8::1", "3fff::1"],
    "6to4 relay": ["192.88.99.1"],
    "private 192.168": ["192.168.0.0", "192.168.255.255"],
    "benchmarking": ["198.18.0.0", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff00::", "ffff::1"],
    "reserved": ["240.0.0.0", "255.255.255.254", "255.255.255.255"],
    "unspecified": ["::"],
    "unique-local": ["fc00::1", "fdff::1", "fd00:ec2::254"],
    "link-local IPv6": ["fe80::1", "febf::1", "fe80::1%eth0"],
    "site-local": ["fec0::1", "feff::1"],
    "discard": ["100::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.215.14"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:5db8:d70e::1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "ISATAP": ["2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:93.184.215.14"],
    "segment routing": ["5f00::1"],
    "no address": ["", "shop.example", "127.1", "0x7f000001", "2130706433", "1.2.3.4/32"],
}
REFUSED_ALSO_LOCALLY = [address for kind, addresses in REFUSED.items() if kind != "loopback" for address in addresses]
