"""The kind of NAT between this host and the outside, by asking several STUN ports from one socket (RFC 5780, 4.3).

`burrow doctor` says it. Towards two ports of one host a NAT that maps by address looks like one that does not map by
destination at all; ask a port of another host too to tell them apart.
"""

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from burrowspace.client.addresses import own_addresses
from burrowspace.core import stun
from burrowspace.core.ice import is_stun_uri

AGAIN_S = (0.5, 1.0, 1.5)  # to wait for answers after each sending (RFC 8489, 6.2.1)
PORT = 3478


class Mapping(StrEnum):
    NONE = "none"  # the outside sees this host by an address of its own
    INDEPENDENT = "independent"  # by the same one, whoever looks: direct ways are likely
    DEPENDENT = "dependent"  # by another one for each that looks: only a relay, or the other side's luck


@dataclass(frozen=True)
class Nat:
    """`mapping` is None where fewer than two answered: UDP is blocked, or nobody was there."""

    mapping: Mapping | None
    seen_as: tuple[stun.Address, ...]  # by each that answered, in the order asked


async def look(uris: Sequence[str]) -> Nat:
    """Asks the servers of these `stun:` URIs over IPv4, for 3 s at most once their names are known."""
    loop = asyncio.get_running_loop()
    asked: dict[bytes, tuple[str, int]] = {}
    for uri in uris:
        with contextlib.suppress(OSError):
            host, port = _where(uri)
            found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            asked[secrets.token_bytes(12)] = (str(found[0][4][0]), int(found[0][4][1]))
    if len(asked) < 2:
        return Nat(None, ())
    heard = _Heard(asked)
    transport, _ = await loop.create_datagram_endpoint(lambda: heard, local_addr=("0.0.0.0", 0))  # noqa: S104
    try:
        for wait_s in AGAIN_S:
            for transaction, where in asked.items():
                if transaction not in heard.answers:
                    transport.sendto(stun.request(transaction), where)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await heard.all.wait()
                    break
    finally:
        transport.close()
    seen = tuple(heard.answers[each] for each in asked if each in heard.answers)
    return Nat(kind(seen, {*own_addresses(), "127.0.0.1"}), seen)


def kind(seen: Sequence[stun.Address], own: set[str]) -> Mapping | None:
    """What the addresses mean by which one socket is seen.

    >>> one, two = stun.Address("203.0.113.7", 4000), stun.Address("203.0.113.7", 4001)
    >>> [kind(each, {"192.168.1.2"}) for each in ((one, one), (one, two), (one,))]
    [<Mapping.INDEPENDENT: 'independent'>, <Mapping.DEPENDENT: 'dependent'>, None]
    """
    if len(seen) < 2:
        return None
    if len(set(seen)) > 1:
        return Mapping.DEPENDENT
    return Mapping.NONE if seen[0].host in own else Mapping.INDEPENDENT


def _where(uri: str) -> tuple[str, int]:
    """Host and port of a STUN URI. OSError for one that cannot be asked over UDP and IPv4."""
    if not is_stun_uri(uri) or not uri.startswith("stun:") or "[" in uri:
        raise OSError("this is no STUN over UDP and IPv4")
    host, _, port = uri.removeprefix("stun:").partition(":")
    return host, int(port or PORT)


class _Heard(asyncio.DatagramProtocol):
    """Answers to what was asked, from whom it was asked; all else is noise."""

    def __init__(self, asked: dict[bytes, tuple[str, int]]) -> None:
        self._asked = asked
        self.answers: dict[bytes, stun.Address] = {}
        self.all = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        transaction = data[8:20]
        if self._asked.get(transaction) != addr[:2]:
            return
        address = stun.mapped(data, transaction)
        if address is not None and ipaddress.ip_address(address.host).version == 4:
            self.answers[transaction] = address
            if len(self.answers) == len(self._asked):
                self.all.set()
