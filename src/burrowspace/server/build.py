"""The composition root: the only file that knows which adapter stands behind which port."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.types import ASGIApp, Receive, Scope, Send

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.adapters.state_sql import SqlState, open_sqlite
from burrowspace.config import Settings
from burrowspace.ports import Tunnel
from burrowspace.server.api.app import make_api
from burrowspace.server.api.context import Context
from burrowspace.server.api.peers import ATTACHMENTS
from burrowspace.server.bulk.serve import Bulk
from burrowspace.server.door import Door
from burrowspace.server.driver.driver import Driver
from burrowspace.server.driver.kit import Kit
from burrowspace.server.events import Events
from burrowspace.server.reach import Reach
from burrowspace.server.tls.hsts import Hsts
from burrowspace.server.tls.identity import Identity, identity_of
from burrowspace.socketio import Options
from burrowspace.socketio import Server as RealTime


class DataFolderInUse(Exception):
    """Another server runs on this folder."""


@dataclass(slots=True)
class House:
    """Everything, put together."""

    settings: Settings
    reach: Reach
    state: SqlState
    spool: DiskSpool
    driver: Driver
    realtime: RealTime
    app: ASGIApp
    bulk: Bulk
    tunnel: Tunnel | None
    lock: IO[str]
    identity: Identity | None = None

    async def close(self) -> None:
        """Ends what runs, then lets go of the disk; what was acknowledged is there already."""
        await self.realtime.aclose()
        await self.bulk.close()
        await self.driver.close()
        await self.state.close()
        await self.spool.close()
        self.lock.close()


def build(settings: Settings) -> House:
    """Opens the data folder and wires the parts. Blocking: before the loop has anything else to do."""
    settings.data.mkdir(parents=True, exist_ok=True)
    lock = _lock(settings.data)
    identity = identity_of(settings)
    state = open_sqlite(settings.data / "burrowspace.db")
    spool = DiskSpool(settings.data / "spool", floor_bytes=settings.disk_floor_bytes)
    reach = Reach(settings)
    driver = Driver(Kit(settings, state, LocalBus(), spool))
    realtime = RealTime(_options(settings, reach))
    Events(realtime.of("/"), driver)
    api = Door(make_api(Context(settings, driver, reach, identity)), reach, settings.max_json_bytes)
    routes: ASGIApp = _Routes(realtime, api)
    if settings.hsts and identity is not None:
        routes = Hsts(routes, identity)
    bulk = Bulk(settings, driver, reach)
    return House(settings, reach, state, spool, driver, realtime, routes, bulk, _tunnel(settings), lock, identity)


class _Routes:
    """Two applications on one port: the real-time server on its path, the API everywhere else."""

    def __init__(self, realtime: RealTime, api: ASGIApp) -> None:
        self._realtime, self._api = realtime, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        app: ASGIApp = self._realtime if path in ("/socket.io", "/socket.io/") else self._api
        await app(scope, receive, send)


def _options(settings: Settings, reach: Reach) -> Options:
    return Options(
        ping_interval_ms=settings.ping_interval_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
        max_payload=settings.max_payload_bytes,
        max_attachments=ATTACHMENTS,
        max_sockets=settings.max_sockets,
        max_sockets_per_address=settings.max_sockets_per_address,
        count_loopback=False,
        events_per_second=settings.events_per_second,
        events_burst=2 * settings.events_per_second,
        send_budget=settings.send_budget_bytes,
        slow_timeout_ms=int(settings.slow_socket_s * 1000),
        origin_allowed=reach.origin_allowed,
    )


def _tunnel(settings: Settings) -> Tunnel | None:
    if not settings.use_ngrok:
        return None
    from burrowspace.adapters.tunnel_ngrok import NgrokTunnel

    return NgrokTunnel(settings.ngrok_authtoken, host=settings.host)


def _lock(folder: Path) -> IO[str]:
    """One server per data folder: two would sweep away each other's uploads."""
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise DataFolderInUse(
            f"another BurrowSpace server runs on {folder}; stop it, or choose another folder with --data"
        ) from None
    file.write(str(os.getpid()))
    file.flush()
    return file
