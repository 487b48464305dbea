"""What a NAT does with our address, read from what STUN servers saw (RFC 4787, section 4.1; RFC 5780, section 4.3).

All answers belong to one local socket. Pure; the questions are asked by doctor/outside.py.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.stun import Address


class Nat(StrEnum):
    """RFC 4787's mapping behaviour, as far as it can be told."""

    NONE = "none"  # a server saw an address of this machine
    INDEPENDENT = "endpoint-independent"  # every server saw the same: direct ways are likely
    DEPENDENT = "endpoint-dependent"  # each server saw another: "symmetric"
    UNKNOWN = "unknown"  # a NAT, but only one server answered
    SILENT = "silent"  # none did


class Seen(NamedTuple):
    """`server` saw our socket as `mapped`."""

    server: Address
    mapped: Address


class Mapping(NamedTuple):
    kind: Nat
    keeps_port: bool = False  # RFC 4787, section 4.2.1: what TCP punching needs


def mapping(seen: Sequence[Seen], own: Collection[str], port: int) -> Mapping:
    """The kind of NAT before the socket on `port` of a machine with the addresses `own`.

    A server within our own network sees the socket as it is and says nothing of the NAT beyond it, so that it counts
    only where no other answered.

    >>> near, far, other = (Address(host, 3478) for host in ("10.0.0.1", "192.0.2.1", "192.0.2.2"))
    >>> mapping([], ["10.0.0.7"], 4000).kind, mapping([Seen(near, Address("10.0.0.7", 4000))], ["10.0.0.7"], 4000).kind
    (<Nat.SILENT: 'silent'>, <Nat.NONE: 'none'>)
    >>> mapping([Seen(far, Address("198.51.100.1", 4000)), Seen(other, Address("198.51.100.1", 4000))], [], 4000)
    Mapping(kind=<Nat.INDEPENDENT: 'endpoint-independent'>, keeps_port=True)
    >>> mapping([Seen(far, Address("198.51.100.1", 61)), Seen(other, Address("198.51.100.1", 62))], [], 4000).kind
    <Nat.DEPENDENT: 'endpoint-dependent'>
    """
    if not seen:
        return Mapping(Nat.SILENT)
    beyond = [each for each in seen if each.mapped.host not in own]
    if not beyond:
        return Mapping(Nat.NONE, True)
    ports = {each.mapped.port for each in beyond}
    keeps = ports == {port}
    if len({each.server for each in beyond}) < 2:
        return Mapping(Nat.UNKNOWN, keeps)
    return Mapping(Nat.INDEPENDENT if len(ports) == 1 else Nat.DEPENDENT, keeps)
