"""One port for HTTP and WebSockets: uvicorn's HTTP protocol, with upgrades taken off to an engine.

Everything that is not a WebSocket upgrade on the engine's path goes to the ASGI application as ever. After a hand-over
nothing of uvicorn is left on the connection. Also what uvicorn lacks: a request head must be complete in time and in
size. A further subclass may take more off (`Front` has no state that it hides).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from burrowspace.socketio.upgrade import UpgradeRequest

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

HEAD_SECONDS = 10.0  # for a request head, from its first byte or from the connection's begin
HEAD_BYTES = 65_536
HEADERS = 100  # of one request; each is looked at several times
URL_BYTES = 8_192
CHUNKS, CHUNK_BYTES = 8_192, 8  # so many chunks in one read, smaller than that on average, are a flood and nothing else
FLOOD_REST_S = 0.5  # how long a connection that floods is left unread before it is cut: the next one costs nothing
PIPELINED = 16  # requests that wait behind the one that is being answered
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\n\r\n"


class Upgrader(Protocol):
    """A `Server` or an `Engine`."""

    def upgrade(self, request: UpgradeRequest, transport: asyncio.Transport) -> bool: ...
    async def aclose(self) -> None: ...


class Drain:
    """Stands among uvicorn's connections for all sessions, so that its shutdown ends them and waits for it."""

    def __init__(self, upgrader: Upgrader) -> None:
        self._upgrader = upgrader
        self._task: asyncio.Task[None] | None = None

    def enter(self, connections: set[Any]) -> None:
        if self._task is None:
            self._connections = connections
            connections.add(self)

    def shutdown(self) -> None:
        """Called by uvicorn, like the `shutdown` of a connection."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._upgrader.aclose()
        finally:
            self._connections.discard(self)


class Front(HttpToolsProtocol):
    """Subclass it with `realtime` and `drain` set; `front` does."""

    realtime: ClassVar[Upgrader]
    drain: ClassVar[Drain]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], **more: Any) -> None:
        super().__init__(config, server_state, app_state, **more)
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_head = False  # between a head's first byte and its end
        self._head_bytes = 0
        self._released = False
        self._refusal: bytes | None = None  # why the parser was stopped; empty: the connection is cut
        self._pieces: list[bytes] = []  # of the body, from this read
        self._bodied_upgrade = False  # an upgrade that announces a body, which the parser would wait for

    # ── the head's deadline ──────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.drain.enter(cast("set[Any]", self.connections))
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            self._stop_parsing(b"")
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            self._stop_parsing(_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= HEADERS:
            self._stop_parsing(_TOO_LARGE)
        super().on_header(name, value)

    def _stop_parsing(self, refusal: bytes) -> None:
        """Called by the parser, which passes the error on and reads no further."""
        self._refusal = refusal
        raise ValueError("enough")

    def on_body(self, body: bytes) -> None:
        """A read may bring thousands of chunks: they are passed on together, or each would copy all before it."""
        self._pieces.append(body)
        if len(self._pieces) % CHUNKS == 0 and sum(map(len, self._pieces[-CHUNKS:])) < CHUNKS * CHUNK_BYTES:
            self._stop_parsing(b"")

    def on_message_complete(self) -> None:
        self._pass_on_body()
        super().on_message_complete()

    def _pass_on_body(self) -> None:
        if self._pieces:
            body, self._pieces = b"".join(self._pieces), []
            super().on_body(body)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            self._bodied_upgrade = any(
                name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
                for name, value in self.headers
            )

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._released:
            return  # refused, and closing
        try:
            self.parser.feed_data(data)
            self._pass_on_body()
        except httptools.HttpParserUpgrade as upgrade:
            self._stop_head_timer()
            if self._should_upgrade():
                self.take_upgrade(data[upgrade.args[0] :])
            elif self.cycle is not None:  # None: a subclass has taken the request before it off
                # answered as the plain request it also is; the parser has stopped, so it is the connection's last
                self.cycle.keep_alive = False
            return
        except httptools.HttpParserError:
            self._stop_head_timer()
            self._refuse_head()
            return
        if self._bodied_upgrade:
            self.take_upgrade(b"")  # which refuses it
            return
        if not self._in_head:
            self._stop_head_timer()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._stop_head_timer()
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _refuse_head(self) -> None:
        """What came is no request, or one that is not read to its end."""
        if self.transport.is_closing():
            return
        waits = self.cycle is not None and not self.cycle.response_complete
        if self._refusal == b"":
            self._released = True
            self.transport.pause_reading()
            self.flow.read_paused = False  # so that no answer makes uvicorn read on
            self.loop.call_later(FLOOD_REST_S, self.transport.abort)
        elif self._refusal is not None and waits:  # nothing may be said between two answers
            self.transport.abort()
        elif self._refusal is not None:
            self.transport.write(self._refusal)
            self.transport.close()
        else:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _should_upgrade(self) -> bool:
        return self._get_upgrade() == b"websocket"

    # ── upgrades ─────────────────────────────────────────────────────────────────────────────────────────────────

    def client_address(self) -> str:
        """Whom the limits per address count."""
        return self.client[0] if self.client else ""

    def seen_as(self) -> Sequence[Any]:
        """First the address, then the headers of the request whose head has come; override it behind a proxy that says
        who the client is, and by which Host it asked."""
        return self.client_address(), self.headers

    def take_upgrade(self, rest: bytes) -> None:
        """Hands the connection over. `rest` followed the request's head in the same read."""
        transport = self.transport
        if self.cycle is not None and not self.cycle.response_complete:
            # pipelined behind a request that is still being answered: nothing may be written now
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        path, _, query = self.url.partition(b"?")
        address, headers = self.seen_as()[:2]
        request = UpgradeRequest(
            path=unquote(path.decode("latin-1")),
            query=query,
            headers=headers,
            address=address,
            method=self.parser.get_method().decode("ascii"),
            http_version=self.parser.get_http_version(),
            rest=rest,
        )
        self.release()
        self.realtime.upgrade(request, transport)

    def release(self) -> None:
        """Lets go of the connection: uvicorn counts it no longer, and this object is garbage."""
        self.connections.discard(self)
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        self._released = True
        self.parser = None  # type: ignore[assignment]
        self.scope = self.headers = self.cycle = None  # type: ignore[assignment]


def front(realtime: Upgrader, base: type[Front] = Front, **more: Any) -> type[Front]:
    """The protocol class for uvicorn's `Config(http=…, ws="none")`; `base` may take more off, with `more` set on it."""
    return type("RealtimeFront", (base,), {"realtime": realtime, "drain": Drain(realtime), **more})
