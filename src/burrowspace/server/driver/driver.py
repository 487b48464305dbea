"""The driver: its parts, put together, and their life from start to stop."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog

from burrowspace.core.errors import NoSpace, Unavailable
from burrowspace.core.records import Meta
from burrowspace.ports import Rows
from burrowspace.server.driver.announcer import Announcer
from burrowspace.server.driver.change_notifier import ChangeNotifier
from burrowspace.server.driver.changes import Changes
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.downloads import Downloads
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.mailboxes import Mailboxes
from burrowspace.server.driver.nameplates import Nameplates
from burrowspace.server.driver.nearby import Nearby
from burrowspace.server.driver.nodes import BEAT_S, Nodes
from burrowspace.server.driver.notices import Postman
from burrowspace.server.driver.pace import Pace
from burrowspace.server.driver.presence import Presence
from burrowspace.server.driver.relays import Relays
from burrowspace.server.driver.spools import Spools
from burrowspace.server.driver.tasks import Tasks
from burrowspace.server.driver.transfers import Transfers
from burrowspace.server.driver.uploads import Uploads

log = structlog.get_logger("driver")

_LONG_SWEEP_S = 60.0  # between two looks for what has expired


class Driver:
    """One per process; knows the ports only through its context."""

    def __init__(self, context: DriverContext) -> None:
        self._context = context
        self._tasks = Tasks()
        self.pace = Pace(context)
        self.postman = Postman(context, self._tasks)
        self.nodes = Nodes(context)
        self.presence = Presence(context, Announcer(context, self._tasks), self.postman, self.nodes)
        self.lanes = Lanes(context.spool, context.settings.live_window_bytes)
        self.uploads = Uploads(context, self.postman, self.lanes, self.pace)
        self.downloads = Downloads(context, self.lanes)
        self.spools = Spools(context, self.uploads, self.lanes)
        self.transfers = Transfers(context, self.postman, self.uploads)
        self.relays = Relays(context, self._tasks, self.presence.is_online, self.transfers.relayed, self.pace)
        self.notifier = ChangeNotifier(context.bus, context.settings.max_waits, context.settings.max_waits_per_address)
        self.mailboxes = Mailboxes(context, self.notifier)
        self.nameplates = Nameplates(context, self.notifier, self.mailboxes)
        self.nearby = Nearby(context, self.notifier, self.mailboxes)
        self.changes = Changes(self.notifier, self.mailboxes, self.nameplates, self.nearby)
        self.server_id = ""
        self.line = context.bus.line  # the way to a peer, or None; a method less on the way of each signal
        self.find = context.bus.find  # the same, looked for on all nodes
        self.is_one_of_several = bool(context.node)

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._context.now()

    async def room(self) -> int:
        """Bytes that the spool's disk has free."""
        return await self._context.spool.room()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs work that nobody awaits."""
        self._tasks.start(work)

    async def open(self) -> None:
        """Recovers from however the last run ended, then starts the sweeps."""
        await self.nodes.beat()
        self.server_id = await self._context.state.write(self._identity)
        await self.uploads.recover()
        await self.uploads.reserve.quotas()  # a share of what is free now
        await self.relays.recover()
        await self.mailboxes.sweep()
        if self.is_one_of_several:
            self.start(self._every(BEAT_S, self.nodes.beat))
        self.start(self._every(self._context.settings.sweep_s, self.presence.sweep_silent))
        self.start(self._every(self._context.settings.sweep_s, self._sweep_nearby))
        self.start(self._every(_LONG_SWEEP_S, self.sweep))

    async def sweep(self) -> None:
        """Expires what is over its time."""
        await self.uploads.sweep()
        await self.spools.sweep()
        await self.transfers.sweep()
        await self.relays.sweep()
        await self.mailboxes.sweep()
        await self.nameplates.sweep()
        await self.presence.sweep_forgotten()
        await self.presence.devices.sweep()

    async def close(self) -> None:
        """Call it when all sockets are closed: what they could not prove is made durable first."""
        await self.relays.close()
        await self._tasks.close()
        await self.presence.devices.close()
        with contextlib.suppress(Unavailable, NoSpace):  # then the others find out by themselves
            await self.nodes.leave()

    def _identity(self, rows: Rows) -> str:
        held = rows.get(Meta, "server_id")
        return (held or rows.put(Meta("server_id", self._context.new_id()))).value

    async def _sweep_nearby(self) -> None:
        self.nearby.sweep()

    async def _every(self, seconds: float, sweep: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await sweep()
            except (Unavailable, NoSpace):
                continue  # the State has said so in the log, once
            except Exception as error:
                log.error("a sweep failed; the next one tries again", error=repr(error), exc_info=error)
