"""Who called, where proxies stand between: X-Forwarded-For and Forwarded (RFC 7239), read from the right.

Each proxy writes down, behind what it was given, the address that its own connection came from. So the rightmost entry
is true when our own connection comes from a proxy that we trust, the next one when that entry is a trusted proxy too,
and so on: the first address that is no trusted proxy is the caller, and what stands left of it is the caller's own
invention. Nothing is believed of a caller who is no trusted proxy. Where the headers do not say one thing clearly, the
caller is `UNREADABLE`: all such callers are counted as one, and none of them is near. Pure; whom to trust comes in.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from burrowspace.core.networks import UNREADABLE

_OTHERS = (
    b"x-forwarded-host",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"via",
    b"cf-connecting-ip",
    b"true-client-ip",
)
SIGNS = frozenset((b"forwarded", b"x-forwarded-for", *_OTHERS))  # who sends one passes on somebody else's request
TEXT_MOST = 4096  # characters of all headers of one kind; longer is not read
HOPS = 32  # entries that are read, from the right

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NAMED_PORT = re.compile(r"(.*):([0-9]{1,5}|_[A-Za-z0-9._-]{1,64})\Z", re.S)
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?\Z")

Trusted = Callable[[str], bool]
Pairs = Iterable[tuple[bytes, bytes]]


class Caller(NamedTuple):
    """Who called, and what was asked for by what name."""

    address: str  # of the caller, or UNREADABLE; never what a stranger made up
    host: str | None  # the Host that the caller used, where a trusted proxy says so; else None


def caller(peer: str, headers: Pairs, trusted: Trusted) -> Caller:
    """The caller behind a connection from `peer`. Header names are in small letters.

    Both headers have to agree: a proxy that writes one of them passes on a stranger's other one. Where they disagree or
    cannot be read, nothing in them is believed. Without either of them the proxy itself has called.

    >>> ours = lambda address: address.startswith("10.")
    >>> caller("10.0.0.1", [(b"x-forwarded-for", b"1.2.3.4, 203.0.113.7, 10.0.0.9")], ours).address
    '203.0.113.7'
    >>> caller("10.0.0.1", [(b"forwarded", b'for="[2001:db8::1]:4711";host=a.example')], ours)
    Caller(address='2001:db8::1', host='a.example')
    >>> caller("10.0.0.1", [(b"forwarded", b"for=1.2.3.4"), (b"x-forwarded-for", b"203.0.113.7")], ours).address
    'unreadable'
    >>> caller("203.0.113.7", [(b"x-forwarded-for", b"1.2.3.4")], ours).address
    '203.0.113.7'
    """
    near = plain(peer) or peer
    if not trusted(near):
        return Caller(near, None)
    found: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in (b"x-forwarded-for", b"x-forwarded-host", b"forwarded"):
            found.setdefault(name, []).append(value.decode("latin-1"))
    lists, host = [], None
    if b"forwarded" in found:
        hops = parse_forwarded(", ".join(found[b"forwarded"]))
        lists.append([hop.get("for", "") for hop in hops])
        host = _authority(hops[-1].get("host", "") if hops else "")
    if b"x-forwarded-for" in found:
        lists.append(parse_list(", ".join(found[b"x-forwarded-for"])))
    if b"x-forwarded-host" in found:
        said = parse_list(", ".join(found[b"x-forwarded-host"]))
        host = _authority(said[-1] if said else "")
    if not lists:
        return Caller(near, host)
    ends = {_walk(entries, trusted) for entries in lists}
    return Caller(UNREADABLE, None) if len(ends) > 1 or UNREADABLE in ends else Caller(ends.pop(), host)


def _walk(entries: list[str], trusted: Trusted) -> str:
    """From the right to the first address that is not trusted; the leftmost where all of them are."""
    address = None
    for entry in reversed(entries[-HOPS:]):
        address = node(entry)
        if address is None or not trusted(address):
            return address or UNREADABLE
    return address if address is not None and len(entries) <= HOPS else UNREADABLE


def node(text: str) -> str | None:
    """The address in an entry (RFC 7239, section 6), which may have a port; None for a name, `unknown`, and for an
    address that nobody out there has. Loopback has no bounds, so it must never come from a header.

    >>> node("192.0.2.43:47011"), node("[2001:db8::17]:80"), node("2001:DB8::17"), node("_hidden"), node("127.0.0.1")
    ('192.0.2.43', '2001:db8::17', '2001:db8::17', None, None)
    """
    text = text.strip()
    if text.startswith("["):
        inner, closed, rest = text[1:].partition("]")
        if not closed or (rest and not _NAMED_PORT.match(rest)) or ":" not in inner:
            return None
        text = inner
    elif text.count(":") == 1:
        with_port = _NAMED_PORT.match(text)
        if with_port is None:
            return None
        text = with_port[1]
    found = plain(text)
    if found is None:
        return None
    known = ipaddress.ip_address(found)
    return None if known.is_loopback or known.is_unspecified or known.is_multicast else found


def plain(text: str) -> str | None:
    """An address as it is written once and for all; one of IPv4 within IPv6 is one of IPv4. None for what is none.

    >>> plain("::ffff:192.0.2.1"), plain("2001:DB8:0::1"), plain("fe80::1%eth0"), plain("example.org")
    ('192.0.2.1', '2001:db8::1', None, None)
    """
    if len(text) > 45 or "%" in text:
        return None
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return str(known)


def parse_list(text: str) -> list[str]:
    """The entries of X-Forwarded-For or -Host; none of a text that is too long.

    >>> parse_list("a, b,,c")
    ['a', 'b', '', 'c']
    """
    return [] if len(text) > TEXT_MOST else [entry.strip() for entry in text.split(",")]


def parse_forwarded(text: str) -> list[dict[str, str]]:
    """The elements of Forwarded (RFC 7239, section 4), parameter names in small letters; none of a text that is
    malformed anywhere, or too long.

    >>> parse_forwarded('for=192.0.2.43;Proto=https, for="[2001:db8::1]:4711"')
    [{'for': '192.0.2.43', 'proto': 'https'}, {'for': '[2001:db8::1]:4711'}]
    >>> parse_forwarded('for="open, for=192.0.2.1')
    []
    """
    if len(text) > TEXT_MOST:
        return []
    elements: list[dict[str, str]] = [{}]
    at = 0
    while True:
        name, sign, _ = text[at:].partition("=")
        if not sign or not name.strip().isascii() or not name.strip().isalnum():
            return []
        at += len(name) + 1
        quoted = _QUOTED.match(text, at)
        if quoted is not None:
            value, at = re.sub(r"\\(.)", r"\1", quoted[1]), quoted.end()
        else:
            end = next((each for each in range(at, len(text)) if text[each] in ';,"'), len(text))
            value, at = text[at:end].strip(), end
        if name.strip().lower() in elements[-1]:
            return []  # section 4: each parameter once
        elements[-1][name.strip().lower()] = value
        rest = text[at:].lstrip()
        at = len(text) - len(rest)
        if not rest:
            return elements
        if rest[0] not in ";,":
            return []
        if rest[0] == ",":
            elements.append({})
        at += 1


def authority_host(authority: str | None) -> str | None:
    """The host of a Host header, fit for a URI: a name, an address, an IPv6 address in brackets. None for what is none.

    >>> authority_host("Burrow.Example:5000"), authority_host("[::1]:80"), authority_host("a b"), authority_host(None)
    ('burrow.example', '[::1]', None, None)
    """
    if authority is None or not _AUTHORITY.match(authority):
        return None
    host = authority.lower()
    if host.startswith("["):
        host = host.partition("]")[0] + "]"
        return host if plain(host[1:-1]) is not None else None
    return host.partition(":")[0]


def _authority(text: str) -> str | None:
    return text if _AUTHORITY.match(text) else None
