"""A Socket.IO server: namespaces on top of an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from burrowspace.socketio.client import Client
from burrowspace.socketio.engine import Engine
from burrowspace.socketio.namespace import Namespace
from burrowspace.socketio.options import ServerOptions
from burrowspace.socketio.stats import Stats

if TYPE_CHECKING:
    from burrowspace.socketio.asgi import Receive, Scope, Send
    from burrowspace.socketio.session import Session
    from burrowspace.socketio.upgrade import UpgradeRequest


class Server:
    """Mount it as an ASGI application on `options.path`, and hand it WebSocket upgrades (see `front.py`)."""

    def __init__(self, options: ServerOptions | None = None) -> None:
        self.engine = Engine(options or ServerOptions(), self._accept)
        self.namespaces: dict[str, Namespace] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def options(self) -> ServerOptions:
        return self.engine.options

    @property
    def stats(self) -> Stats:
        return self.engine.stats

    @property
    def sockets(self) -> int:
        """Engine sessions, one per client program."""
        return len(self.engine.sessions)

    def of(self, name: str = "/") -> Namespace:
        """The namespace of that name, made when it is first asked for."""
        namespace = self.namespaces.get(name)
        if namespace is None:
            namespace = self.namespaces[name] = Namespace(name)
        return namespace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: the polling transport and every HTTP error answer."""
        await self.engine(scope, receive, send)

    def upgrade(self, request: UpgradeRequest, transport: asyncio.Transport) -> bool:
        """Takes over a connection that asks to become a WebSocket; False if it was refused, with an HTTP error."""
        return self.engine.upgrade(request, transport)

    def shed(self, count: int) -> None:
        """Sends up to so many clients away, which come again; see Engine."""
        self.engine.shed(count)

    async def aclose(self) -> None:
        """Ends every session and every handler at work. Bounded; may run twice."""
        await self.engine.aclose()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs an asynchronous handler."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accept(self, session: Session) -> Client:
        return Client(self, session)
