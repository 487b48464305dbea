"""The outgoing half of a WebSocket: what is written, what waits, and who is told that the kernel took it.

It knows nothing of what is sent, and decides nothing about a receiver that is slow: it tells the session's budget.
`WebSocket` is the other half. Spec: docs/spec/realtime.md, "Backpressure".
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from enum import IntEnum
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from picows import WSListener, WSMsgType, WSTransport

from burrowspace.socketio.encoded import LARGE, SPARE, Encoded, plain

if TYPE_CHECKING:
    from burrowspace.socketio.budget import Budget
    from burrowspace.socketio.encoded import Binary
    from burrowspace.socketio.engine_base import EngineBase
    from burrowspace.socketio.reading import Reading
    from burrowspace.socketio.receiver import Taken

TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY
WAITERS_POLL = 0.05  # seconds between looks at how far the kernel got, while someone waits to know
MOST_CORKED = 64  # texts held back for one write, each of up to LARGE bytes
ALONE_S = 0.03  # how long the answer to CONNECT travels alone; enough for a busy client to read it by itself
MOST_BEHIND = 64  # packets that wait behind it, each of up to LARGE bytes
GATHERED = 128 << 10  # bytes from which a packet leaves in one system call; past uvloop's mark, so it goes at once

# Linux's struct tcp_info: unacked, bytes_acked, notsent_bytes, and where they lie
_TCP_INFO = (struct.Struct("=I"), 24), (struct.Struct("=Q"), 120), (struct.Struct("=I"), 144)
_RECEIVED = struct.Struct("=Q"), 128  # bytes_received, likewise
_INFO = 148


class Stage(IntEnum):
    PROBING = 0  # a second connection of a polling session, not yet its transport
    OPEN = 1  # the session's transport
    SHUT = 2  # our CLOSE is sent; frames are not looked at any more
    GONE = 3  # the connection is lost


class Session(Protocol):
    """Whose connection this is."""

    @property
    def budget(self) -> Budget: ...
    @property
    def reading(self) -> Reading: ...
    def text(self, packet: bytes) -> None: ...
    def binary(self, data: Binary) -> None: ...
    def probe_text(self, websocket: Any, packet: bytes) -> None: ...
    def lost(self, websocket: Any) -> None: ...
    def close(self, reason: str, *, code: int = 1000, cut: bool = False) -> None: ...


class Outbox(WSListener):
    """What a connection still has to say."""

    __slots__ = (
        "_alone_until",
        "_behind",
        "_corked",
        "_engine",
        "_queued",
        "_waiters",
        "blocked",
        "session",
        "stage",
        "transport",
        "underlying",
        "wake",
    )

    transport: WSTransport
    underlying: Any  # the asyncio transport below picows

    def __init__(self, engine: EngineBase) -> None:
        self._engine = engine
        self._waiters: deque[tuple[int, Taken]] | None = None
        self._queued = 0  # bytes ever queued since the socket last was empty
        self._corked: list[bytes] = []  # small texts of the present read, to leave in one write
        self._behind: list[tuple[Encoded, Taken | None]] | None = None  # what waits while a packet travels alone
        self._alone_until = inf
        self.blocked = False  # the kernel does not take everything at once
        self.session: Session | None = None
        self.stage: int = Stage.PROBING
        self.wake = inf

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken."""
        return self.underlying.get_write_buffer_size() if self.blocked else 0

    def arrived(self) -> tuple[int, bool]:
        """How many bytes the client's TCP has taken so far, and whether more are on their way to it. (0, False) where
        the system does not tell."""
        try:
            info = self.underlying.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
            (in_flight,), (taken,), (waiting,) = (field.unpack_from(info, at) for field, at in _TCP_INFO)
        except (AttributeError, OSError, struct.error):
            return 0, False
        return taken, bool(in_flight or waiting or self.buffered)

    def received(self) -> int:
        """How many bytes have come from the client; 0 where the system does not tell."""
        try:
            info = self.underlying.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
            return int(_RECEIVED[0].unpack_from(info, _RECEIVED[1])[0])
        except (AttributeError, OSError, struct.error):
            return 0

    def send_text(self, text: bytes) -> bool:
        """`send` for a small text that nobody waits for: the short path of what is only passed on."""
        if self.stage >= Stage.SHUT:
            return False
        if self._behind is not None:
            return self._queue_behind(Encoded(text), None)
        if self._engine.corking:
            self._cork(text)
            return True
        if self._corked:
            self.uncork()
        before = self.underlying.get_write_buffer_size() if self.blocked else 0
        self.transport.send(TEXT, text)
        if self.blocked:
            self._queue(before, None)
        return True

    def send(self, packet: Encoded, taken: Taken | None) -> bool:
        if self.stage >= Stage.SHUT:
            return False
        if self._behind is not None:
            return self._queue_behind(packet, taken)
        transport, head = self.transport, packet.head
        if self._engine.corking and taken is None and type(head) is bytes and not packet.attachments:
            self._cork(head)
            return True
        if self._corked:
            self.uncork()
        before = self.underlying.get_write_buffer_size() if self.blocked else 0
        if packet.size > GATHERED and packet.attachments and not transport.is_close_frame_sent:
            self.underlying.writelines(_frames(packet))
            if self.blocked:
                self._queue(before, taken)
            elif taken is not None:
                taken(not self.underlying.is_closing())
            return True
        if type(head) is bytearray:
            transport.send_reuse_external_bytearray(TEXT, head, SPARE)
        elif head:
            transport.send(TEXT, head)
        for piece in packet.attachments:
            if type(piece) is bytearray:
                transport.send_reuse_external_bytearray(BINARY, piece, SPARE)
            else:
                transport.send(BINARY, piece)
        if self.blocked:
            self._queue(before, taken)
        elif taken is not None:
            # picows swallows what is sent after a CLOSE, a failed transport what is written to it
            taken(not (transport.is_close_frame_sent or self.underlying.is_closing()))
        return True

    def send_alone(self, packet: Encoded) -> bool:
        """Sends a small packet in a write of its own, and what follows it only after the client had time to read it.

        Programs that wait for one message and then for the next lose the second if both arrive in one read: the
        official suite does with `ws`.
        """
        if self.stage >= Stage.SHUT:
            return False
        self.release()
        self.uncork()
        corking, self._engine.corking = self._engine.corking, False
        self.send(packet, None)
        self._engine.corking = corking
        self._behind = []
        timers = self._engine.timers
        self._alone_until = timers.now() + ALONE_S
        timers.wake_by(self, self._alone_until)
        return True

    def _queue_behind(self, packet: Encoded, taken: Taken | None) -> bool:
        behind = self._behind
        if behind is None or len(behind) == MOST_BEHIND or packet.size > LARGE:
            self.release()
            return self.send(packet, taken)
        behind.append((packet, taken))
        return True

    def release(self) -> None:
        """Sends what waited behind a packet that travelled alone."""
        behind, self._behind, self._alone_until = self._behind, None, inf
        for packet, taken in behind or ():
            if not self.send(packet, taken) and taken is not None:
                taken(False)

    def _cork(self, text: bytes) -> None:
        corked = self._corked
        if not corked:
            self._engine.corked.append(self)
        corked.append(text)
        if len(corked) == MOST_CORKED:
            self.uncork()

    def uncork(self) -> None:
        """Writes the small texts that were held back while a read was worked on: many frames, one system call."""
        texts, self._corked = self._corked, []
        if self.stage >= Stage.SHUT or self.transport.is_close_frame_sent or not texts:
            return
        before = self.underlying.get_write_buffer_size() if self.blocked else 0
        if len(texts) == 1:
            self.transport.send(TEXT, texts[0])
        else:
            self.underlying.write(b"".join([part for text in texts for part in (header(TEXT, len(text)), text)]))
        if self.blocked:
            self._queue(before, None)

    def _queue(self, before: int, taken: Taken | None) -> None:
        """The packet just sent, or its end, waits below us."""
        after = self.underlying.get_write_buffer_size()
        self._queued += after - before
        if taken is not None:
            if self._waiters is None:
                self._waiters = deque()
            self._waiters.append((self._queued, taken))
            self._engine.timers.wake_by(self, self._engine.timers.now() + WAITERS_POLL)
        if self.session is not None and self.stage is Stage.OPEN:
            self.session.budget.filling(before, after)

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self._queued = 0
        self._settle_waiters(taken=True)
        if self.session is not None and self.stage is Stage.OPEN:
            self.session.budget.drained()

    def tick(self, now: float) -> float:
        """See timers.Target: sends what waited behind a packet that travelled alone, and tells those whose bytes the
        kernel has taken meanwhile."""
        if now >= self._alone_until:
            self.release()
        waiters = self._waiters
        if not waiters:
            return self._alone_until
        passed = self._queued - self.underlying.get_write_buffer_size()
        while waiters and waiters[0][0] <= passed:
            waiters.popleft()[1](True)
        return min(self._alone_until, now + WAITERS_POLL if waiters else inf)

    def _settle_waiters(self, *, taken: bool) -> None:
        waiters, self._waiters = self._waiters, None
        for _, callback in waiters or ():
            callback(taken)


def _frames(packet: Encoded) -> list[bytes | memoryview]:
    """A packet as it goes on the wire, headers and payloads. Each write wakes its reader: few large ones are cheap."""
    head, first = packet.head, packet.attachments[0]
    start = header(TEXT, len(plain(head))) if head else b""
    if type(head) is bytes:
        buffers: list[bytes | memoryview] = [start + head + header(BINARY, len(plain(first))), plain(first)]
    else:
        buffers = [start, plain(head), header(BINARY, len(plain(first))), plain(first)]
    for piece in packet.attachments[1:]:
        buffers += header(BINARY, len(plain(piece))), plain(piece)
    return buffers


def header(kind: WSMsgType, size: int) -> bytes:
    """The header of an unmasked, final frame (RFC 6455 section 5.2).

    >>> header(TEXT, 5), header(TEXT, 300), header(BINARY, 1 << 18)
    (b'\\x81\\x05', b'\\x81~\\x01,', b'\\x82\\x7f\\x00\\x00\\x00\\x00\\x00\\x04\\x00\\x00')
    """
    first = 0x80 | kind.value
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")
