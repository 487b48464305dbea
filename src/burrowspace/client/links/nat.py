"""What STUN servers see of this machine: all asked from one UDP socket, so that the kind of NAT shows (core/nat.py).

`burrow doctor` says it. Towards two ports of one host a NAT that maps by address looks like one that does not map by
destination at all; a server on another host tells them apart. RFC 8489, RFC 5780 section 4.3. `first` is for a
WebRTC library that asks one server alone, and would wait for a silent one.
"""

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import Collection, Sequence
from typing import NamedTuple

from burrowspace.core import stun
from burrowspace.core.ice import is_stun_uri, is_turn_uri
from burrowspace.core.nat import Mapping, Seen, mapping
from burrowspace.core.stun import Address

AGAIN = (0.0, 0.4, 1.0)  # s at which a question is sent; RFC 8489 waits longer than a person would
SECONDS = 2.5
LOOKUP_S = 2.0
PORT, TLS_PORT = 3478, 5349
_URI = re.compile(r"(stun|turns?):(\[[0-9a-fA-F:.]+\]|[^:?]+)(?::([0-9]+))?(?:\?transport=(udp|tcp))?\Z")


class Uri(NamedTuple):
    scheme: str
    host: str
    port: int
    transport: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read(uri: str) -> Uri | None:
    """A STUN or TURN URI; None for what is none, and for `stuns:`, which nobody has.

    >>> read("stun:a"), read("turns:[::1]:1")
    (Uri(scheme='stun', host='a', port=3478, transport='udp'), Uri(scheme='turns', host='::1', port=1, transport='tcp'))
    """
    found = _URI.match(uri) if is_stun_uri(uri) or is_turn_uri(uri) else None
    if found is None:
        return None
    scheme, host, port, transport = found.groups()
    secure = scheme == "turns"
    return Uri(scheme, host.strip("[]"), int(port or (TLS_PORT if secure else PORT)), transport or _USUAL[secure])


_USUAL = {False: "udp", True: "tcp"}


class Looked(NamedTuple):
    """`nameless`: those whose name has no address here. IPv6 is asked only where no server has an address of IPv4."""

    mapping: Mapping
    seen: tuple[Seen, ...]
    silent: tuple[Uri, ...]
    nameless: tuple[Uri, ...]


async def look(uris: Sequence[Uri], own: Collection[str]) -> Looked:
    """Asks all from one socket, for SECONDS at most once their names are known. `own`: this machine's addresses."""
    known = dict(zip(uris, await asyncio.gather(*map(address, uris)), strict=True))
    by_server: dict[Address, Uri] = {}
    for uri, place in known.items():
        if place is not None:
            by_server.setdefault(place, uri)
    asked = [each for each in by_server if ":" not in each.host] or list(by_server)
    seen, port = await _ask(asked) if asked else ([], 0)
    answered = {each.server for each in seen}
    return Looked(
        mapping(seen, {*own, "127.0.0.1", "::1"}, port),
        tuple(seen),
        tuple(by_server[each] for each in asked if each not in answered),
        tuple(uri for uri, place in known.items() if place is None),
    )


async def first(uris: Sequence[Uri], seconds: float) -> Uri | None:
    """Who of these answers a Binding request first, by UDP; None where nobody does in so long. TURN servers do, too."""

    async def asked(uri: Uri) -> Uri | None:
        place = await address(uri)
        return uri if place is not None and (await _ask([place]))[0] else None

    tasks = [asyncio.ensure_future(asked(each)) for each in uris]
    try:
        for each in asyncio.as_completed(tasks, timeout=seconds):
            if (found := await each) is not None:
                return found
    except TimeoutError:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return None


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, asked: dict[bytes, Address]) -> None:
        self._asked = asked
        self.seen: dict[Address, Seen] = {}
        self.all = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        server = self._asked.get(data[8:20])
        if server is None or server != addr[:2]:
            return
        found = stun.mapped(data, data[8:20])
        if found is not None:
            self.seen[server] = Seen(server, found)
            if len(self.seen) == len(self._asked):
                self.all.set()

    def error_received(self, exc: Exception) -> None:
        """An ICMP message: that server is silent."""


async def _ask(servers: Sequence[Address]) -> tuple[list[Seen], int]:
    """Who answered within SECONDS, and the local port."""
    loop = asyncio.get_running_loop()
    asked = {secrets.token_bytes(12): each for each in servers}
    six = ":" in servers[0].host
    family, anywhere = (socket.AF_INET6, "::") if six else (socket.AF_INET, "0.0.0.0")  # noqa: S104 asks, and serves nobody
    try:
        transport, answers = await loop.create_datagram_endpoint(
            lambda: _Answers(asked), local_addr=(anywhere, 0), family=family
        )
    except OSError:
        return [], 0
    try:
        port = transport.get_extra_info("sockname")[1]
        began = loop.time()
        for at, until in zip(AGAIN, (*AGAIN[1:], SECONDS), strict=True):
            for number, server in asked.items():
                if server not in answers.seen:
                    transport.sendto(stun.request(number), tuple(server))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answers.all.wait(), max(until - (loop.time() - began), 0.01))
                break
            if at and len({each.server for each in answers.seen.values()}) > 1:
                break  # two are enough to judge by
        return list(answers.seen.values()), port
    finally:
        transport.close()


async def address(uri: Uri) -> Address | None:
    """Its first address, IPv4 before IPv6."""
    try:
        async with asyncio.timeout(LOOKUP_S):
            found = await asyncio.get_running_loop().getaddrinfo(uri.host, uri.port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return None
    ranked = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    return Address(str(ranked[0][4][0]), int(ranked[0][4][1])) if ranked else None
