"""Events that came before their socket registered, kept for the moment when it does.

A client that lost its connection keeps what its program says meanwhile, sends that first when it is back, and registers
behind it: npm's socket.io-client does, and so do its ports. Bounded in bytes and in time, whoever it is that says so
much; a socket that never registers is refused a little later. Acts on nothing; events.py asks it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from burrowspace.core.errors import BurrowError, Forbidden
from burrowspace.core.networks import counted
from burrowspace.socketio import Socket

_KEPT_S = 3.0  # how long an event waits for its socket to register
_EACH = 4 << 20  # bytes kept for one socket
_ADDRESS = 16 << 20  # bytes kept for all sockets of one address
_TOTAL = 64 << 20  # bytes kept in all
_COST = 1 << 10  # bytes that keeping an event takes beside its own


class EarlyEvent(NamedTuple):
    """One event. `refuse` may be called when nobody listens any more."""

    again: Callable[[], None]  # it is heard now
    refuse: Callable[[BurrowError], None]


class Kept:
    """What one socket has said."""

    __slots__ = ("events", "size")

    def __init__(self) -> None:
        self.events: list[EarlyEvent] = []
        self.size = 0


class Early:
    """All that is kept, by socket."""

    def __init__(self) -> None:
        self._kept: dict[Socket, Kept] = {}
        self._size = 0
        self._addresses: Counter[str] = Counter()  # bytes

    def keep(self, socket: Socket, size: int, again: Callable[[], None], refuse: Callable[[BurrowError], None]) -> None:
        """Keeps an event of a socket that is nobody yet; refuses it at once where too much waits."""
        size += _COST
        kept = self._kept.get(socket) or Kept()
        address = counted(socket.address)
        crowded = address is not None and self._addresses[address] + size > _ADDRESS
        if crowded or kept.size + size > _EACH or self._size + size > _TOTAL:
            refuse(_nobody())
            return
        if address is not None:
            self._addresses[address] += size
        if not kept.events:
            self._kept[socket] = kept
            asyncio.get_running_loop().call_later(_KEPT_S, self._refuse, socket, kept)
        kept.events.append(EarlyEvent(again, refuse))
        kept.size += size
        self._size += size

    def hear(self, socket: Socket) -> None:
        """The socket has registered: what it said before is heard, in order."""
        for event in self.forget(socket):
            event.again()

    def forget(self, socket: Socket) -> list[EarlyEvent]:
        """The socket is gone."""
        kept = self._kept.pop(socket, None)
        if kept is None:
            return []
        self._size -= kept.size
        address = counted(socket.address)
        if address is not None:
            self._addresses[address] -= kept.size
            if not self._addresses[address]:
                del self._addresses[address]
        return kept.events

    def _refuse(self, socket: Socket, kept: Kept) -> None:
        if self._kept.get(socket) is kept:
            for event in self.forget(socket):
                event.refuse(_nobody())


def _nobody() -> BurrowError:
    return Forbidden("register this socket first: register_socket {peer_id}")
