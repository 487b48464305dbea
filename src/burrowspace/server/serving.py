"""The one port: listening on it, and serving the application on it for as long as a context lasts."""

import asyncio
import contextlib
import gc
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from burrowspace.config import Settings
from burrowspace.faults import why
from burrowspace.server.build import App
from burrowspace.server.bulk.front import BulkFront
from burrowspace.server.bulk.watch import watch
from burrowspace.server.lan import announce, withdraw
from burrowspace.server.tls.tls_sniff import TlsSniffer
from burrowspace.socketio.front import front
from burrowspace.system.heap import tune_heap
from burrowspace.system.ports import for_us_alone

log = structlog.get_logger("server")

_BACKLOG = 4096


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would end the process by the signal instead of with 0."""

    grace_s = 0.0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What has not ended in time loses its connection, and with that it ends as it would on any other day."""
        end = asyncio.get_running_loop().call_later(self.grace_s, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

    def _cut_off(self) -> None:
        running = [held.transport for held in self.server_state.connections if isinstance(held, HttpToolsProtocol)]
        log.warning("requests that did not end in time are cut off", connections=len(running))
        for transport in running:
            transport.abort()


@contextlib.asynccontextmanager
async def serving(app: App, listener: socket.socket, *, brief: bool = False) -> AsyncIterator[uvicorn.Server]:
    """The application, served on `listener` for as long as the context lasts; drained and closed behind it.

    `brief`: for one transfer; it says so where it announces itself.
    """
    app.reach.port = listener.getsockname()[1]
    app.reach.look()
    await app.bus.open(app.driver.nodes.has)
    await app.driver.open()
    await app.stun.open()
    server = _Server(_config(app))
    server.grace_s = app.settings.grace_s
    sockets = [listener, *_twin(listener)]
    task = asyncio.create_task(server.serve(sockets=sockets))
    while not server.started and not task.done():  # noqa: ASYNC110  (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    looking = None
    try:
        _tune()
        watching = asyncio.create_task(
            watch(server.server_state.connections, app.settings.stall_s, app.settings.min_bytes_per_s)
        )
        announcing = asyncio.create_task(announce(app, brief=brief))
        if app.identity is not None:
            looking = asyncio.create_task(app.identity.watch())
        yield server
    finally:
        watching.cancel()
        announcing.cancel()
        if looking is not None:
            looking.cancel()
        leaving = asyncio.create_task(withdraw(app))
        server.should_exit = True
        app.driver.notifier.close()
        await app.realtime.aclose()
        await asyncio.gather(task, leaving, return_exceptions=True)
        await app.close()


def _protocol(app: App) -> Any:
    """What uvicorn calls for each connection."""
    addresses: Counter[str] = Counter()
    behind = front(app.realtime, BulkFront, bulk=app.bulk, callers=app.callers, addresses=addresses)
    identity = app.identity
    if identity is None:
        return behind

    def sniffer(**given: Any) -> TlsSniffer:
        return TlsSniffer(
            lambda: behind(**given),
            identity,
            given["server_state"].connections,
            addresses,
            app.settings.connections_per_address,
            app.callers,
            lets_loopback_in=app.tunnel is not None,
        )

    return sniffer


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http=_protocol(app),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(app.settings.grace_s) + 1,
        backlog=_BACKLOG,
    )


def listen(settings: Settings) -> socket.socket:
    """The socket of the one port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        for_us_alone(listener)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _twin(listener: socket.socket) -> list[socket.socket]:
    """The same port for IPv6, where the first one listens on every interface by IPv4; none where there is no IPv6.

    Two sockets, and not one for both: a caller by IPv4 keeps its address as everybody writes it.
    """
    host, port = listener.getsockname()[:2]
    if listener.family != socket.AF_INET or host != "0.0.0.0":  # noqa: S104
        return []
    twin = socket.socket(socket.AF_INET6, socket.SOCK_STREAM) if socket.has_ipv6 else None
    if twin is None:
        return []
    try:
        twin.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for_us_alone(twin)
        twin.bind(("::", port))
        twin.listen(_BACKLOG)
    except OSError as error:
        twin.close()
        log.info("only IPv4 is listened on", why=why(error))
        return []
    twin.setblocking(False)
    return [twin]


def _tune() -> None:
    """Freed memory kept for the next message, a collector that leaves alone what stays."""
    tune_heap()
    gc.collect()
    gc.freeze()
    # small young generations, since one of 50,000 objects keeps everybody waiting for 30 ms; rare old ones
    gc.set_threshold(1_000, 10, 25_000)
