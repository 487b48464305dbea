"""What can go wrong between a Socket.IO server and a client, as one tree.

SocketIOError
├── BadPacket        the client broke the protocol: its connection, and only its, is closed
│   └── TooManyParts JSON that may be valid, but would cost too much to look at
├── Refused          an HTTP request the engine does not take: status, Engine.IO code, message
├── ConnectRefused   raised by a connect handler: becomes a CONNECT_ERROR packet
├── TooManyAcks      more unanswered acknowledgements than one socket may have
├── AckTimeout       the client did not acknowledge in time (also a TimeoutError)
└── Disconnected     the socket died before it acknowledged (also a ConnectionError)
"""

from __future__ import annotations

from typing import Any


class SocketIOError(Exception):
    """The root of this package's errors."""


class BadPacket(SocketIOError):
    """What the client sent is not the protocol; a handler may raise it for a payload it cannot read."""


class TooManyParts(BadPacket):
    """The JSON has more brackets and quotes than one event may; a handler may refuse that event alone."""


class Refused(SocketIOError):
    """An HTTP request is answered with an error instead of a session. `code` is Engine.IO's, 0 to 5."""

    def __init__(self, status: int, code: int, message: str, *, why: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.why = why or message.lower()

    @classmethod
    def unknown_transport(cls) -> Refused:
        return cls(400, 0, "Transport unknown")

    @classmethod
    def unknown_session(cls) -> Refused:
        return cls(400, 1, "Session ID unknown")

    @classmethod
    def bad_method(cls) -> Refused:
        return cls(400, 2, "Bad handshake method")

    @classmethod
    def bad_request(cls, why: str = "") -> Refused:
        return cls(400, 3, "Bad request", why=why)

    @classmethod
    def forbidden(cls, why: str = "origin") -> Refused:
        return cls(403, 4, "Forbidden", why=why)

    @classmethod
    def unsupported_version(cls) -> Refused:
        return cls(400, 5, "Unsupported protocol version")


class ConnectRefused(SocketIOError):
    """A connect handler turns the client away; `data` travels to the client beside the message."""

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class TooManyAcks(SocketIOError):
    """The socket already has as many unanswered acknowledgements as it may; the event was not sent."""


class AckTimeout(SocketIOError, TimeoutError):
    """The client did not acknowledge in time."""


class Disconnected(SocketIOError, ConnectionError):
    """The socket is gone, or died before it acknowledged."""
