"""What strangers announce on the local network is read within bounds, and only local addresses are taken from it."""

import doctest
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.client.session import outgoing
from burrowspace.core import nearby, networks
from burrowspace.core.nearby import ADDRESSES, Announcement, believe, properties
from burrowspace.core.networks import is_near

SAID = Announcement("0123456789abcdef", 5000, ("10.0.0.7", "fd00::7"), secure=True, brief=True)


def text(**changed: str | None) -> dict[bytes, bytes | None]:
    said = {**properties(SAID), **changed}
    return {name.encode(): None if value is None else value.encode() for name, value in said.items()}


def test_what_a_server_says_is_believed() -> None:
    assert believe(SAID.port, SAID.addresses, text()) == SAID


@pytest.mark.parametrize(
    "changed",
    [{"id": None}, {"id": ""}, {"id": "../../etc"}, {"id": "0" * 65}, {"id": "ÄÄÄÄÄÄÄÄ"}, {"v": "2"}, {"path": "/x"}],
)
def test_what_is_no_announcement_of_ours_is_not(changed: dict[str, str | None]) -> None:
    assert believe(SAID.port, SAID.addresses, text(**changed)) is None


@pytest.mark.parametrize("port", [None, 0, 65536, -1])
def test_what_has_no_port_is_not(port: int | None) -> None:
    assert believe(port, SAID.addresses, text()) is None


@given(at=st.ip_addresses())
def test_an_address_is_near_only_if_no_router_of_the_internet_would_carry_it(
    at: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mapped = at.ipv4_mapped if isinstance(at, ipaddress.IPv6Address) else None
    assert not is_near(str(at)) or not (mapped or at).is_global


@given(offered=st.lists(st.ip_addresses().map(str) | st.text(max_size=40), max_size=40))
def test_no_more_than_a_few_and_only_near_addresses_are_tried(offered: list[str]) -> None:
    found = believe(5000, ["192.168.0.9", *offered], text())
    assert found is not None
    assert len(found.addresses) <= ADDRESSES
    assert all(map(is_near, found.addresses))


def test_the_doctests_hold() -> None:
    assert doctest.testmod(nearby).failed == 0
    assert doctest.testmod(networks).failed == 0
    assert doctest.testmod(outgoing).failed == 0
