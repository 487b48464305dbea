"""The polling transport of one session: what waits for the next GET, and the body that a POST brought.

No HTTP here beyond "a GET waits" and "a POST is being read": the ASGI side is `asgi.py`.
Spec: docs/spec/realtime.md, "Polling".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from burrowspace.socketio import engine_packet as ep
from burrowspace.socketio.encoded import Encoded, plain

if TYPE_CHECKING:
    from burrowspace.socketio.budget import Budget
    from burrowspace.socketio.engine_base import EngineBase
    from burrowspace.socketio.receiver import Taken

MOST_PACKETS = 16  # in one body; python-engineio, a client of many, reads no more

Queue = list[tuple[Encoded, "Taken | None"]]


class Session(Protocol):
    """Whose transport it is."""

    @property
    def engine(self) -> EngineBase: ...
    @property
    def budget(self) -> Budget: ...
    @property
    def probe_accepted(self) -> bool: ...


class Polling:
    """Packets for a client that fetches them."""

    __slots__ = ("_last", "_queue", "_session", "_waiter", "buffered", "posting")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue: Queue = []
        self._waiter: asyncio.Future[None] | None = None
        self._last: bytes | None = None  # the packet that ends the transport, once it is over
        self.buffered = 0
        self.posting = False

    def send(self, packet: Encoded, taken: Taken | None) -> bool:
        before = self.buffered
        self.buffered = before + packet.size
        self._queue.append((packet, taken))
        self._wake()
        if self.buffered > self._session.engine.options.send_budget:
            self._session.budget.filling(before, self.buffered)
        return True

    @property
    def polled(self) -> bool:
        """Whether a GET waits."""
        return self._waiter is not None

    def poll(self) -> asyncio.Future[None]:
        """A GET begins to wait: resolved when there is something to answer. One at a time."""
        assert self._waiter is None
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._queue or self._last is not None or self._session.probe_accepted:
            waiter.set_result(None)
        else:
            self._waiter = waiter
        return waiter

    def unpoll(self) -> None:
        """The waiting GET went away."""
        self._waiter = None

    def release(self) -> None:
        """Lets a waiting GET go, with a noop if there is nothing else."""
        self._wake()

    def take(self) -> tuple[bytes, Queue, bool]:
        """The body of an answer, what is in it, and whether it ends the transport.

        A noop when nothing is queued. The last packet travels alone: clients act on it before they have acted on
        the others of its body.
        """
        packets: list[bytes | memoryview] = []
        taken = 0
        for packet, _ in self._queue:
            if packets and len(packets) + 1 + len(packet.attachments) > MOST_PACKETS:
                break
            taken += 1
            self.buffered -= packet.size
            if packet.head:
                packets.append(plain(packet.head))
            packets += [ep.encode_binary(plain(piece)) for piece in packet.attachments]
        queue, self._queue = self._queue[:taken], self._queue[taken:]
        if packets:
            return ep.join_payload(packets), queue, False
        return self._last or ep.NOOP, queue, self._last is not None

    def linger(self, last: bytes) -> bool:
        """Ends with `last` at the next GET. False when one waits already."""
        if self._waiter is not None:
            return False
        self._last = last
        return True

    def finish(self, last: bytes) -> Queue:
        """Ends now: a waiting GET is answered with what is queued and `last`; gives what nobody will fetch."""
        self._last = last
        if self._waiter is not None:
            self._wake()
            return []
        queue, self._queue = self._queue, []
        self.buffered = 0
        return queue

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
