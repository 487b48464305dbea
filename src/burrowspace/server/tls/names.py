"""By which names and addresses this machine may be called, for a certificate of its own."""

import contextlib
import ipaddress
import socket
from pathlib import Path

import ifaddr

from burrowspace.core.hosts import Address, is_dns_name

_MOST = 64  # addresses in a certificate
_DOMAINS = 6  # that are searched; resolv.conf(5) had this bound for long


def own_names() -> list[str]:
    """`localhost`, the host's name, and the host's name in `.local`."""
    host = socket.gethostname().lower().rstrip(".")
    short = host.partition(".")[0]
    return [name for name in dict.fromkeys(("localhost", host, short, f"{short}.local")) if is_dns_name(name)]


def network_names(resolver: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The host's name in the domains that its network gave it, such as nas.fritz.box. `resolver`: see resolv.conf(5).

    Routers answer for these names, so people type them. Systems without that file get none.
    """
    short = socket.gethostname().lower().partition(".")[0]
    domains: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in resolver.read_text(encoding="ascii").splitlines():
            word, *rest = line.lower().split()[: 1 + _DOMAINS] or [""]
            if word in ("search", "domain"):
                domains = rest  # the last such line counts
    return [name for each in domains if is_dns_name(name := f"{short}.{each.rstrip('.')}")]


def own_addresses() -> list[Address]:
    """Of every interface, loopback included; without those that need a zone. Sorted, so that two looks agree."""
    found: set[Address] = {ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")}
    with contextlib.suppress(OSError):  # a hardened unit may not ask (AF_NETLINK)
        for adapter in ifaddr.get_adapters():
            found.update(
                ipaddress.ip_address(each.ip if isinstance(each.ip, str) else each.ip[0]) for each in adapter.ips
            )
    usable = (each for each in found if not (each.version == 6 and each.is_link_local) and not each.is_unspecified)
    return sorted(usable, key=lambda each: (each.version, int(each)))[:_MOST]
