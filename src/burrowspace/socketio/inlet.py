"""How much of a WebSocket is read at once. It stands between the event loop and `picows`, whose buffer has no bound.

A client that the application does not know yet is read little at a time, and in turn: such a connection costs nothing
to replace, so no bound per connection stops a flood of them. A client that sends large messages is read in large
pieces, but not one that sends many small ones: all that one read brings is worked on in one go.
Spec: docs/spec/realtime.md, "Backpressure".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burrowspace.socketio.turns import Turns

STRANGE, NARROW, WIDE = 16_384, 32_768, 1 << 24  # bytes of one read; WIDE: all that picows has room for


class Inlet(asyncio.BufferedProtocol):
    """One connection's. `most` is how much of it is read at once; `paused` says that the WebSocket wants nothing."""

    __slots__ = ("_protocol", "_space", "_transport", "_turns", "buffer_updated", "most", "paused", "waiting")

    buffer_updated: Callable[[int], None]  # type: ignore[assignment]  # of picows itself, once the client is trusted
    heavy = False  # see Turns

    def __init__(self, protocol: Any, transport: asyncio.Transport, turns: Turns, *, guest: bool) -> None:
        self._protocol, self._transport, self._turns = protocol, transport, turns
        self._space = protocol.get_buffer
        self.most = STRANGE if guest else NARROW
        self.paused = False
        self.waiting = False  # for its turn
        self.buffer_updated = self._read_in_turn if guest else protocol.buffer_updated

    def trust(self) -> None:
        """The application knows the client: it is read whenever it says something."""
        if self.most == STRANGE:
            self.most = NARROW
        self.buffer_updated = self._protocol.buffer_updated
        if not self._transport.is_closing():
            self._transport.set_protocol(self)  # an event loop remembers these methods
        if self.waiting:
            self.resume()

    def resume(self) -> None:
        """See Turns: its turn has come."""
        if self.waiting and not self.paused and not self._transport.is_closing():
            self._transport.resume_reading()
        self.waiting = False

    def _read_in_turn(self, nbytes: int) -> None:
        self._protocol.buffer_updated(nbytes)
        if not self.waiting and not self._transport.is_closing():
            self.waiting = True
            self._transport.pause_reading()
            self._turns.wait(self)

    # ── called by the event loop ─────────────────────────────────────────────────────────────────────────────────

    def get_buffer(self, sizehint: int) -> memoryview:
        space: memoryview = self._space(sizehint)
        return space if len(space) <= self.most else space[: self.most]

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()  # type: ignore[no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
