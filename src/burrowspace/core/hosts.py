"""Names and addresses of hosts, as certificates and headers have them."""

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from typing import TypeAlias

from burrowspace.core.forwarded import authority_host
from burrowspace.core.networks import is_near

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

ONE = "send exactly one Host header, with the name or the address of this server"

_LABELS = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z")
_PORT = re.compile(r":[0-9]{1,5}\Z")
LOCAL = ("localhost", "local", "lan", "home", "internal", "home.arpa", "test", "invalid")  # RFC 6761, 6762, 8375


def is_dns_name(text: str) -> bool:
    """In small letters, fit for a certificate.

    >>> is_dns_name("drop.example.org"), is_dns_name("my_host"), is_dns_name("10.0.0.7"), is_dns_name("")
    (True, False, False, False)
    """
    return len(text) <= 253 and _LABELS.match(text) is not None and not text.rpartition(".")[2].isdigit()


def hosts(given: Iterable[str]) -> tuple[list[str], list[Address]]:
    """Names and addresses, told apart. ValueError: one is neither.

    >>> hosts(["Box.lan", "10.0.0.7", "[fd00::1]"])
    (['box.lan'], [IPv4Address('10.0.0.7'), IPv6Address('fd00::1')])
    """
    names: list[str] = []
    addresses: list[Address] = []
    for each in given:
        with contextlib.suppress(ValueError):
            addresses.append(ipaddress.ip_address(each.strip("[]")))
            continue
        if not is_dns_name(each.lower()):
            raise ValueError(f"{each!r} is neither a DNS name nor an IP address")
        names.append(each.lower())
    return names, addresses


def is_of_lan(authority: str | None) -> bool:
    """Whether a Host header names a server of the local network: by an address of one, or by a name that no name
    service of the internet knows.

    >>> [is_of_lan(each) for each in ("10.0.0.7:5000", "localhost", "box.lan", "203.0.113.5", "drop.example.org", None)]
    [True, True, True, False, False, False]
    """
    host = authority_host(authority)
    if host is None:
        return False
    address = host.strip("[]")
    return is_near(address) or (is_dns_name(host) and not is_real_name(host))


def is_real_name(host: str) -> bool:
    """Whether a Host header names something that can only be one server on the internet.

    >>> [is_real_name(host) for host in ("drop.example.org:5000", "box", "box.local", "10.0.0.7", "[fd00::1]:80")]
    [True, False, False, False, False]
    """
    name = _PORT.sub("", host).lower()
    return is_dns_name(name) and "." in name and not f".{name}".endswith(tuple(f".{each}" for each in LOCAL))
