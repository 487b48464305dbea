"""An Engine.IO 4 server: who may open a session, which sessions there are, and how all of them end.

It checks requests and hands them on: HTTP to `asgi.py`, upgrades to `upgrade.py`, messages to the receiver that
`accept` gives for each session. Spec: docs/spec/realtime.md.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl

from burrowspace.socketio import asgi
from burrowspace.socketio.asgi import Header, Receive, Scope, Send
from burrowspace.socketio.engine_base import EngineBase
from burrowspace.socketio.errors import Refused
from burrowspace.socketio.options import ServerOptions
from burrowspace.socketio.polling import Polling
from burrowspace.socketio.receiver import Receiver
from burrowspace.socketio.session import Session, State
from burrowspace.socketio.upgrade import UpgradeRequest, refuse, take_over
from burrowspace.socketio.websocket import WebSocket

QUERY_LIMIT = 4096  # bytes


class Engine(EngineBase):
    """The sessions of one server. Serves HTTP as an ASGI application; takes WebSockets through `upgrade`."""

    def __init__(self, options: ServerOptions, accept: Callable[[Session], Receiver]) -> None:
        super().__init__(options)
        self.sessions: dict[str, Session] = {}
        self.websockets: set[WebSocket] = set()
        self.closed = False
        self._accept = accept
        self._per_address: dict[str, int] = {}
        self._emptied: asyncio.Future[None] | None = None  # while aclose waits for the last connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asgi.serve(self, scope, receive, send)

    def matches(self, path: str) -> bool:
        """Whether a request to this path is ours."""
        return path == self.options.path or path + "/" == self.options.path

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────

    def verify(
        self, method: str, query: bytes, header: Callable[[bytes], str | None], *, upgrade: bool
    ) -> Session | None:
        """The session a request asks for, None if it wants a new one. Refused, as Node's engine does it."""
        if len(query) > QUERY_LIMIT:
            raise Refused.bad_request("query")
        asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        transport = asked.get("transport")
        if transport not in self.options.transports:
            raise Refused.unknown_transport()
        if not self.options.origin_allowed(header(b"origin"), header(b"host")):
            raise Refused.forbidden()
        sid = asked.get("sid")
        if sid:
            session = self.sessions.get(sid)
            if session is None or (session.state is State.OPEN and session.expired()):
                raise Refused.unknown_session()
            if not upgrade and (transport != "polling" or session.polling is None):
                raise Refused.bad_request("transport mismatch")
            if upgrade and transport != "websocket":
                raise Refused.bad_request("transport mismatch")
            return session
        if method != "GET":
            raise Refused.bad_method()
        if (transport == "websocket") is not upgrade:
            raise Refused.bad_request("transport mismatch")
        if asked.get("EIO") != "4":
            raise Refused.unsupported_version()
        return None

    def admit(self, address: str) -> None:
        """Refused when there are too many sessions already."""
        if self.closed:
            raise Refused(503, 4, "Shutting down", why="shutting down")
        if len(self.sessions) >= self.options.max_sockets:
            raise Refused(503, 4, "Too many sockets", why="too many sockets")
        key = self.options.counted(address)
        if key is not None and self._per_address.get(key, 0) >= self.options.max_sockets_per_address:
            raise Refused(429, 4, "Too many sockets", why="too many sockets of one address")

    def open_polling(self, address: str, header: Callable[[bytes], str | None]) -> tuple[Session, Polling]:
        self.admit(address)
        session = self._session(address, header)
        session.polling = polling = Polling(session)
        session.open(self._accept)
        return session, polling

    def upgrade(self, request: UpgradeRequest, transport: asyncio.Transport) -> bool:
        """Takes over a connection that asks to become a WebSocket; False if it was refused, with an HTTP error."""
        headers: list[Header] = []
        try:
            headers = asgi.cors(self.options, request.header)
            if not self.matches(request.path):
                raise Refused(404, 3, "Not found", why="path")
            session = self.verify(request.method, request.query, request.header, upgrade=True)
            key = request.key()
            if session is None:
                self.admit(request.address)
        except Refused as refused:
            self.stats.refuse(refused.why)
            refuse(transport, refused, headers)
            return False

        def begin(websocket: WebSocket) -> None:
            if session is None:
                self._open_websocket(websocket, request)
            else:
                self._probe(websocket, session)

        take_over(self, key, request.rest, transport, begin)
        return True

    def _open_websocket(self, websocket: WebSocket, request: UpgradeRequest) -> None:
        session = self._session(request.address, request.header)
        session.websocket = websocket
        websocket.session = session
        websocket.promote()
        session.open(self._accept)

    def _probe(self, websocket: WebSocket, session: Session) -> None:
        """A second connection of a session: at most one at a time, and only while it polls."""
        if session.polling is None or session.probe is not None or not self.upgradable:
            self.stats.refuse("second websocket")
            websocket.shut(1008)
        else:
            session.probe = websocket
            websocket.probe(session)

    def _session(self, address: str, header: Callable[[bytes], str | None]) -> Session:
        kept = {name: value for name in self.options.keep_headers if (value := header(name.encode())) is not None}
        session = Session(self, secrets.token_urlsafe(15), address, kept or None)
        self.sessions[session.id] = session
        key = self.options.counted(address)
        if key is not None:
            self._per_address[key] = self._per_address.get(key, 0) + 1
        self.stats.opened += 1
        self.stats.sockets += 1
        return session

    # ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────

    def forget(self, session: Session) -> None:
        if self.sessions.pop(session.id, None) is None:
            return
        self.timers.forget(session)
        self.stats.sockets -= 1
        self.stats.closed += 1
        key = self.options.counted(session.address)
        if key is None:
            return
        left = self._per_address.get(key, 1) - 1
        if left > 0:
            self._per_address[key] = left
        else:
            self._per_address.pop(key, None)

    def came(self, connection: WebSocket) -> None:
        self.websockets.add(connection)

    def gone(self, connection: WebSocket) -> None:
        self.timers.forget(connection)
        self.websockets.discard(connection)
        if self._emptied is not None and not self.websockets and not self._emptied.done():
            self._emptied.set_result(None)

    def shed(self, count: int) -> None:
        """Ends up to so many sessions, the oldest first: CLOSE 1012 on a WebSocket, a close packet to a poll. Clients
        come again, to this server or another one."""
        for session in list(itertools.islice(self.sessions.values(), count)):
            session.close("server restarts", code=1012)

    async def aclose(self) -> None:
        """Ends every session: CLOSE 1001 on a WebSocket, a close packet to a poll. Bounded; may run twice."""
        self.closed = True
        for session in list(self.sessions.values()):
            session.close("server shutting down", code=1001)
        for websocket in list(self.websockets):
            websocket.shut(1001)
        if self.websockets:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._emptied,), timeout=self.options.close_timeout_ms / 1000)
        for websocket in list(self.websockets):
            websocket.transport.disconnect(graceful=False)
        self.timers.close()
