"""Telling every live device of all nodes the same thing, without ever keeping the loop for long.

When thousands leave at once, telling each of the others about each of them is a square; so the work goes in slices,
and who has left meanwhile is told nothing.
"""

import asyncio
from collections import deque

import msgspec

from burrowspace.core import messages
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded

_SLICE = 500  # sends between two turns of the loop
_REST_S = 0.005  # pause after a slice: at most about half of the loop's time goes into announcements
_QUEUE = 100_000  # announcements that wait; past it the oldest are dropped, `/peers` has the truth


class Announcer:
    """A queue of announcements for the devices of this node, and one task that works it off."""

    def __init__(self, context: DriverContext, tasks: Tasks) -> None:
        self._context, self._tasks = context, tasks
        self._queue: deque[tuple[Encoded, str]] = deque(maxlen=_QUEUE)
        self._working = False
        context.bus.on_shout(self._shouted)

    def say(self, event: msgspec.Struct, *, but: str) -> None:
        """Queues the event for every live device of all nodes except the peer `but`."""
        packet = Encoded.from_raw("/", messages.array(messages.name_of(event), messages.encode(event)))
        self._context.bus.shout(packet, but)

    def _shouted(self, packet: Encoded, but: str) -> None:
        """Some node says this to every live device except the peer `but`: those of this one are told."""
        self._queue.append((packet, but))
        if not self._working:
            self._working = True
            self._tasks.start(self._work())

    async def _work(self) -> None:
        sent = 0
        try:
            while self._queue:
                packet, but = self._queue.popleft()
                for peer_id, line in self._context.bus.lines():
                    if peer_id != but and line.connected:
                        line.send_encoded(packet)
                        sent += 1
                    if sent >= _SLICE:
                        sent = 0
                        await asyncio.sleep(_REST_S)
        finally:
            self._working = False
