"""The composition root: the only file that knows which adapter stands behind which port."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.adapters.state_sql import SqlState
from burrowspace.adapters.state_sqlite import open_sqlite
from burrowspace.config import Settings
from burrowspace.core.networks import counted, is_loopback, is_near
from burrowspace.faults import CannotStart, is_machines, why_and_cure
from burrowspace.ports import Beacon, Bus, Tunnel
from burrowspace.private import close_files, private_file, private_folder
from burrowspace.server.api.app import make_api
from burrowspace.server.api.context import Context
from burrowspace.server.api.peers import ATTACHMENTS
from burrowspace.server.bulk.serve import Bulk
from burrowspace.server.callers import Callers, SeenAs
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.driver import Driver
from burrowspace.server.events import Events
from burrowspace.server.hosts import Hosts
from burrowspace.server.json_answers import JsonAnswers
from burrowspace.server.pages import Pages
from burrowspace.server.reachability import Reachability
from burrowspace.server.readiness import Readiness
from burrowspace.server.request_guard import RequestGuard
from burrowspace.server.stun import Stun
from burrowspace.server.tls.hsts import Hsts
from burrowspace.server.tls.identity import Identity, identity_of
from burrowspace.server.turn import Turn
from burrowspace.socketio import Server as RealTime
from burrowspace.socketio import ServerOptions
from burrowspace.system.locks import try_lock_file

_OURS = ("burrowspace.db", "lock", "spool", "tls", "origins")  # how the names in the data folder begin

_ELSEWHERE = "choose another with --data (BURROW_DATA)"

log = structlog.get_logger("server")


class DataFolderInUse(CannotStart):
    """Another server runs on this folder."""


@dataclass(slots=True)
class App:
    """Everything, put together."""

    settings: Settings
    reach: Reachability
    state: SqlState
    spool: DiskSpool
    bus: Bus
    driver: Driver
    realtime: RealTime
    asgi: ASGIApp
    bulk: Bulk
    callers: Callers
    readiness: Readiness
    stun: Stun
    tunnel: Tunnel | None
    beacon: Beacon | None
    lock: IO[str]
    identity: Identity | None = None

    async def close(self) -> None:
        """Ends what runs, then lets go of the disk; what was acknowledged is there already."""
        await self.stun.close()
        await self.realtime.aclose()
        await self.bulk.close()
        await self.driver.close()
        await self.bus.close()
        await self.state.close()
        await self.spool.close()
        self.lock.close()


def build(settings: Settings) -> App:
    """Opens the data folder and wires the parts. Blocking: before the loop has anything else to do. CannotStart."""
    lock = _open_folder(settings.data)
    identity = identity_of(settings)
    state = _open_state(settings)
    with _usable(settings.data / "spool"):
        spool = DiskSpool(settings.data / "spool", floor_bytes=settings.disk_floor_bytes)
    reach = Reachability(settings)
    node, bus = _open_bus(settings)
    driver = Driver(DriverContext(settings, state, bus, spool, node))
    realtime = RealTime(_options(settings, reach))
    Events(realtime.of("/"), driver)
    callers, stun = Callers(reach, Hosts(reach, identity)), Stun(settings, reach)
    readiness = Readiness(state, bus)
    context = Context(settings, driver, reach, Turn(settings), callers, readiness, identity=identity)
    api = RequestGuard(make_api(context), reach, settings.max_json_bytes)
    routes: ASGIApp = SeenAs(_Routes(realtime, Pages(reach.base), api), callers)
    if settings.hsts and identity is not None:
        routes = Hsts(routes, identity)
    routes = JsonAnswers(routes)
    bulk = Bulk(settings, driver, reach)
    tunnel, beacon = _tunnel(settings), _beacon(settings)
    return App(
        settings,
        reach,
        state,
        spool,
        bus,
        driver,
        realtime,
        routes,
        bulk,
        callers,
        readiness,
        stun,
        tunnel,
        beacon,
        lock,
        identity,
    )


def _open_state(settings: Settings) -> SqlState:
    if settings.database_url is None:
        return open_sqlite(settings.data / "burrowspace.db")
    from burrowspace.adapters.state_postgres import open_postgres

    return open_postgres(settings.database_url.get_secret_value(), alone=settings.bus_url is None)


def _open_bus(settings: Settings) -> tuple[str, Bus]:
    """This node's id, empty where it is alone, and its bus."""
    if not settings.bus_urls:
        return "", LocalBus()
    from burrowspace.adapters.bus_nats import NatsBus

    node = secrets.token_hex(16)
    return node, NatsBus(settings.bus_urls, node, most_bytes=settings.max_payload_bytes)


class _Routes:
    """Three applications on one port: the real-time server on its path, the web app's files, the API for the rest."""

    def __init__(self, realtime: RealTime, pages: Pages, api: ASGIApp) -> None:
        self._realtime, self._pages, self._api = realtime, pages, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        app: ASGIApp = self._realtime if path in ("/socket.io", "/socket.io/") else self._api
        if app is self._api and self._pages.takes(scope):
            app = self._pages
        await app(scope, receive, send)


def _options(settings: Settings, reach: Reachability) -> ServerOptions:
    return ServerOptions(
        ping_interval_ms=settings.ping_interval_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
        max_payload=settings.max_payload_bytes,
        max_attachments=ATTACHMENTS,
        max_sockets=settings.max_sockets,
        max_sockets_per_address=settings.max_sockets_per_address,
        counted=counted,
        guests=True,
        events_per_second=settings.events_per_second,
        events_burst=2 * settings.events_per_second,
        send_budget=settings.send_budget_bytes,
        slow_timeout_ms=int(settings.slow_socket_s * 1000),
        origin_allowed=reach.origin_allowed,
    )


def _tunnel(settings: Settings) -> Tunnel | None:
    kind, host = settings.tunnel_kind, settings.host
    if kind == "ngrok":
        from burrowspace.adapters.tunnel_ngrok import NgrokTunnel

        return NgrokTunnel(settings.ngrok_authtoken, host=host)
    if kind == "cloudflared":
        from burrowspace.adapters.tunnel_cloudflared import cloudflared_tunnel

        return cloudflared_tunnel(host)
    if kind == "bore":
        from burrowspace.adapters.tunnel_bore import bore_tunnel

        return bore_tunnel(host, settings.bore_server)
    if kind == "tailscale":
        from burrowspace.adapters.tunnel_tailscale import tailscale_tunnel

        return tailscale_tunnel(host)
    return None


def _beacon(settings: Settings) -> Beacon | None:
    """None where nobody could come: the server listens for this machine alone."""
    everywhere = settings.host in ("0.0.0.0", "")  # noqa: S104
    if not settings.mdns or not (everywhere or _is_outside(settings.host)):
        return None
    from burrowspace.adapters.beacon_mdns import MdnsBeacon

    return MdnsBeacon(None if everywhere else settings.host)


def _is_outside(host: str) -> bool:
    """Whether it is an address of the local network, other than this machine's own."""
    return is_near(host) and not is_loopback(host)


def _open_folder(folder: Path) -> IO[str]:
    """Makes the data folder where it is not there yet, and locks it. CannotStart."""
    with _usable(folder):
        if folder.exists() and not folder.is_dir():
            raise CannotStart(f"the data folder {folder} is a file; remove it, or {_ELSEWHERE}")
        if said := private_folder(folder, _OURS):
            log.warning(said)
        close_files(folder, _OURS)
        return _lock(folder)


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """What the system refuses in here, it refuses for good."""
    try:
        yield
    except OSError as error:
        if is_machines(error):
            raise
        raise CannotStart(f"the data folder {folder} cannot be used: {why_and_cure(error)}, or {_ELSEWHERE}") from None


def _lock(folder: Path) -> IO[str]:
    """One server per data folder: two would sweep away each other's uploads."""
    file = os.fdopen(private_file(folder / "lock"), "w")
    try:
        try_lock_file(file.fileno())
    except BlockingIOError:
        file.close()
        raise DataFolderInUse(
            f"another BurrowSpace server runs on {folder}; stop it, or choose another folder with --data"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
