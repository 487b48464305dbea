"""Which addresses this host may be reached at, and which of those that a peer names are worth a connection.

A peer's candidates are hostile input: it can make us knock at any door we can reach. So they are bounded in number,
nothing is sent before the other side has proven itself (handshake.py), and some doors are never knocked at.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from pathlib import Path

CANDIDATES = 32  # of one peer
SYSTEM_PORTS = 1024  # below these no Listener of ours ever listens, and other people's services do
_IPV6_TABLE = Path("/proc/net/if_inet6")

Address = tuple[str, int]


def worth_trying(offered: Iterable[Address], own: Iterable[str]) -> list[Address]:
    """A peer's candidates, cleaned: the only door between them and our connect(). `own` are this host's addresses.

    Only literal addresses (no name is looked up for a peer), of one host, from port 1024 on, each once, at most 32.
    Loopback only where the peer also names an address of this very host (it then runs here) or this host has no other.

    >>> worth_trying([("10.1.1.7", 40000), ("10.1.1.7", 22), ("224.0.0.1", 40000), ("intranet", 40000)], ["10.1.1.8"])
    [('10.1.1.7', 40000)]
    >>> worth_trying([("127.0.0.1", 4000)], ["10.1.1.8"])
    []
    >>> worth_trying([("127.0.0.1", 4000), ("10.1.1.8", 4000)], ["10.1.1.8"])
    [('127.0.0.1', 4000), ('10.1.1.8', 4000)]
    """
    offered = list(offered)[:CANDIDATES]
    own = set(own)
    here = not own or not own.isdisjoint(host for host, _ in offered)
    found: dict[Address, None] = {}
    for host, port in offered:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address.is_multicast or address.is_unspecified or (address.is_reserved and address.version == 4):
            continue
        if address.is_loopback and not here:
            continue
        if SYSTEM_PORTS <= port <= 65535:
            found[str(address), port] = None
    return list(found)


def own_addresses() -> list[str]:
    """This host's addresses without loopback and without IPv6 link-local ones (they need a zone to mean anything).

    The addresses that the system would speak from to the outside come first, then those of its interfaces. Nothing is
    sent, and no name is looked up: a name service may not answer.
    """
    found: dict[str, None] = {}
    for family, outside in ((socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((outside, 9))  # UDP: only a route is looked up
            found[probe.getsockname()[0]] = None
    found |= dict.fromkeys(_of_linux() or _of_adapters())
    return [each for each in found if _reachable(each)][:CANDIDATES]


def _reachable(host: str) -> bool:
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        return not (
            address.is_loopback
            or address.is_unspecified
            or address.is_multicast
            or (address.version == 6 and address.is_link_local)
        )
    return False


def _of_adapters() -> list[str]:
    import ifaddr  # takes as long as half a transfer to import

    with contextlib.suppress(OSError):
        return [str(each.ip if each.is_IPv4 else each.ip[0]) for one in ifaddr.get_adapters() for each in one.ips]
    return []


def _of_linux() -> list[str]:
    """What Linux says of each interface; nothing elsewhere."""
    found: list[str] = []
    with contextlib.suppress(OSError, ImportError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        import fcntl

        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                # SIOCGIFADDR: struct ifreq, the address after 16 bytes of name, 2 of family and 2 of port
                answer = fcntl.ioctl(probe.fileno(), 0x8915, name.encode()[:15].ljust(40, b"\0"))
                found.append(socket.inet_ntoa(answer[20:24]))
    with contextlib.suppress(OSError):
        for row in _IPV6_TABLE.read_text().splitlines():
            found.append(str(ipaddress.IPv6Address(bytes.fromhex(row.split()[0]))))
    return found
