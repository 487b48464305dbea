"""One client in one namespace, and the acknowledgement it may ask for.

An application holds these. All I/O goes through the client's engine session. Spec: docs/spec/realtime.md, "Socket.IO".
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from time import thread_time
from typing import TYPE_CHECKING, Any, Protocol

from burrowspace.socketio.encoded import Binary, Encoded, gather
from burrowspace.socketio.errors import AckTimeout, Disconnected, TooManyAcks, TooManyParts
from burrowspace.socketio.packet import encode_ack, encode_disconnect, encode_event

if TYPE_CHECKING:
    from burrowspace.socketio.receiver import Taken
    from burrowspace.socketio.session import Session

Answered = Callable[..., Any]
Handler = Callable[..., Any]
RawHandler = Callable[["Socket", bytes, Sequence[Binary], "Ack | None"], None]
ConnectHandler = Callable[["Socket", dict[str, Any]], Awaitable[None] | None]
DisconnectHandler = Callable[["Socket", str], Awaitable[None] | None]

REST = 200  # times as long as expensive work for a client took, the client is not read: 0.5 % of the loop is its share
LONG_REST_S = 1.0  # and for what is refused because it would cost too much


class Joined(Protocol):
    """The namespace of a socket."""

    name: str
    prefix: bytes
    event_head: bytes
    sockets: dict[str, Socket]
    raw: dict[bytes, RawHandler]
    disconnect_handler: DisconnectHandler | None

    def handler(self, event: str) -> tuple[Handler | None, tuple[str, ...]]: ...


class Connected(Protocol):
    """The connection of a socket, with all its namespaces."""

    session: Session

    def leave(self, socket: Any, reason: str) -> None: ...
    def disconnect(self) -> None: ...


class _Waiting:
    """An event that waits for its acknowledgement."""

    __slots__ = ("answered", "failed", "timer")

    def __init__(self, answered: Answered, failed: Callable[[Exception], None] | None) -> None:
        self.answered = answered
        self.failed = failed
        self.timer: asyncio.TimerHandle | None = None


class Socket:
    """A client that joined a namespace. `state` is the application's to use."""

    __slots__ = ("_acks", "_early", "_last_id", "client", "connected", "doomed", "id", "namespace", "session", "state")

    def __init__(self, namespace: Joined, client: Connected) -> None:
        self.id = secrets.token_urlsafe(15)
        self.namespace = namespace
        self.client = client
        self.session = client.session
        self.connected = False
        self.doomed = False  # disconnected by its own connect handler
        self.state: Any = None
        self._early: list[tuple[Encoded, Taken | None]] | None = []  # until CONNECT is answered
        self._acks: dict[int, _Waiting] | None = None
        self._last_id = -1

    def __repr__(self) -> str:
        return f"<Socket {self.id} of {self.namespace.name}>"

    @property
    def address(self) -> str:
        """The peer's address, without its port."""
        return self.session.address

    @property
    def headers(self) -> dict[str, str]:
        """Those of `ServerOptions.keep_headers` that the opening request carried."""
        return self.session.headers or {}

    @property
    def buffered(self) -> int:
        """Unsent bytes of the connection."""
        return self.session.buffered

    @property
    def over_budget(self) -> bool:
        """Whether more than `ServerOptions.send_budget` bytes are unsent: time to send less."""
        session = self.session
        return session.budget.full and session.buffered > session.engine.options.send_budget

    @property
    def arrivals(self) -> int:
        """A number that rises whenever bytes of the client arrive, a part of a message too."""
        return self.session.arrivals

    def emit(self, event: str, *args: Any, ack: Answered | None = None, timeout_ms: int | None = None) -> bool:
        """Sends an event; bytes-like values at any depth travel as binary. False when the socket is not connected.

        `ack(*args)` is called with the client's answer, and not at all if none comes within `timeout_ms` or before
        the socket dies; `call` tells those apart. TooManyAcks past `ServerOptions.max_pending_acks`.
        """
        if ack is None:
            return self.send_encoded(encode_event(event, *args, namespace=self.namespace.name))
        return self._ask(event, args, _Waiting(ack, None), timeout_ms)

    async def call(self, event: str, *args: Any, timeout_ms: int | None = 60_000) -> tuple[Any, ...]:
        """Sends an event and waits for the client's answer. AckTimeout, Disconnected."""
        answer: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

        def answered(*values: Any) -> None:
            if not answer.done():
                answer.set_result(values)

        def failed(error: Exception) -> None:
            if not answer.done():
                answer.set_exception(error)

        if not self._ask(event, args, _Waiting(answered, failed), timeout_ms):
            raise Disconnected("the socket is not connected")
        return await answer

    def send_encoded(self, packet: Encoded, taken: Taken | None = None) -> bool:
        """Sends a packet made by `encode_event` or `Encoded.from_raw`; False when the socket is not connected.

        `taken(True)` is called once the kernel has taken all bytes of the packet, within this call if it took them at
        once; over polling, once the answer that holds it is written. `taken(False)` if the socket dies first.
        """
        if self.connected:
            return self.session.send(packet, taken)
        if self._early is None:
            return False
        self._early.append((packet, taken))
        return True

    def send_array(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """`send_encoded` for a small event that nobody waits for: its JSON array, `["name", …]`, in three parts. It has
        no attachments, and with the packet's head at most LARGE bytes."""
        text = b"".join((self.namespace.event_head, head, body, tail))
        session = self.session
        websocket = session.websocket
        if websocket is None or not self.connected or session.state:
            return self.send_encoded(Encoded(text))
        stats = session.engine.stats
        stats.events_out += 1
        stats.bytes_out += len(text)
        return websocket.send_text(text)

    def pause_reading(self) -> None:
        """Stops reading the client, all its namespaces; as many `resume_reading` end it. It is pinged, not blamed."""
        self.session.reading.pause()

    def resume_reading(self) -> None:
        self.session.reading.resume()

    def trust(self) -> None:
        """The application knows the client: from now on it is read as fast as it sends. See `ServerOptions.guests`."""
        self.session.trust()

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Around work that a client can make expensive: it is then not read for as long as that takes, many times."""
        began = thread_time()
        try:
            yield
        except TooManyParts:
            self.session.reading.rest(LONG_REST_S)
            raise
        finally:
            self.session.reading.rest(REST * (thread_time() - began))

    def confirm(self, done: Callable[[bool], None]) -> None:
        """`done(True)` once everything sent before this call has reached the client's program, proven by the pong of
        a ping sent after it; `done(False)` if the socket dies first. Requests share pings."""
        self.session.confirm(done)

    def on_drain(self, callback: Callable[[], None]) -> None:
        """Calls back once, when no unsent bytes are left or the socket dies; at once if that is so already."""
        self.session.budget.on_drain(callback)

    def disconnect(self, close: bool = False) -> None:
        """Leaves the namespace; with `close`, ends the whole connection."""
        if close:
            self.client.disconnect()
        elif self.connected:
            self.send_encoded(encode_disconnect(self.namespace.name))
            self.client.leave(self, "server namespace disconnect")
        elif self._early is not None and not self.doomed:
            self.send_encoded(encode_disconnect(self.namespace.name))
            self.doomed = True

    # ── called by the client ─────────────────────────────────────────────────────────────────────────────────────

    def opened(self) -> None:
        """CONNECT is answered: what the connect handler emitted goes out now."""
        self.connected = True
        early, self._early = self._early, None
        for packet, taken in early or ():
            self.send_encoded(packet, taken)

    def ended(self) -> None:
        """The socket is over: nobody will answer any more."""
        self.connected = False
        early, self._early = self._early, None
        acks, self._acks = self._acks, None
        for _, taken in early or ():
            if taken is not None:
                taken(False)
        for waiting in (acks or {}).values():
            if waiting.timer is not None:
                waiting.timer.cancel()
            if waiting.failed is not None:
                waiting.failed(Disconnected("the socket died before it acknowledged"))

    def answered(self, id: int, args: list[Any]) -> Answered | None:
        """Who waits for this acknowledgement; None if nobody does (any more)."""
        waiting = self._acks.pop(id, None) if self._acks else None
        if waiting is None:
            return None
        if waiting.timer is not None:
            waiting.timer.cancel()
        return waiting.answered

    def _ask(self, event: str, args: tuple[Any, ...], waiting: _Waiting, timeout_ms: int | None) -> bool:
        if not self.connected and self._early is None:
            return False
        acks = self._acks
        if acks is None:
            acks = self._acks = {}
        if len(acks) >= self.session.engine.options.max_pending_acks:
            raise TooManyAcks("too many unanswered acknowledgements")
        id = self._last_id + 1
        packet = encode_event(event, *args, namespace=self.namespace.name, id=b"%d" % id)
        self._last_id = id
        acks[id] = waiting
        if timeout_ms is not None:
            waiting.timer = asyncio.get_running_loop().call_later(timeout_ms / 1000, self._expire, id)
        return self.send_encoded(packet)

    def _expire(self, id: int) -> None:
        waiting = self._acks.pop(id, None) if self._acks else None
        if waiting is not None and waiting.failed is not None:
            waiting.failed(AckTimeout("the client did not acknowledge in time"))


class Ack:
    """The acknowledgement a client asked for. Counts once, and not at all when its socket is gone."""

    __slots__ = ("_id", "_socket")

    def __init__(self, socket: Socket, id: bytes) -> None:
        self._socket: Socket | None = socket
        self._id = id

    def __call__(self, *args: Any) -> None:
        """Answers with these values; bytes-like ones at any depth travel as binary."""
        socket, self._socket = self._socket, None
        if socket is not None and socket.connected:
            socket.client.session.send(encode_ack(socket.namespace.name, self._id, args))

    def raw(self, body: bytes) -> None:
        """Answers with a JSON array that is encoded already."""
        socket, self._socket = self._socket, None
        if socket is not None and socket.connected:
            socket.client.session.send(Encoded(gather(b"43", socket.namespace.prefix, self._id, body)))
