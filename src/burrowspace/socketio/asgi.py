"""The HTTP side of an engine as ASGI: handshakes, polls, posts, preflights and every error answer.

It moves bodies; `Engine.verify` says who may, `Polling` and `Session` say what is in them.
Spec: docs/spec/realtime.md, "Polling".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from burrowspace.socketio import engine_packet as ep
from burrowspace.socketio.errors import BadPacket, Refused
from burrowspace.socketio.session import Session, State

if TYPE_CHECKING:
    from burrowspace.socketio.options import ServerOptions
    from burrowspace.socketio.polling import Polling
    from burrowspace.socketio.stats import Stats

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

TEXT = b"text/plain; charset=UTF-8"
JSON = b"application/json"
TURN = 100  # packets of one body that are heard before others get a turn
HEADER_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,1000}")


class Sessions(Protocol):
    """The engine, as far as HTTP goes."""

    @property
    def options(self) -> ServerOptions: ...
    @property
    def stats(self) -> Stats: ...
    def matches(self, path: str) -> bool: ...
    def verify(
        self, method: str, query: bytes, header: Callable[[bytes], str | None], *, upgrade: bool
    ) -> Session | None: ...
    def open_polling(self, address: str, header: Callable[[bytes], str | None]) -> tuple[Session, Polling]: ...


async def serve(engine: Sessions, scope: Scope, receive: Receive, send: Send) -> None:
    """One request."""
    if scope["type"] == "websocket":
        # only a server front without `Front` sends us these: they cannot be served from here
        await receive()
        await send({"type": "websocket.close", "code": 1011})
        return
    if scope["type"] != "http":
        raise RuntimeError(f"not served: {scope['type']}")

    def header(name: bytes) -> str | None:
        for key, value in scope["headers"]:
            if key == name:
                return str(value.decode("latin-1"))
        return None

    method: str = scope["method"]
    extra = cors(engine.options, header)
    try:
        if not engine.matches(scope["path"]):
            raise Refused(404, 3, "Not found", why="path")
        if method == "OPTIONS":
            await _answer(send, 204, b"", TEXT, extra + _preflight(header))
            return
        session = engine.verify(method, scope["query_string"], header, upgrade=False)
        if session is None:
            await _fetch(*engine.open_polling((scope.get("client") or ("", 0))[0], header), send, extra)
        elif method == "GET":
            await _poll(session, receive, send, extra)
        elif method == "POST":
            await _post(session, header, receive, send, extra)
        else:
            raise Refused.bad_method()
    except Refused as refused:
        engine.stats.refuse(refused.why)
        body = json.dumps({"code": refused.code, "message": refused.message}, separators=(",", ":")).encode()
        if refused.status in (408, 413):
            extra = [*extra, (b"connection", b"close")]  # the rest of the body is not read
        await _answer(send, refused.status, body, JSON, extra)


async def _poll(session: Session, receive: Receive, send: Send, extra: list[Header]) -> None:
    """A GET: waits for packets. A second one at the same time ends the session, and so does one that goes away."""
    polling = session.polling
    assert polling is not None
    if polling.polled:
        session.close("transport error")
        raise Refused.bad_request("overlapping poll")
    waiter = polling.poll()
    if not waiter.done():
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait((waiter, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not waiter.done():
                polling.unpoll()
                session.close("transport error")
        if not waiter.done():
            return
    await _fetch(session, polling, send, extra)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _fetch(session: Session, polling: Polling, send: Send, extra: list[Header]) -> None:
    """Answers a GET with all that is queued."""
    body, queue, ended = polling.take()
    if ended and session.state is State.CLOSING:
        session.fetched()
    arrived = False
    try:
        await _answer(send, 200, body, TEXT, extra)
        arrived = True
    finally:
        for _, taken in queue:
            if taken is not None:
                taken(arrived)
    if session.state is State.OPEN and not session.buffered:
        session.budget.drained()


async def _post(
    session: Session, header: Callable[[bytes], str | None], receive: Receive, send: Send, extra: list[Header]
) -> None:
    """A POST: its packets in order, then `ok`. A second one at the same time ends the session."""
    polling = session.polling
    assert polling is not None
    if session.state is not State.OPEN:
        raise Refused.bad_request("closing")
    if polling.posting:
        session.close("transport error")
        raise Refused.bad_request("overlapping post")
    if header(b"content-type") == "application/octet-stream":
        session.close("transport error")
        raise Refused.bad_request("content type")
    polling.posting = True
    try:
        try:
            async with asyncio.timeout(session.engine.options.body_timeout_ms / 1000):
                body = await _body(receive, header(b"content-length"), session.engine.options.max_payload)
        except TimeoutError:
            session.close("transport error")
            raise Refused(408, 3, "Request timeout", why="body too slow") from None
        if body is None:
            session.close("transport error")
            return
        await _deliver(session, body)
    finally:
        polling.posting = False
    await _answer(send, 200, b"ok", b"text/html", extra)


async def _body(receive: Receive, length: str | None, limit: int) -> bytes | None:
    """The body of a request; None if the client went away. Refused if it is too long."""
    if length is not None and length.isdigit() and int(length[:20]) > limit:
        raise Refused(413, 3, "Payload too large", why="payload too large")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise Refused(413, 3, "Payload too large", why="payload too large")
        if not message.get("more_body", False):
            return bytes(body)


async def _deliver(session: Session, body: bytes) -> None:
    try:
        packets = ep.split_payload(body)
    except BadPacket:
        packets = iter((b"",))  # which is no packet, and ends the session as one
    for number, packet in enumerate(packets, 1):
        if number % TURN == 0:
            await asyncio.sleep(0)
        if session.reading.paused:
            await session.reading.readable()
        if session.state is not State.OPEN:
            break
        session.text(packet)
    if session.reason in ("parse error", "transport error"):
        raise Refused.bad_request("bad packet")


async def _answer(send: Send, status: int, body: bytes, content_type: bytes, extra: list[Header]) -> None:
    headers = [(b"cache-control", b"no-store"), *extra]
    if status != 204:
        headers += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def cors(options: ServerOptions, header: Callable[[bytes], str | None]) -> list[Header]:
    """What lets a browser page of another, allowed origin read the answer."""
    if options.cors is not None:
        return [(b"access-control-allow-origin", options.cors.encode("latin-1"))]
    origin = header(b"origin")
    if origin is None:
        return []
    vary = (b"vary", b"Origin")
    if not options.origin_allowed(origin, header(b"host")):
        return [vary]
    return [(b"access-control-allow-origin", origin.encode("latin-1")), vary]


def _preflight(header: Callable[[bytes], str | None]) -> list[Header]:
    asked = header(b"access-control-request-headers") or ""
    allowed = asked if HEADER_NAMES.fullmatch(asked) else "content-type"
    return [
        (b"access-control-allow-methods", b"GET,POST,OPTIONS"),
        (b"access-control-allow-headers", allowed.encode("latin-1")),
        (b"access-control-max-age", b"600"),
    ]
