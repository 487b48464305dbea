"""One WebSocket of an engine, on `picows`: frames become messages, and a connection begins and ends.

`picows` parses frames and knows nothing of messages, so this file also checks reserved bits, joins fragments, checks
UTF-8 and answers pings. It decides nothing about sessions. Spec: RFC 6455; docs/spec/realtime.md, "WebSocket".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from picows import WSFrame, WSMsgType, WSTransport

from burrowspace.socketio.encoded import Encoded, received
from burrowspace.socketio.outbox import Outbox, Session, Stage

if TYPE_CHECKING:
    from burrowspace.socketio.engine_base import EngineBase
    from burrowspace.socketio.inlet import Inlet

CONTINUATION, TEXT, BINARY = WSMsgType.CONTINUATION, WSMsgType.TEXT, WSMsgType.BINARY
PING, PONG, CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE

PROTOCOL_ERROR, UNSUPPORTED, INVALID_TEXT, TOO_BIG = 1002, 1003, 1007, 1009
AFTERTHOUGHTS = 64  # frames we hear out between our CLOSE and the peer's; a large one counts as many
AFTERTHOUGHT = 32_768  # bytes of each


class WebSocket(Outbox):
    """The listener `picows` calls. `deliver` is the session's `text`, bound once."""

    inlet: Inlet  # between the event loop and picows

    __slots__ = (
        "_begin",
        "_deadline",
        "_fragments",
        "_fragments_kind",
        "_held",
        "_ignored",
        "_plain",
        "deliver",
        "inlet",
        "probed",
    )

    def __init__(self, engine: EngineBase, begin: Callable[[WebSocket], None]) -> None:
        super().__init__(engine)
        self._begin: Callable[[WebSocket], None] | None = begin
        self._deadline = inf  # when the present stage must be over
        self._plain = False  # whether the next frame may take the short path
        self._held: deque[tuple[WSMsgType, Any]] | None = None  # messages that came in after a pause
        self._fragments: bytearray | None = None
        self._fragments_kind = TEXT
        self._ignored = 0
        self.probed = False
        self.deliver = _nobody

    # ── called by picows ─────────────────────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.underlying = transport.underlying_transport
        transport.request.headers = None  # type: ignore[assignment]  # a kilobyte nobody reads again
        self._engine.came(self)
        begin, self._begin = self._begin, None
        if begin is not None:
            begin(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        engine = self._engine
        if not frame.last_in_buffer:
            engine.corking = True
        try:
            if transport.is_close_frame_sent:
                self._afterthought(frame)
            elif self._plain and frame.msg_type is TEXT and frame.fin and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
                packet = frame.get_payload_as_bytes()
                if packet.isascii() or _is_utf8(packet):
                    self.deliver(packet)
                else:
                    self.fail(INVALID_TEXT)
            else:
                self._frame(frame)
        finally:
            if engine.corking and frame.last_in_buffer:
                engine.uncork()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.stage < Stage.SHUT and transport.is_close_frame_sent:
            self.fail(PROTOCOL_ERROR)  # picows found it, and said so
        self.stage, self._plain, self._held = Stage.GONE, False, None
        self._engine.uncork()  # picows keeps the last frame of a read to itself when what follows is broken
        self._engine.gone(self)
        self.release()  # to nobody: who asked whether the bytes were taken hears no
        self._settle_waiters(taken=False)
        session, self.session, self.deliver = self.session, None, _nobody
        if session is not None:
            session.lost(self)

    # ── frames ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _frame(self, frame: WSFrame) -> None:
        """Any frame that is not a whole text message in the ordinary course of things."""
        kind = frame.msg_type
        if self._behind is not None and not self._engine.corking:
            self.release()  # the client answers, so it has read the packet that travelled alone
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.fail(PROTOCOL_ERROR)
        elif kind is BINARY or kind is TEXT:
            if self._fragments is not None:
                self.fail(PROTOCOL_ERROR)
            elif frame.fin:
                whole = frame.get_payload_as_bytes() if kind is TEXT else received(frame.get_payload_as_memoryview())
                self._message(kind, whole)
            else:
                self._fragments = bytearray(frame.get_payload_as_memoryview())
                self._fragments_kind = kind
                self._plain = False
                self._spend()
        elif kind is CONTINUATION:
            self._continue(frame)
        elif kind is PING:
            if not self.blocked:  # a peer that does not read its pongs gets no more of them
                self.transport.send_pong(frame.get_payload_as_bytes())
            self._spend()
        elif kind is PONG:
            self._spend()
        elif self._held is not None:
            self._held.append((CLOSE, None))
        else:
            self._closed_by_peer()

    def _continue(self, frame: WSFrame) -> None:
        fragments = self._fragments
        if fragments is None:
            self.fail(PROTOCOL_ERROR)
            return
        if len(fragments) + frame.payload_size > self._engine.options.max_payload:
            self.fail(TOO_BIG)
            return
        fragments += frame.get_payload_as_memoryview()
        if frame.fin:
            self._fragments = None
            self._settle()
            self._message(self._fragments_kind, bytes(fragments))
        else:
            self._spend()

    def _message(self, kind: WSMsgType, data: Any) -> None:
        if kind is TEXT and not data.isascii() and not _is_utf8(data):
            self.fail(INVALID_TEXT)
        elif self._held is not None:
            self._held.append((kind, data))
        else:
            self._pass_on(kind, data)

    def _pass_on(self, kind: WSMsgType, data: Any) -> None:
        session = self.session
        if kind is CLOSE:
            self._closed_by_peer()
        elif session is None:
            self.shut(1008)
        elif self.stage is Stage.PROBING:
            if kind is TEXT:
                session.probe_text(self, data)
            else:
                session.probe_text(self, b"")
        elif kind is TEXT:
            session.text(data)
        else:
            session.binary(data)

    def _closed_by_peer(self) -> None:
        transport = self.transport
        self.shut(1000)
        transport.disconnect()

    def _afterthought(self, frame: WSFrame) -> None:
        """A frame after a CLOSE of ours or of picows: the peer's CLOSE ends it all, so does saying too much else."""
        if self.stage < Stage.SHUT:
            self.fail(PROTOCOL_ERROR)  # picows found it, and said so
        self._ignored += 1 + frame.payload_size // AFTERTHOUGHT
        if frame.msg_type is CLOSE or self._ignored > AFTERTHOUGHTS:
            self.transport.disconnect()

    def _spend(self) -> None:
        if self.session is not None:
            self.session.reading.spend()

    def _settle(self) -> None:
        """Decides again whether the next frame may take the short path."""
        self._plain = (
            self.stage is Stage.OPEN and self._held is None and self._fragments is None and self._behind is None
        )

    def send_alone(self, packet: Encoded) -> bool:
        sent = super().send_alone(packet)
        self._settle()
        return sent

    def release(self) -> None:
        super().release()
        self._settle()

    # ── called by the session ────────────────────────────────────────────────────────────────────────────────────

    def probe(self, session: Session) -> None:
        """This connection may become the session's transport, if the client hurries."""
        self.session = session
        self._end_by(self._engine.options.upgrade_timeout_ms)

    def promote(self) -> None:
        """This connection is the session's transport now."""
        assert self.session is not None
        self.stage, self._deadline = Stage.OPEN, inf
        self.deliver = self.session.text
        self._settle()

    def pause(self) -> None:
        """Reads nothing more; messages of bytes already read are held."""
        if self._held is None and self.stage is Stage.OPEN:
            self._held = deque()
            self._plain = False
            self.inlet.paused = True
            if not self.underlying.is_closing():
                self.underlying.pause_reading()

    def resume(self) -> None:
        held, session = self._held, self.session
        if held is None or session is None:
            return
        while held:
            if session.reading.paused:
                return
            self._pass_on(*held.popleft())
        if self._held is not None and not session.reading.paused and self.stage is Stage.OPEN:
            self._held = None
            self._settle()
            self._read_on()

    def _read_on(self) -> None:
        self.inlet.paused = False
        if not self.inlet.waiting and not self.underlying.is_closing():
            self.underlying.resume_reading()

    def fail(self, code: int) -> None:
        """The peer broke RFC 6455."""
        session = self.session
        if session is not None and self.stage is Stage.OPEN:
            self._engine.stats.parse_errors += 1
            session.close("transport error", code=code)
        else:
            self.shut(code)

    def shut(self, code: int, *, cut: bool = False) -> None:
        """Says CLOSE and waits a moment for the peer's; `cut` aborts the connection."""
        self.release()
        if self.stage >= Stage.SHUT:
            return
        if self._corked:
            self.uncork()
        paused = self._held is not None
        self.stage, self._plain, self._held, self._fragments = Stage.SHUT, False, None, None
        if not cut:
            self.transport.send_close(code)  # type: ignore[arg-type]  # a plain number is what goes on the wire
        session, self.session, self.deliver = self.session, None, _nobody
        if session is not None:
            session.lost(self)
        if cut:
            self._settle_waiters(taken=False)
            self.transport.disconnect(graceful=False)
            return
        if paused:
            self._read_on()  # for the peer's CLOSE
        self._end_by(self._engine.options.close_timeout_ms)

    def _end_by(self, ms: int) -> None:
        timers = self._engine.timers
        self._deadline = timers.now() + ms / 1000
        timers.wake_by(self, self._deadline)

    def tick(self, now: float) -> float:
        """See timers.Target: how far the kernel got, and the end of a peer that does not answer our CLOSE."""
        if now >= self._deadline:
            if self.stage is Stage.PROBING:
                self.shut(1008)
            else:
                self.transport.disconnect(graceful=False)
            return self._deadline if self._deadline > now else inf
        return min(super().tick(now), self._deadline)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _nobody(packet: bytes) -> None:
    """Where text goes while no session listens."""
