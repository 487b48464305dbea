"""Which network an address is of, and which addresses no router of the internet carries: the one list of those.

Whether an address is truly the caller's own is not decided here: server/callers.py, server/nearness.py. Spec:
docs/spec/nearby.md, docs/spec/lan.md.
"""

import ipaddress

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


def is_near(address: str) -> bool:
    """Whether a literal address is one of this machine or of a local network: loopback, link-local, private (RFC 1918,
    RFC 4193).

    >>> is_near("192.168.1.7"), is_near("::ffff:10.0.0.1"), is_near("fe80::1%eth0"), is_near("203.0.113.5")
    (True, True, True, False)
    """
    known = _parsed(address)
    return known is not None and any(known in network for network in _LOCAL)


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
