"""By which names and addresses this machine may be called, for a certificate of its own."""

import contextlib
import fcntl
import ipaddress
import socket
from pathlib import Path

from burrowspace.core.hosts import Address, is_dns_name

_IPV6_TABLE = Path("/proc/self/net/if_inet6")  # a hardened unit sees no other
_MOST = 64  # addresses in a certificate


def own_names() -> list[str]:
    """`localhost`, the host's name, and the host's name in `.local`."""
    host = socket.gethostname().lower().rstrip(".")
    short = host.partition(".")[0]
    return [name for name in dict.fromkeys(("localhost", host, short, f"{short}.local")) if is_dns_name(name)]


def own_addresses() -> list[Address]:
    """Of every interface, loopback included; without those that need a zone. Sorted, so that two looks agree."""
    found: set[Address] = {ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                # SIOCGIFADDR: struct ifreq, the address after 16 bytes of name, 2 of family and 2 of port
                answer = fcntl.ioctl(probe.fileno(), 0x8915, name.encode()[:15].ljust(40, b"\0"))
                found.add(ipaddress.IPv4Address(answer[20:24]))
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1: chooses a route, sends nothing; where the call above is not
        found.add(ipaddress.IPv4Address(probe.getsockname()[0]))
    with contextlib.suppress(OSError):
        for row in _IPV6_TABLE.read_text().splitlines():
            found.add(ipaddress.IPv6Address(bytes.fromhex(row.split()[0])))
    usable = (each for each in found if not (each.version == 6 and each.is_link_local) and not each.is_unspecified)
    return sorted(usable, key=lambda each: (each.version, int(each)))[:_MOST]
