"""One Engine.IO session: its packets both ways, its pulse, and a transport that changes from polling to WebSocket.

It moves packets and knows nothing of Socket.IO: what a message means is its receiver's business. The transports do the
I/O; this file decides. Who acts: `Engine` opens sessions, the transports feed them, the receiver sends through them.
Spec: docs/spec/realtime.md.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from math import inf
from typing import TYPE_CHECKING

from burrowspace.socketio import engine_packet as ep
from burrowspace.socketio.budget import Budget
from burrowspace.socketio.encoded import Binary, Encoded
from burrowspace.socketio.errors import BadPacket
from burrowspace.socketio.heartbeat import Heartbeat
from burrowspace.socketio.inlet import WIDE
from burrowspace.socketio.reading import LARGE, Reading
from burrowspace.socketio.receiver import Receiver, Taken

if TYPE_CHECKING:
    from burrowspace.socketio.engine_base import EngineBase
    from burrowspace.socketio.polling import Polling
    from burrowspace.socketio.websocket import WebSocket

MESSAGE, BINARY, PONG, CLOSE, PING = 0x34, 0x62, 0x33, 0x31, 0x32  # first bytes: "4", "b", "3", "1", "2"
TYPES = b"0123456"
PING_BYTES = 64  # a ping has three, and within TLS some thirty


class State(IntEnum):
    OPEN = 0  # packets move
    CLOSING = 1  # closed by us; a polling client has yet to fetch its last packets
    CLOSED = 2  # gone


class Session:
    """One client, whatever it is connected by at the moment."""

    __slots__ = (
        "_arrived_at_ping",
        "_behind_at_ping",
        "_receiver",
        "_said_at_ping",
        "address",
        "beat",
        "budget",
        "engine",
        "headers",
        "id",
        "message",
        "polling",
        "probe",
        "reading",
        "reason",
        "state",
        "trusted",
        "wake",
        "websocket",
    )

    def __init__(self, engine: EngineBase, sid: str, address: str, headers: dict[str, str] | None) -> None:
        options = engine.options
        now = engine.timers.now()
        self.engine = engine
        self.id = sid
        self.address = address
        self.headers = headers
        self.state: int = State.OPEN
        self.reason = ""
        self.websocket: WebSocket | None = None
        self.polling: Polling | None = None
        self.probe: WebSocket | None = None
        self.trusted = not options.guests
        self.wake = inf
        self.beat = Heartbeat(options.ping_interval_ms / 1000, options.ping_timeout_ms / 1000, now)
        self.reading = Reading(self, now)
        self.budget = Budget(self)
        self._said_at_ping = (0.0, 0)  # tokens left, and bytes that had come: a part of a message counts too
        self._arrived_at_ping = 0
        self._behind_at_ping = False  # there was more on its way to the client when it was pinged
        self._receiver: Receiver | None = None
        self.message: Callable[[bytes], None] = _nobody

    @property
    def is_open(self) -> bool:
        return self.state is State.OPEN

    def open(self, accept: Callable[[Session], Receiver]) -> None:
        """Says hello and hands the session to what stands on top of it."""
        options = self.engine.options
        upgrades = ("websocket",) if self.polling is not None and self.engine.upgradable else ()
        hello = ep.open_packet(
            self.id, upgrades, options.ping_interval_ms, options.ping_timeout_ms, options.max_payload
        )
        self._send_text(hello)
        self._receiver = accept(self)
        self.message = self._receiver.text
        self.engine.timers.wake_by(self, self.beat.due)

    # ── from the client ──────────────────────────────────────────────────────────────────────────────────────────

    def text(self, packet: bytes) -> None:
        """One text packet from the transport, valid UTF-8."""
        reading = self.reading
        reading.tokens -= 1
        if reading.tokens < 0:
            reading.throttle()
        size = len(packet)
        stats = self.engine.stats
        stats.events_in += 1
        stats.bytes_in += size
        try:
            if packet[0] == MESSAGE:
                self.message(packet)
            else:
                self._control(packet)
        except (BadPacket, IndexError):
            self.break_off()
        if size > LARGE:
            self._large()

    def binary(self, data: Binary) -> None:
        """One binary message from the transport."""
        self.reading.spend()
        stats = self.engine.stats
        stats.events_in += 1
        stats.bytes_in += len(data)
        receiver = self._receiver
        if receiver is not None:
            try:
                receiver.binary(data)
            except BadPacket:
                self.break_off()
        if len(data) > LARGE:
            self._large()

    def _large(self) -> None:
        """A large message was worked on: more of them are read in large pieces, when it is their turn."""
        if self.websocket is not None and self.trusted:
            self.websocket.inlet.most = WIDE
        self.reading.yields(large=self.trusted)

    def trust(self) -> None:
        """The application knows the client: see `ServerOptions.guests`."""
        self.trusted = True
        if self.websocket is not None:
            self.websocket.inlet.trust()

    def break_off(self) -> None:
        """The client broke the protocol."""
        if self.state is State.OPEN:
            self.engine.stats.parse_errors += 1
            self.close("parse error")

    def _control(self, packet: bytes) -> None:
        kind = packet[0]
        if kind == PONG:
            self._ponged()
        elif kind == BINARY:
            self.binary(ep.decode_binary(packet))
        elif kind == CLOSE:
            self.close("transport close")
        elif kind == PING:
            self.close("transport error")  # in version 4 the server pings
        elif kind not in TYPES:
            raise BadPacket("unknown packet type")

    def _ponged(self) -> None:
        now = self.engine.timers.now()
        proven = self.beat.ponged(now)
        if proven is not None:
            with self.engine.corked_together():  # what this sets free is mostly small answers
                for done in proven:
                    done(True)
        self._pulse(now)

    # ── to the client ────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, packet: Encoded, taken: Taken | None = None) -> bool:
        """Sends or queues; False when the session is over. `taken` as in `Socket.send_encoded`."""
        transport = self.websocket or self.polling
        if transport is None or self.state is not State.OPEN:
            return False
        stats = self.engine.stats
        stats.events_out += 1
        stats.bytes_out += packet.size
        return transport.send(packet, taken)

    def send_alone(self, packet: Encoded) -> None:
        """Sends the answer to CONNECT: over a WebSocket in a write of its own, see `Outbox.send_alone`."""
        if self.websocket is None:
            self.send(packet)
        elif self.state is State.OPEN:
            self.engine.stats.events_out += 1
            self.engine.stats.bytes_out += packet.size
            self.websocket.send_alone(packet)

    def _send_text(self, text: bytes) -> None:
        transport = self.websocket or self.polling
        if transport is not None:
            transport.send(Encoded(text), None)

    @property
    def buffered(self) -> int:
        """Bytes sent that the kernel, or the next poll, has not taken."""
        transport = self.websocket or self.polling
        return 0 if transport is None else transport.buffered

    @property
    def arrivals(self) -> int:
        """See `Socket.arrivals`."""
        balance, received = self._said()
        return round(self.engine.options.events_burst - balance) + received

    # ── the pulse ────────────────────────────────────────────────────────────────────────────────────────────────

    def confirm(self, done: Callable[[bool], None]) -> None:
        """Proof of arrival: see `Socket.confirm`."""
        if self.state is not State.OPEN:
            done(False)
            return
        self.beat.ask(done)
        self._pulse(self.engine.timers.now())

    def tick(self, now: float) -> float:
        """See timers.Target."""
        if self.state is State.CLOSED:
            return inf
        if self.state is State.CLOSING:
            self._gone()
            return inf
        self.reading.tick(now)
        self.budget.tick(now)
        if self._pulse(now):
            return min(self.beat.due, self.reading.throttled_until, self.budget.slow_at)
        return inf

    def expired(self) -> bool:
        """Closes the session if its time is up; asked before a request is served, for a timer may be late."""
        return not self._pulse(self.engine.timers.now())

    def _pulse(self, now: float) -> bool:
        """Pings or gives up as is due; whether the session is still open."""
        if self.state is not State.OPEN:
            return False
        beat = self.beat
        if beat.dead(now):
            if not self._lives():
                self.engine.stats.ping_timeouts += 1
                self.close("ping timeout")
                return False
            beat.heard(now)
        if beat.wants_ping(now):
            if not beat.unanswered:
                self._said_at_ping = self._said()
                self._arrived_at_ping, self._behind_at_ping = self._arrived()
            self._send_text(ep.PING)
            beat.pinged(now)
        if not self.is_open:  # a ping can be the drop too much for a slow client
            return False
        self.engine.timers.wake_by(self, beat.due)
        return True

    def _lives(self) -> bool:
        """Whether the client gave a sign of life since the ping or since this was asked last, though no pong: it said
        something, or took some of what stood before the ping, however slowly its line brings it."""
        said, (arrived, _) = self._said(), self._arrived()
        pings = PING_BYTES * self.beat.unanswered  # which the client's system takes, whatever its program does
        lives = said != self._said_at_ping or (self._behind_at_ping and arrived > self._arrived_at_ping + pings)
        self._said_at_ping, self._arrived_at_ping = said, arrived
        return lives

    def _said(self) -> tuple[float, int]:
        """What changes with whatever the client says: its tokens, and the bytes that came from it."""
        return self.reading.balance, self.websocket.received() if self.websocket is not None else 0

    def _arrived(self) -> tuple[int, bool]:
        return self.websocket.arrived() if self.websocket is not None else (0, False)

    # ── the upgrade ──────────────────────────────────────────────────────────────────────────────────────────────

    def probe_text(self, websocket: WebSocket, packet: bytes) -> None:
        """A text packet on the second connection, before it is the session's transport."""
        if websocket is not self.probe:
            websocket.shut(1008)
        elif packet == ep.PROBE and not websocket.probed:
            websocket.probed = True
            websocket.send(Encoded(ep.PROBE_ANSWER), None)
            if self.polling is not None:
                self.polling.release()
        elif packet == ep.UPGRADE and websocket.probed:
            self._upgrade(websocket)
        else:
            self.probe = None
            websocket.shut(1002)

    @property
    def probe_accepted(self) -> bool:
        """Whether the client waits for its last poll to come back before it completes the upgrade."""
        return self.probe is not None and self.probe.probed

    def _upgrade(self, websocket: WebSocket) -> None:
        polling, self.polling, self.probe = self.polling, None, None
        self.websocket = websocket
        websocket.promote()
        if self.trusted:
            websocket.inlet.trust()
        self.engine.stats.upgrades += 1
        if polling is not None:
            waiting = polling.finish(ep.NOOP)
            for packet, taken in waiting:
                websocket.send(packet, taken)
        if self.reading.paused:
            websocket.pause()
        if not self.buffered:
            self.budget.drained()

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def lost(self, websocket: WebSocket) -> None:
        """A connection of this session is gone."""
        if websocket is self.probe:
            self.probe = None
        elif websocket is self.websocket:
            self.close("transport close")

    def close(self, reason: str, *, code: int = 1000, cut: bool = False, flush: bool = False) -> None:
        """Ends the session. `code` goes into a WebSocket CLOSE; `cut` does not say goodbye; `flush` lets a polling
        client fetch what is queued for it first."""
        if self.state is State.CLOSED or (self.state is State.CLOSING and flush):
            return
        was_open = self.state is State.OPEN
        self.reason = self.reason or reason
        if flush and self.polling is not None and self.polling.linger(ep.CLOSE):
            self.state = State.CLOSING
            self.engine.timers.wake_by(self, self.engine.timers.now() + self.engine.options.ping_timeout_ms / 1000)
        else:
            self._disconnect(code, ep.NOOP if reason == "transport close" else ep.CLOSE, cut=cut)
        if was_open:
            self._end(reason)

    def _disconnect(self, code: int, last: bytes, *, cut: bool) -> None:
        self.state = State.CLOSED
        self.engine.forget(self)
        if self.probe is not None:
            self.probe.shut(code)
        if self.websocket is not None:
            self.websocket.shut(code, cut=cut)
        if self.polling is not None:
            for _, taken in self.polling.finish(last):
                if taken is not None:
                    taken(False)
        self.probe = self.websocket = self.polling = None

    def _gone(self) -> None:
        """A closing polling session was fetched for the last time, or nobody came."""
        self._disconnect(1000, ep.CLOSE, cut=False)

    fetched = _gone

    def _end(self, reason: str) -> None:
        self.reading.release()
        for done in self.beat.end():
            done(False)
        self.budget.drained()
        receiver, self._receiver, self.message = self._receiver, None, _nobody
        if receiver is not None:
            receiver.closed(reason)


def _nobody(packet: bytes) -> None:
    """Where messages go before a session is opened and after it is closed."""
