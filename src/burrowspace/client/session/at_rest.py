"""A transfer that nobody receives now: all of it goes to the server, to rest there sealed until somebody comes."""

from collections.abc import Callable

from burrowspace.client.errors import Unreachable
from burrowspace.client.events import Event, Progress, Resting, Waiting
from burrowspace.client.relay.relay_segment import Say
from burrowspace.client.relay.relay_segments import RelaySegments
from burrowspace.client.server.api import Server
from burrowspace.client.session.serving import Serving
from burrowspace.core.reports import SLOW_LINE, Meter, Storing, Tell


class AtRest:
    """`begun`: all of it is on its way, or there. `until`: so long it lies there, seconds since 1970, once told."""

    def __init__(
        self, server: Server, segments: RelaySegments, serving: Serving, tell: Callable[[Event], None]
    ) -> None:
        self._server, self._segments, self._serving, self._tell = server, segments, serving, tell
        self.begun = False
        self.until: float | None = None
        self._storing, self._meter = Storing(), Meter()

    async def begin(self, say: Say) -> None:
        """Sends what does not rest there yet. Errors of the server."""
        self.begun = True
        first = self._segments.covered(0)
        if first is not None:
            self._tell(Waiting("nobody is here yet; it goes to the server, sealed, and rests there"))
            await self._segments.open(first, say, "rest")

    def tick(self, now: float) -> None:
        resting = self._segments.resting
        writer = None if resting is None else resting.writer
        if writer is None:
            return
        told = self._storing.tick(now, writer.safe_at, self._serving.content(writer.safe_position))
        if told is Tell.WAITING:
            self._tell(Waiting(SLOW_LINE))
        elif told is Tell.PROGRESS:
            done, total = self._storing.stored, self._serving.source.manifest.content_size
            rate, eta = self._meter.add(now, done, total)
            self._tell(Progress(done, total, rate, eta, "store"))

    async def leave(self) -> bool:
        """Asks until when it lies there, and tells. False: the server does not answer now."""
        resting = self._segments.resting
        if resting is None:
            return False
        try:
            self.until = (await self._server.spool(resting.spool.id)).expires_at
        except Unreachable:
            return False
        self._tell(Resting(self.until))
        return True
