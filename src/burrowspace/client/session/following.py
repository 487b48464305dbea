"""The segment that one receiver follows: it is given, looked at, dropped, and left to rest, as its book says.

The book is `core/receiver_book.py`, the segments themselves are `relay_segments.py`. Spec: docs/spec/session.md.
"""

import asyncio
import time

from burrowspace.client.log import Log
from burrowspace.client.relay.relay_segment import RelaySegment, Say
from burrowspace.client.relay.relay_segments import RelaySegments
from burrowspace.core.errors import BurrowError
from burrowspace.core.receiver_book import Acts, ReceiverBook
from burrowspace.core.sealing import Suite
from burrowspace.core.segments import Part
from burrowspace.faults import told

log = Log("client")

LOOK_S = 4.0  # for one look


class Following:
    """`segment`: the one that the receiver follows, or would follow."""

    def __init__(self, segments: RelaySegments, book: ReceiverBook, say: Say, suite: Suite, may_store: bool) -> None:
        self.book = book
        self.segment: RelaySegment | None = None
        self._segments, self._say, self._suite = segments, say, suite
        self._policy = "live-then-rest" if may_store else "live"

    @property
    def part(self) -> Part | None:
        return None if self.segment is None else self.segment.part

    def wake(self) -> None:
        if self.segment is not None:
            self.segment.wake()

    def want(self) -> None:
        if self.segment is not None:
            self.segment.want()

    async def follow(self, segment: RelaySegment | None = None) -> None:
        """Another one, or none. The one before is dropped, unless somebody follows it, or it may be of use at rest."""
        before, self.segment = self.segment, segment
        if before is segment:
            return
        if segment is not None:
            segment.followers.add(self)
        if before is not None:
            before.followers.discard(self)
            if not before.whole and not before.followers:
                await self._segments.drop(before)

    async def give(self, held: int) -> None:
        """One from what it holds on: one that runs already and still has that block, or a new one."""
        try:
            found = self._segments.serving(held, self._suite)
            if found is not None and await self._segments.has(found, held):
                await self._say(found.announcement())
            else:
                found = await self._segments.open(held, self._say, self._policy, self._suite)
        except BurrowError as error:
            log.info("no relay can be had", why=error.sentence)
            return
        finally:
            self.book.given()
        await self.follow(found)

    async def look(self) -> Acts:
        """Whether it is read; the server knows, for the receiver says nothing while it reads."""
        segment, read = self.segment, False
        try:
            async with asyncio.timeout(LOOK_S):
                read = segment is not None and await self._segments.is_read(segment)
        except (TimeoutError, BurrowError) as error:
            log.debug("nobody knows whether a segment is read", why=told(error))
        return self.book.looked(time.monotonic(), read, segment is not None and segment.rests)

    async def store(self) -> None:
        """What the receiver lacks goes to the server. Errors of the server."""
        segment = await self._segments.rest(self.segment, self.book.held, self._say, self._suite)
        if segment is not None:
            await self.follow(segment)
