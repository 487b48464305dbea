"""Which network an address is of, how addresses are counted, and which ones no router of the internet carries.

Whether an address is truly the caller's own is not decided here: server/callers.py, server/nearness.py. Spec:
docs/spec/nearby.md, docs/spec/lan.md.
"""

import ipaddress
from functools import lru_cache

UNREADABLE = "unreadable"  # stands for the address of every caller who cannot be told from others
OWN = "own"  # the server's own network, whichever of its addresses a device has
_LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # RFC 3927, link-local
        "127.0.0.0/8",
        "fc00::/7",  # RFC 4193, unique local
        "fe80::/10",  # RFC 4291, link-local
        "::1/128",
    )
)


def network_of(address: str) -> str | None:
    """`OWN` for an address that reaches only within a local network: who has one came from the server's. Else the IPv4
    address, behind which one household or office stands, or the /64 of an IPv6 one. None for what is no address.

    >>> network_of("192.168.1.7") == network_of("fd00::7") == network_of("::ffff:10.0.0.1") == network_of("::1") == OWN
    True
    >>> network_of("203.0.113.7"), network_of("2001:db8::1:2:3:4"), network_of("unix")
    ('203.0.113.7', '2001:db8::/64', None)
    """
    known = _parsed(address)
    if known is None:
        return None
    if is_near(address):
        return OWN
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(known), 64), strict=False))
    return str(known)


@lru_cache(4096)
def counted(address: str) -> str | None:
    """The name under which an address is counted: itself, or its /64 for IPv6, since one household has that many.

    None for loopback, which has no bounds. `UNREADABLE`, and anything else that is no address, counts as one caller.

    >>> counted("203.0.113.7"), counted("2001:db8::1:2:3:4"), counted("::ffff:203.0.113.7"), counted("fe80::1%eth0")
    ('203.0.113.7', '2001:db8::/64', '203.0.113.7', 'fe80::/64')
    >>> counted("127.0.0.1"), counted("::1"), counted("::ffff:127.0.0.1"), counted(UNREADABLE), counted("?")
    (None, None, None, 'unreadable', 'unreadable')
    """
    known = _parsed(address.partition("%")[0])
    if known is None:
        return UNREADABLE
    if known.is_loopback:
        return None
    return str(_block(known, 32))


@lru_cache(4096)
def neighbourhood(address: str) -> str | None:
    """The network that an address shares with its next neighbours: the /24 of IPv4, the /64 of IPv6. One device may
    move about in it. None for what is no address; loopback has a network too.

    >>> neighbourhood("203.0.113.7"), neighbourhood("2001:db8::1:2:3:4"), neighbourhood(UNREADABLE)
    ('203.0.113.0/24', '2001:db8::/64', None)
    """
    known = _parsed(address.partition("%")[0])
    return None if known is None else str(_block(known, 24))


def _block(known: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int) -> object:
    """The network of so many bits that an IPv4 address is in, or the /64 of an IPv6 address."""
    if isinstance(known, ipaddress.IPv4Address) and bits == known.max_prefixlen:
        return known
    return ipaddress.ip_network((known, bits if known.version == 4 else 64), strict=False)


def is_near(address: str) -> bool:
    """Whether a literal address is one of this machine or of a local network: loopback, link-local, private (RFC 1918,
    RFC 4193).

    >>> is_near("192.168.1.7"), is_near("::ffff:10.0.0.1"), is_near("fe80::1%eth0"), is_near("203.0.113.5")
    (True, True, True, False)
    """
    known = _parsed(address)
    return known is not None and any(known in network for network in _LOCAL)


@lru_cache(4096)
def is_loopback(address: str) -> bool:
    """Whether it is this very machine's.

    >>> is_loopback("::ffff:127.0.0.1"), is_loopback("10.0.0.1")
    (True, False)
    """
    known = _parsed(address)
    return known is not None and known.is_loopback


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known
