"""Whether this server wants calls, for a balancer that asks; and how it leaves one slowly."""

import asyncio
import time

from burrowspace.core.errors import Unavailable
from burrowspace.core.records import Meta
from burrowspace.ports import Bus, State
from burrowspace.socketio import Server as RealTime

FRESH_S = 1.0  # that an answer is given again: everybody may ask
PATIENCE_S = 2.0  # for the database
AWAY_S = 10.0  # that the other nodes may be out of reach
SLICES = 20  # of the sockets that are closed one after the other


class Readiness:
    """Says no while the database does not answer or the other nodes are not reached, and from the moment that the
    server is told to stop."""

    def __init__(self, state: State, bus: Bus) -> None:
        self._state, self._bus = state, bus
        self._leaving = False
        self._looked_at = -FRESH_S
        self._why_not = ""
        self._looking = asyncio.Lock()

    async def check(self) -> None:
        """Unavailable: a balancer should send callers to another server."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= FRESH_S:
                self._why_not = await self._look()
                self._looked_at = time.monotonic()
        if self._leaving:
            raise Unavailable("this server is about to stop")
        if self._why_not:
            raise Unavailable(self._why_not)

    async def _look(self) -> str:
        if self._bus.away_s > AWAY_S:
            return "this server does not reach the bus by which it finds the other servers"
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._state.read(lambda rows: rows.get(Meta, "server_id"))
        except Unavailable as error:
            return error.sentence
        except TimeoutError:
            return "the server's database does not answer in time"
        return ""

    async def leave(self, realtime: RealTime, seconds: float) -> None:
        """Says no from now on. Half of the seconds later sockets are closed, a few at a time, so that their owners do
        not all come to the next server at once."""
        self._leaving = True
        await asyncio.sleep(seconds / 2)
        for left in range(SLICES, 0, -1):
            realtime.shed(-(-realtime.stats.sockets // left))
            await asyncio.sleep(seconds / 2 / SLICES)
