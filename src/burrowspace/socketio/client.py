"""The Socket.IO side of one connection: which namespaces it joined, and what its packets set in motion.

A Receiver of an engine session. Who acts: the session feeds it; it calls the application's handlers. One malformed
packet ends this connection and no other. Spec: docs/spec/realtime.md, "Socket.IO".
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable
from contextlib import suppress
from math import inf
from time import thread_time
from typing import TYPE_CHECKING, Any, Protocol

from burrowspace.socketio import packet as sp
from burrowspace.socketio.calls import Calls, Spawns
from burrowspace.socketio.encoded import Binary
from burrowspace.socketio.errors import BadPacket, ConnectRefused
from burrowspace.socketio.socket import REST, Ack, RawHandler, Socket

if TYPE_CHECKING:
    from burrowspace.socketio.namespace import Namespace
    from burrowspace.socketio.session import Session

logger = logging.getLogger("burrowspace.socketio")

EVENT = sp.EVENT
LARGE = 4096  # bytes of a packet off the short path whose decoding is paid for with a rest


class Namespaces(Spawns, Protocol):
    """The server, as its connections see it."""

    namespaces: dict[str, Namespace]


class Client:
    """One connection and its sockets, by namespace."""

    __slots__ = (
        "_attachments",
        "_calls",
        "_connect_by",
        "_head",
        "_pending",
        "_pending_by",
        "_raw",
        "_root",
        "_server",
        "_size",
        "_sockets",
        "session",
        "wake",
    )

    def __init__(self, server: Namespaces, session: Session) -> None:
        timers = session.engine.timers
        self.session = session
        self.wake = inf
        self._server = server
        self._sockets: dict[str, Socket] = {}
        self._root: Socket | None = None  # the socket of "/", for the short path
        self._raw: dict[bytes, RawHandler] = {}  # its raw handlers
        self._head: sp.Head | None = None  # of the packet whose attachments are coming in
        self._pending = b""  # that packet
        self._pending_by = inf  # when the last attachment must be there
        self._attachments: list[Binary] = []
        self._size = 0  # bytes of them
        self._calls = Calls(server, session)
        self._connect_by = timers.now() + session.engine.options.connect_timeout_ms / 1000
        timers.wake_by(self, self._connect_by)

    # ── Receiver ─────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, packet: bytes) -> None:
        if self._head is not None:
            raise BadPacket("text amid the attachments of a packet")
        root = self._root
        if root is not None and packet[1] == EVENT:
            # the short path: 42["name"… and 42<id>["name"… of a raw handler, nothing parsed
            if packet.startswith(b'["', 2):
                handler = self._raw.get(packet[4 : packet.find(b'"', 4)])
                if handler is not None:
                    try:
                        handler(root, packet[2:], (), None)
                    except BadPacket:
                        raise
                    except Exception:
                        logger.exception("a raw handler failed")
                    return
            elif (start := packet.find(b'["', 3, 20)) > 2 and (digits := packet[2:start]).isdigit():
                handler = self._raw.get(packet[start + 2 : packet.find(b'"', start + 2)])
                if handler is not None:
                    self._call_raw(handler, root, packet[start:], (), Ack(root, sp.ack_id(digits)))
                    return
        if len(packet) < LARGE:
            self._packet(packet)
        else:
            began = thread_time()
            try:
                self._packet(packet)
            finally:
                self.session.reading.rest(REST * (thread_time() - began))

    def binary(self, data: Binary) -> None:
        head = self._head
        if head is None:
            raise BadPacket("binary without a packet that announced it")
        self._size += len(data)
        if self._size > self.session.engine.options.max_payload:
            raise BadPacket("the attachments are too large")
        self._attachments.append(data)
        if len(self._attachments) == head.attachments:
            packet, attachments = self._pending, self._attachments
            self._forget_pending()
            if head.kind == sp.BINARY_EVENT:
                self._event(head, packet, attachments)
            else:
                self._ack(head, packet, attachments)

    def closed(self, reason: str) -> None:
        self._forget_pending()
        self.session.engine.timers.forget(self)
        for socket in list(self._sockets.values()):
            self.leave(socket, reason)

    def tick(self, now: float) -> float:
        """See timers.Target."""
        if now >= self._connect_by:
            self.session.close("connect timeout", flush=True)
            return inf
        if now >= self._pending_by:
            self.session.break_off()
            return inf
        return min(self._connect_by, self._pending_by)

    # ── packets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _packet(self, packet: bytes) -> None:
        head = sp.read_head(packet)
        kind = head.kind
        if kind == sp.CONNECT:
            self._connect(head.namespace, sp.read_connect(packet[head.start :]))
            return
        socket = self._sockets.get(head.namespace)
        if socket is None or not socket.connected:
            raise BadPacket("a packet for a namespace that was not joined")
        if kind == sp.EVENT:
            self._event(head, packet, ())
        elif kind == sp.ACK:
            self._ack(head, packet, ())
        elif kind == sp.DISCONNECT:
            if head.id is not None or head.start != len(packet):
                raise BadPacket("DISCONNECT has no payload")
            self.leave(socket, "client namespace disconnect")
        elif kind == sp.CONNECT_ERROR:
            raise BadPacket("CONNECT_ERROR is the server's to send")
        else:
            self._announce(head, packet)

    def _announce(self, head: sp.Head, packet: bytes) -> None:
        """The head of a packet with attachments."""
        options = self.session.engine.options
        if head.attachments > options.max_attachments:
            raise BadPacket("too many attachments")
        self._head, self._pending = head, packet
        timers = self.session.engine.timers
        self._pending_by = timers.now() + options.attachment_deadline_ms / 1000
        timers.wake_by(self, self._pending_by)

    def _forget_pending(self) -> None:
        self._head, self._pending, self._pending_by = None, b"", inf
        self._attachments, self._size = [], 0

    def _event(self, head: sp.Head, packet: bytes, attachments: list[Binary] | tuple[()]) -> None:
        socket = self._sockets.get(head.namespace)
        if socket is None or not socket.connected:
            return  # it left while its attachments came in
        body = packet[head.start :]
        raw = socket.namespace.raw
        ack = Ack(socket, head.id) if head.id is not None else None
        if raw and (handler := raw.get(sp.raw_name(body))) is not None:
            if attachments:
                # what is passed on unread must not break whoever it is passed to: its placeholders are looked at
                sp.read_event(body, (b"",) * len(attachments))
            self._call_raw(handler, socket, body, attachments, ack)
            return
        name, args = sp.read_event(body, attachments)
        found, before = socket.namespace.handler(name)
        if found is not None:
            self._calls.call(name, found, socket, *before, *args, ack=ack)

    def _ack(self, head: sp.Head, packet: bytes, attachments: list[Binary] | tuple[()]) -> None:
        if head.id is None:
            raise BadPacket("an acknowledgement without an id")
        args = sp.read_ack(packet[head.start :], attachments)
        socket = self._sockets.get(head.namespace)
        answered = socket.answered(int(head.id), args) if socket is not None else None
        if answered is not None:
            self._calls.call("an acknowledgement", answered, *args)

    # ── namespaces ───────────────────────────────────────────────────────────────────────────────────────────────

    def _connect(self, name: str, auth: dict[str, Any]) -> None:
        if name in self._sockets:
            raise BadPacket("the namespace is joined already")
        namespace = self._server.namespaces.get(name)
        if namespace is None:
            self.session.send(sp.encode_connect_error(name, "Invalid namespace"))
            return
        if len(self._sockets) >= self.session.engine.options.max_namespaces:
            self.session.send(sp.encode_connect_error(name, "Too many namespaces"))
            return
        socket = self._sockets[name] = Socket(namespace, self)
        if namespace.connect_handler is None:
            self._joined(socket)
            return
        try:
            result = namespace.connect_handler(socket, auth)
        except Exception as error:
            self._turned_away(socket, error)
            return
        if inspect.isawaitable(result):
            self._server.spawn(self._finish_connect(socket, result))
        else:
            self._joined(socket)

    async def _finish_connect(self, socket: Socket, result: Awaitable[None]) -> None:
        try:
            await result
        except Exception as error:
            self._turned_away(socket, error)
        else:
            self._joined(socket)

    def _joined(self, socket: Socket) -> None:
        namespace = socket.namespace
        if self._sockets.get(namespace.name) is not socket:
            return  # the connection died, or the handler disconnected the socket
        self._connect_by = inf
        if namespace.name == "/":
            self._root, self._raw = socket, namespace.raw
        namespace.sockets[socket.id] = socket
        self.session.send_alone(sp.encode_connect(namespace.name, socket.id))
        socket.opened()
        if socket.doomed:
            self.leave(socket, "server namespace disconnect")

    def _turned_away(self, socket: Socket, error: Exception) -> None:
        if isinstance(error, ConnectRefused):
            message, data = error.message, error.data
        else:
            logger.error("the connect handler of %s failed", socket.namespace.name, exc_info=error)
            message, data = "Internal server error", None
        if self._sockets.get(socket.namespace.name) is socket:
            del self._sockets[socket.namespace.name]
            socket.ended()
            self.session.send(sp.encode_connect_error(socket.namespace.name, message, data))

    def leave(self, socket: Socket, reason: str) -> None:
        """The socket leaves its namespace, whoever wanted it."""
        namespace = socket.namespace
        if self._sockets.get(namespace.name) is not socket:
            return
        del self._sockets[namespace.name]
        if socket is self._root:
            self._root, self._raw = None, {}
        was_connected = socket.connected
        namespace.sockets.pop(socket.id, None)
        socket.ended()
        if was_connected and namespace.disconnect_handler is not None:
            with suppress(BadPacket):  # nobody is left to be told
                self._calls.call("disconnect", namespace.disconnect_handler, socket, reason)

    def disconnect(self) -> None:
        """Leaves every namespace, as the server's wish, and ends the connection."""
        for socket in list(self._sockets.values()):
            if socket.connected:
                socket.disconnect()
            else:
                self.leave(socket, "server namespace disconnect")
        self.session.close("server namespace disconnect", flush=True)

    def _call_raw(
        self,
        handler: RawHandler,
        socket: Socket,
        body: bytes,
        attachments: list[Binary] | tuple[()],
        ack: Ack | None,
    ) -> None:
        try:
            handler(socket, body, attachments, ack)
        except BadPacket:
            raise
        except Exception:
            logger.exception("a raw handler of %s failed", socket.namespace.name)
