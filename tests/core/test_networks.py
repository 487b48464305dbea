"""Which network an address is of, and under which name it is counted."""

import doctest

import pytest

from burrowspace.core import networks
from burrowspace.core.networks import UNREADABLE, counted, is_near, neighbourhood, network_of


def test_the_doctests_hold() -> None:
    assert doctest.testmod(networks).failed == 0


def test_the_addresses_of_one_household_count_as_one() -> None:
    assert counted("2001:db8:0:7::1") == counted("2001:db8:0:7:ffff::9") != counted("2001:db8:0:8::1")
    assert counted("::ffff:192.0.2.1") == counted("192.0.2.1") != counted("::ffff:192.0.2.2")


@pytest.mark.parametrize("text", [UNREADABLE, "", "unknown", "203.0.113.999"])
def test_what_is_no_address_counts_as_one_caller_and_is_never_near(text: str) -> None:
    assert counted(text) == UNREADABLE
    assert not is_near(text)
    assert network_of(text) is None
    assert neighbourhood(text) is None
