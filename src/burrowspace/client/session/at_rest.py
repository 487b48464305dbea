"""A transfer that nobody receives now: all of it goes to the server, to rest there sealed until somebody comes."""

from collections.abc import Callable

from burrowspace.client.errors import Unreachable
from burrowspace.client.events import Event, Progress, Resting, Waiting
from burrowspace.client.relay.relay_segments import RelaySegments, Say
from burrowspace.client.server.api import Server
from burrowspace.client.session.running import Meter, seconds_left
from burrowspace.client.session.serving import Serving

TELL_S, STILL_S = 0.1, 5.0  # between two words of how much rests; without a byte, after which it is said


class AtRest:
    """`begun`: all of it is on its way, or there. `until`: so long it lies there, seconds since 1970, once told."""

    def __init__(
        self, server: Server, segments: RelaySegments, serving: Serving, tell: Callable[[Event], None]
    ) -> None:
        self._server, self._segments, self._serving, self._tell = server, segments, serving, tell
        self.begun = False
        self.until: float | None = None
        self._stored, self._meter = 0, Meter()  # content bytes that are there
        self._told_at = self._waited_at = 0.0

    async def begin(self, say: Say) -> None:
        """Sends what does not rest there yet. Errors of the server."""
        self.begun = True
        first = self._segments.covered(0)
        if first is not None:
            self._tell(Waiting("nobody is here yet; it goes to the server, sealed, and rests there"))
            await self._segments.open(first, say, policy="rest", rests=True)

    def tick(self, now: float) -> None:
        resting = self._segments.resting
        writer = None if resting is None else resting.writer
        if writer is None or now - self._told_at < TELL_S:
            return
        self._told_at = now
        if now - max(writer.safe_at, self._waited_at) > STILL_S:
            self._waited_at = now
            self._tell(Waiting("the line to the server is slow; nothing more has arrived there yet"))
        if self._waited_at > writer.safe_at:
            return  # that is what is shown until something arrives
        done = self._stored = max(self._stored, self._serving.content(writer.safe_position))
        total, rate = self._serving.source.manifest.content_size, self._meter.add(now, done)
        self._tell(Progress(done, total, rate, seconds_left(done, total, rate), "store"))

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
