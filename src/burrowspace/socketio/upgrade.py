"""A WebSocket upgrade request, checked, and the hand-over of its connection to `picows`.

`picows` gets a request of our own with four headers, not the client's head: it keeps what it is given for as long as
the connection lives. Extensions are never offered back, permessage-deflate above all: it costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stubs

from burrowspace.socketio.errors import Refused
from burrowspace.socketio.inlet import Inlet
from burrowspace.socketio.websocket import WebSocket

if TYPE_CHECKING:
    from burrowspace.socketio.engine_base import EngineBase

Headers = Iterable[tuple[bytes, bytes]]

# One answer for all: picows sets its Sec-WebSocket-Accept and sends it before the next request can come in.
SWITCHING = WSUpgradeResponse.create_101_response()

NOBODY = asyncio.Protocol()  # uvloop remembers the last plain protocol's method: let it not be uvicorn's

HEAD = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
)


class _Silent(logging.LoggerAdapter[logging.Logger]):
    """picows says something at every connection; a LoggerAdapter also keeps it from making a Logger for each."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def exception(self, msg: object, *args: object, **_: object) -> None:
        self.logger.exception(msg, *args)  # a bug of ours, not a peer's misbehaviour


SILENT = _Silent(logging.getLogger("burrowspace.socketio"), {})


@dataclass(slots=True)
class UpgradeRequest:
    """What a server front knows of an upgrade request. Header names are in small letters."""

    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    address: str
    method: str = "GET"
    http_version: str = "1.1"
    rest: bytes = field(default=b"", repr=False)  # bytes of the same read that followed the head

    def header(self, name: bytes) -> str | None:
        """The value of a header that stands there once; None if it is missing. Refused if it stands there twice."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise Refused.bad_request("repeated header")
        return values[0].decode("latin-1").strip() if values else None

    def key(self) -> bytes:
        """The client's Sec-WebSocket-Key, once everything RFC 6455 asks of the request holds."""
        connection = b",".join(value for name, value in self.headers if name == b"connection").lower()
        if self.method != "GET" or self.http_version != "1.1":
            raise Refused.bad_request("method")
        if (self.header(b"upgrade") or "").lower() != "websocket":
            raise Refused.bad_request("upgrade")
        if b"upgrade" not in [token.strip() for token in connection.split(b",")]:
            raise Refused.bad_request("connection")
        if self.header(b"transfer-encoding") is not None or (self.header(b"content-length") or "0") != "0":
            raise Refused.bad_request("body")
        if self.header(b"sec-websocket-version") != "13":
            raise Refused(426, 3, "Bad request", why="version")
        key = (self.header(b"sec-websocket-key") or "").encode("latin-1")
        try:
            nonce = base64.b64decode(key, validate=True)
        except binascii.Error:
            nonce = b""
        if len(nonce) != 16:
            raise Refused.bad_request("key")
        return key


def take_over(
    engine: EngineBase, key: bytes, rest: bytes, transport: asyncio.Transport, begin: Callable[[WebSocket], None]
) -> None:
    """Makes the connection a WebSocket; `begin` is called within, once the 101 is written."""
    listener = WebSocket(engine, begin)
    response = WSUpgradeResponseWithListener(SWITCHING, listener)

    def answer(_: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return response

    options = engine.options
    protocol: Any = WSProtocol(
        None,
        None,
        False,
        answer,
        SILENT,
        True,
        None,
        False,
        0,
        0,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,
        options.max_payload,
        None,
        options.read_buffer_init_size,
    )
    transport.set_write_buffer_limits(high=0, low=0)
    transport.set_protocol(NOBODY)
    listener.inlet = Inlet(protocol, transport, engine.turns, guest=options.guests)
    transport.set_protocol(listener.inlet)
    protocol.connection_made(transport)
    data = HEAD % key + rest
    while data and not transport.is_closing():
        space = protocol.get_buffer(-1)
        size = min(len(space), len(data))
        space[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]


def refuse(transport: asyncio.Transport, refused: Refused, headers: Headers = ()) -> None:
    """Answers an upgrade request with an HTTP error and closes the connection."""
    body = json.dumps({"code": refused.code, "message": refused.message}, separators=(",", ":")).encode()
    lines = [
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}".encode(),
        b"connection: close",
        b"content-type: application/json",
        b"content-length: %d" % len(body),
    ]
    if refused.status == 426:
        lines += [b"upgrade: websocket", b"sec-websocket-version: 13"]
    lines += [name + b": " + value for name, value in headers]
    transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    transport.close()
