"""The segment that one receiver follows: it is given, looked at, dropped, and left to rest, as its book says.

The book is `core/receiver_book.py`, the segments themselves are `relay_segments.py`. Spec: docs/spec/session.md.
"""

import asyncio
import time
from collections.abc import Callable

from burrowspace.client.log import Log
from burrowspace.client.relay.relay_segments import RelaySegment, Say
from burrowspace.client.session.sends import Sends
from burrowspace.core.errors import BurrowError
from burrowspace.core.receiver_book import Acts, ReceiverBook
from burrowspace.core.sealing import Suite
from burrowspace.core.segments import Part

log = Log("client")

LOOK_S = 4.0  # for one look


class Following:
    """`do(acts)` is called with what follows from a look."""

    def __init__(self, sending: Sends, book: ReceiverBook, say: Say, suite: Suite, do: Callable[[Acts], None]) -> None:
        self._sending, self._book, self._say, self._suite, self._do = sending, book, say, suite, do
        self._segment: RelaySegment | None = None

    @property
    def segment(self) -> RelaySegment | None:
        """The one that it follows or would follow."""
        return self._segment.last if self._segment is not None else None

    @property
    def part(self) -> Part | None:
        return self.segment.part if self.segment is not None else None

    @property
    def rests(self) -> bool | None:
        return self.segment.rests if self.segment is not None else None

    @property
    def wanted(self) -> bool:
        return self.segment is not None and self.segment.wanted.is_set()

    def wake(self) -> None:
        if self.segment is not None:
            self.segment.wake()

    def want(self) -> None:
        if self.segment is not None:
            self.segment.wanted.set()
            self.segment.wake()

    def none(self) -> None:
        self._change(None)

    def lost(self) -> None:
        """The server takes no more of it."""
        self._segment = None
        self._book.not_stored(time.monotonic())

    def _change(self, segment: RelaySegment | None) -> None:
        """The one before it goes, unless somebody follows it, or it may be of use at rest."""
        before, self._segment = self.segment, segment
        if before is None or before is segment or before.whole:
            return
        if not any(other.segment is before for other in self._sending.others().values()):
            self._sending.start(self._sending.segments.drop(before))

    async def give(self, held: int) -> None:
        """One from what it holds on: one that runs already and still has that block, or a new one."""
        sending = self._sending
        try:
            found = sending.segments.serving(held, self._suite)
            if found is not None and await self._has(found, held):
                await self._say(found.announcement())
            else:
                policy = "live-then-rest" if sending.may_store else "live"
                found = await sending.segments.open(held, self._say, policy=policy, rests=False, suite=self._suite)
            self._change(found)
        except BurrowError as error:
            log.info("no relay can be had", why=error.sentence)
        finally:
            self._book.given()

    async def _has(self, segment: RelaySegment, held: int) -> bool:
        try:
            state = await self._sending.server.spool(segment.spool.id)
        except BurrowError:
            return False
        layout = self._sending.layout_in(segment.suite)
        return state.first <= layout.offset(held) - layout.offset(segment.first)

    async def look(self) -> None:
        """Whether it is read; the server knows, for the receiver says nothing while it reads."""
        segment, read = self.segment, False
        try:
            async with asyncio.timeout(LOOK_S):
                read = segment is not None and (await self._sending.server.spool(segment.spool.id)).readers > 0
        except (TimeoutError, BurrowError) as error:
            log.debug("nobody knows whether a segment is read", why=str(error))
        self._do(self._book.looked(time.monotonic(), read, segment is not None and segment.rests))

    async def store(self) -> None:
        """What the receiver lacks goes to the server, in the one that runs or in a new one. Errors of the server."""
        segments, segment = self._sending.segments, self.segment
        if segment is not None and not segment.dropped:
            await segments.let_rest(segment)
        elif (first := segments.covered(self._book.held)) is not None:
            running = segments.running
            if running is not None and running.rests and running.first <= first:
                self._segment = running
            else:
                self._segment = await segments.open(first, self._say, policy="rest", rests=True, suite=self._suite)
