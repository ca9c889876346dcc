"""Which addresses lead inside, and which may be called."""

import pytest

from imagemill.domain.addresses import may_be_called
from tests.support.refused_addresses import REFUSED, REFUSED_ALSO_LOCALLY

#: Neighbours of what is refused, and hosts that everyone knows.
PUBLIC = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
]
EACH_REFUSED = [
    pytest.param(address, id=f"{kind} {address}") for kind, addresses in REFUSED.items() for address in addresses
]


@pytest.mark.parametrize("address", EACH_REFUSED)
def test_what_leads_inside_may_not_be_called(address):
    assert not may_be_called(address, allow_loopback=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address):
    assert may_be_called(address, allow_loopback=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1"])
def test_the_local_stage_opens_loopback(address):
    assert may_be_called(address, allow_loopback=True)


@pytest.mark.parametrize("address", REFUSED_ALSO_LOCALLY)
def test_the_local_stage_opens_nothing_but_loopback(address):
    assert not may_be_called(address, allow_loopback=True)
