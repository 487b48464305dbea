"""Tells TLS from plain HTTP on one port: the first byte of a connection says which it is.

0x16 begins a TLS handshake (RFC 8446, 5.1), and behind it stands the front that every connection has. Anything else is
plain: a person who typed http://, who gets a way to https (plain.py); or, where this server has opened a tunnel whose
near end speaks plain http on loopback, that, and it goes to the front as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from burrowspace.core.networks import is_loopback
from burrowspace.server.callers import Callers
from burrowspace.server.tls.identity import Identity
from burrowspace.server.tls.plain import Plain

log = structlog.get_logger("tls")

HELLO_S = 10.0  # for the first byte, and then for the handshake
_HANDSHAKE = 0x16


class TlsSniffer(asyncio.Protocol):
    """One for each connection, until it has become something else. It stands among uvicorn's connections meanwhile."""

    def __init__(
        self,
        make_front: Callable[[], asyncio.Protocol],
        identity: Identity,
        connections: set[Any],
        addresses: Counter[str],
        most: int,
        callers: Callers,
        *,
        lets_loopback_in: bool,
    ) -> None:
        """`most`: connections from one address, counted in `addresses` as the front counts them."""
        self._make_front, self._identity = make_front, identity
        self._connections, self._addresses, self._most = connections, addresses, most
        self._callers, self._lets_loopback_in = callers, lets_loopback_in
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._address = ""
        self._counted: str | None = None
        self._early = b""  # deciphered before the front was there: what came in the handshake's last read
        self._gone = False
        self._left = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._counted = self._callers.counted(self._address)
        if self._counted is not None:
            self._addresses[self._counted] += 1
            if self._addresses[self._counted] > self._most:
                transport.abort()
                return
        self._timer = self._loop.call_later(HELLO_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._task is not None:
            self._early += data
        elif data[0] == _HANDSHAKE:
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._secure(data))
        else:
            near = self._lets_loopback_in and is_loopback(self._address)
            refused = self._callers.is_stranger(self._address)  # by the front, as over TLS
            plain = self._make_front() if near or refused else Plain(self._identity)
            self._step_aside(plain, self._transport, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        self._leave()

    def shutdown(self) -> None:
        """Called by uvicorn, like the `shutdown` of a connection."""
        self._transport.abort()

    async def _secure(self, hello: bytes) -> None:
        """The handshake, whose first bytes were read already."""
        upgrading = self._loop.create_task(
            self._loop.start_tls(
                self._transport, self, self._identity.context, server_side=True, ssl_handshake_timeout=HELLO_S
            )
        )
        # In one turn of the loop start_tls puts its protocol on the transport, in the next that is connected and only
        # then reading goes on: between the two is the place for what was read before.
        for _ in range(2):
            await asyncio.sleep(0)
        inside: Any = self._transport.get_protocol()  # an asyncio.BufferedProtocol in all but name under uvloop
        try:
            if inside is not self and not self._transport.is_closing():
                _feed(inside, hello)
            secure = await upgrading
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            log.debug("a TLS handshake failed", address=self._address, why=str(error)[:200])
            secure = None
        if secure is None or self._gone:
            self._leave()
            self._transport.abort()
        else:
            self._step_aside(self._make_front(), secure, self._early)

    def _step_aside(self, protocol: asyncio.Protocol, transport: asyncio.Transport, early: bytes) -> None:
        self._leave()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if early and not transport.is_closing():
            protocol.data_received(early)

    def _leave(self) -> None:
        """The connection is something else from now on, or over."""
        if self._left:
            return
        self._left = True
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._counted is not None:
            self._addresses[self._counted] -= 1
            if not self._addresses[self._counted]:
                del self._addresses[self._counted]


def _feed(protocol: Any, data: bytes) -> None:
    while data:
        space = memoryview(protocol.get_buffer(len(data)))
        size = min(len(space), len(data))
        space[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
