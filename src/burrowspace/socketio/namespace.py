"""A namespace: its handlers and the sockets that joined it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from burrowspace.socketio.encoded import EVENT_HEAD
from burrowspace.socketio.packet import RESERVED, encode_event, prefix
from burrowspace.socketio.socket import ConnectHandler, DisconnectHandler, Handler, RawHandler, Socket

H = TypeVar("H", bound=Handler)
R = TypeVar("R", bound=RawHandler)


class Namespace:
    """Register handlers before clients come; `sockets` is by socket id, connected ones only."""

    __slots__ = (
        "_any",
        "_handlers",
        "connect_handler",
        "disconnect_handler",
        "event_head",
        "name",
        "prefix",
        "raw",
        "sockets",
    )

    def __init__(self, name: str) -> None:
        if not name.startswith("/") or "," in name:
            raise ValueError("a namespace starts with a slash and has no comma")
        self.name = name
        self.prefix = prefix(name)
        self.event_head = EVENT_HEAD + self.prefix  # made once: every signal that is passed on begins with it
        self.sockets: dict[str, Socket] = {}
        self.raw: dict[bytes, RawHandler] = {}  # by event name, as it stands in the packet
        self.connect_handler: ConnectHandler | None = None
        self.disconnect_handler: DisconnectHandler | None = None
        self._handlers: dict[str, Handler] = {}
        self._any: Handler | None = None

    def on(self, event: str) -> Callable[[H], H]:
        """Registers `handler(socket, *args)`, plain or async. What it returns is the acknowledgement, if the client
        asked for one: a tuple gives several values, None gives none."""
        self._check(event)

        def register(handler: H) -> H:
            self._handlers[event] = handler
            return handler

        return register

    def on_raw(self, event: str) -> Callable[[R], R]:
        """Registers `handler(socket, body, attachments, ack)`, the fast path.

        `body` is the JSON array as it came, valid UTF-8 and not looked at: raise BadPacket if it is not what it
        should be. Placeholders in it are not checked against the attachments either.
        """
        self._check(event)

        def register(handler: R) -> R:
            self.raw[event.encode()] = handler
            return handler

        return register

    def on_any(self, handler: H) -> H:
        """Registers `handler(socket, event, *args)` for events that have no handler of their own."""
        self._any = handler
        return handler

    def on_connect(self, handler: ConnectHandler) -> ConnectHandler:
        """Registers `handler(socket, auth)`; ConnectRefused turns the client away. What it emits follows CONNECT."""
        self.connect_handler = handler
        return handler

    def on_disconnect(self, handler: DisconnectHandler) -> DisconnectHandler:
        """Registers `handler(socket, reason)`. Reasons: "transport close", "transport error", "ping timeout",
        "parse error", "client namespace disconnect", "server namespace disconnect", "server shutting down", "slow"."""
        self.disconnect_handler = handler
        return handler

    def handler(self, event: str) -> tuple[Handler | None, tuple[str, ...]]:
        """Who handles an event, and what comes before the event's own arguments."""
        handler = self._handlers.get(event)
        return (handler, ()) if handler is not None else (self._any, (event,))

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to every socket here, encoded once."""
        packet = encode_event(event, *args, namespace=self.name)
        for socket in list(self.sockets.values()):
            socket.send_encoded(packet)

    @staticmethod
    def _check(event: str) -> None:
        if event in RESERVED:
            raise ValueError(f"{event!r} is a reserved event name")
