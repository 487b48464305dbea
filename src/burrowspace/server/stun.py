"""STUN of our own on UDP: tells who asks by which address it is seen. The messages: core/stun.py (RFC 8489).

Two ports where both are free: a client that asks both from one port of its own learns whether its NAT gives it the same
address towards both (RFC 4787: endpoint-independent mapping), and so whether a direct way is likely. A port that is
taken is said and is no failure: the server then has no STUN of its own.
"""

import asyncio
import errno
import socket
import time
from dataclasses import dataclass

import structlog

from burrowspace.config import Settings
from burrowspace.core import stun
from burrowspace.core.networks import counted, is_loopback
from burrowspace.core.rates import Window
from burrowspace.faults import why
from burrowspace.server.reachability import Reachability

log = structlog.get_logger("stun")

WINDOW_S = 10.0
EACH, MOST = 200, 20_000  # answers to one address, and in all, in so long; the most that can wait to be sent


@dataclass(slots=True)
class Counts:
    """Datagrams since the start."""

    answered: int = 0  # with the address
    refused: int = 0  # with 420
    dropped: int = 0  # no Binding request
    limited: int = 0  # too many from one address, or in all


class Responder(asyncio.DatagramProtocol):
    """One UDP port. It keeps nothing of anybody but a count."""

    def __init__(self, window: Window, counts: Counts) -> None:
        self._window, self.counts = window, counts
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        asked = stun.parse(data)
        if asked is None or not addr[1] or self._transport is None:
            self.counts.dropped += 1
            return
        if not self._window.allows(counted(addr[0]) or addr[0], time.monotonic()):
            self.counts.limited += 1
            return
        if asked.unknown:
            self.counts.refused += 1
        else:
            self.counts.answered += 1
        self._transport.sendto(stun.answer(asked, stun.Address(addr[0], addr[1])), addr)

    def error_received(self, exc: Exception) -> None:
        """An ICMP message to an earlier answer: whoever asked has gone."""


class Stun:
    """Both ports; `reach` is told which of them are open."""

    def __init__(self, settings: Settings, reach: Reachability) -> None:
        self._settings, self._reach = settings, reach
        self.counts = Counts()
        self._window = Window(EACH, MOST, WINDOW_S)
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self) -> None:
        """Listens on what is free. Fails the start of nothing."""
        port = self._settings.stun_port
        if not port:
            return
        self._reach.stun_ports = ()
        try:
            await self._listen(port)
        except OSError as error:
            said = "it is in use" if error.errno == errno.EADDRINUSE else why(error)
            self._reach.stun_message = f"UDP port {port} is not to be had ({said}), so there is no STUN of our own"
            log.info("no STUN of our own; Google's or others of the settings are offered", port=port, why=said)
            return
        self._reach.stun_ports = (port,)
        try:
            await self._listen(port + 1)
        except OSError as error:
            log.info("the second port of STUN is not to be had", port=port + 1, why=why(error))
            return
        self._reach.stun_ports = (port, port + 1)

    async def _listen(self, port: int) -> None:
        host = self._settings.host
        if self._settings.stun_host is not None and is_loopback(host):
            host = "::" if ":" in host else "0.0.0.0"  # noqa: S104 - the proxy takes the TCP port, and UDP comes to us
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if listener.family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as the TCP port is
            listener.setblocking(False)
            listener.bind((host, port))
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Responder(self._window, self.counts), sock=listener
            )
        except BaseException:
            listener.close()
            raise
        self._transports.append(transport)

    async def close(self) -> None:
        """Answers nobody any more."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()
        self._reach.stun_ports = ()
        if self.counts.limited:
            log.info("STUN requests beyond the bounds were dropped", count=self.counts.limited)
