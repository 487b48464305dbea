"""Who called, where proxies say so: the rightmost that is not trusted, whatever a stranger writes."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core import forwarded
from burrowspace.core.forwarded import caller, parse_forwarded
from burrowspace.core.networks import UNREADABLE

PROXY = "10.0.0.1"
REAL = "203.0.113.7"


def ours(address: str) -> bool:
    return address.startswith("10.")


def x(value: str) -> tuple[bytes, bytes]:
    return b"x-forwarded-for", value.encode("latin-1")


def f(value: str) -> tuple[bytes, bytes]:
    return b"forwarded", value.encode("latin-1")


def test_the_doctests_hold() -> None:
    assert doctest.testmod(forwarded).failed == 0


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([], PROXY),
        ([x(REAL)], REAL),
        ([x(f"1.2.3.4, {REAL}")], REAL),
        ([x("1.2.3.4"), x(REAL)], REAL),  # two headers are one
        ([x(f"1.2.3.4, {REAL}, 10.0.0.2,10.0.0.3")], REAL),
        ([x(f"{REAL}:4711")], REAL),
        ([x(f"::ffff:{REAL}")], REAL),
        ([x("2001:db8::7")], "2001:db8::7"),
        ([x("[2001:db8::7]:80")], "2001:db8::7"),
        ([x("10.0.0.5")], "10.0.0.5"),  # all of them are ours
        ([x("1.2.3.4, unknown")], UNREADABLE),
        ([x("1.2.3.4, unknown, 10.0.0.2")], UNREADABLE),
        ([x("127.0.0.1")], UNREADABLE),  # would be free of bounds
        ([x("::1, 10.0.0.2")], UNREADABLE),
        ([x("")], UNREADABLE),
        ([x(REAL + "," * 5000)], UNREADABLE),
        ([x(f"{REAL}, " + ", ".join(["10.0.0.2"] * 40))], UNREADABLE),  # more hops than are read
        ([x(f"{REAL}\n")], REAL),
        ([f(f"for={REAL}")], REAL),
        ([f(f'for=1.2.3.4, For="{REAL}:80";proto=https;by=10.0.0.1')], REAL),
        ([f('for="[2001:db8::7]"')], "2001:db8::7"),
        ([f(f"for={REAL};for=1.2.3.4")], UNREADABLE),  # twice is malformed
        ([f("for=_hidden")], UNREADABLE),
        ([f("proto=https")], UNREADABLE),
        ([x(REAL), f(f"for={REAL}")], REAL),
        ([x(REAL), f("for=1.2.3.4")], UNREADABLE),  # one of them is a stranger's
        ([x(REAL), f("for=")], UNREADABLE),
        ([f("for=1.2.3.4"), f(f"for={REAL}"), x(REAL)], REAL),
        ([x("1.2.3.4"), f(f'for="{REAL}')], UNREADABLE),
    ],
)
def test_the_rightmost_that_is_not_trusted_has_called(headers: list[tuple[bytes, bytes]], address: str) -> None:
    assert caller(PROXY, headers, ours).address == address
    assert caller("192.0.2.9", headers, ours).address == "192.0.2.9"


def test_the_host_is_the_one_that_the_nearest_proxy_says() -> None:
    assert caller(PROXY, [(b"x-forwarded-host", b"evil.example, a.example:8443")], ours).host == "a.example:8443"
    assert caller(PROXY, [f("for=1.2.3.4;host=evil.example, for=2.3.4.5;host=a.example")], ours).host == "a.example"
    assert caller(PROXY, [(b"x-forwarded-host", b"a b")], ours).host is None
    assert caller("192.0.2.9", [(b"x-forwarded-host", b"a.example")], ours).host is None
    assert caller(PROXY, [f("for=1.2.3.4;host=a.example"), x(REAL)], ours).host is None  # they disagree


texts = st.text(st.sampled_from('for="[]:;, \\x1.2a_%é\n\t'), max_size=120) | st.text(
    st.characters(codec="latin-1"), max_size=80
)


@settings(max_examples=400, derandomize=True)
@given(junk=texts, mode=st.sampled_from([x, f]))
def test_whatever_a_stranger_writes_he_is_known_by_what_the_proxy_wrote_behind_it(junk: str, mode) -> None:  # type: ignore[no-untyped-def]
    written = f"{junk}, {REAL}" if mode is x else f"{junk}, for={REAL}"
    assert caller(PROXY, [mode(written)], ours).address in ((REAL,) if mode is x else (REAL, UNREADABLE))
    assert caller(REAL, [mode(junk)], ours).address == REAL
    parse_forwarded(junk)
