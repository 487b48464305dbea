"""The sender's segments, all together: which are there, which carries a block, what the next run must know of them.

Who follows one, and since when, the server knows. A segment that was cut in the middle of a block ends there and
another begins; one of an earlier run of this program ends where the server says. Deciding is the session's. Spec:
docs/spec/paths.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

import msgspec

from burrowspace.client.errors import Missing, Refused
from burrowspace.client.in_loop import in_loop
from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import Seal
from burrowspace.client.log import Log
from burrowspace.client.pause import Pause
from burrowspace.client.relay.relay_segment import RelaySegment, Say
from burrowspace.client.server.api import Server
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.core import segments, signals
from burrowspace.core.credit import CREDIT
from burrowspace.core.errors import BurrowError
from burrowspace.core.keys import PREFERRED
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import BLOCK, Suite
from burrowspace.faults import told

if TYPE_CHECKING:
    from burrowspace.client.relay.relay_stream import RelayStream, StreamEnded

log = Log("client")

AGAIN_S, AGAIN_MOST_S = 1.0, 30.0


class RelaySegments:
    """`seal(segment)` gives the callable that seals for it. `keep(data)` writes down what the next run must know.

    `start(work)` begins a part of the transfer. `fail(error)` is called when our own file cannot be read,
    `refused(error)` when the server takes no more of a segment (no space): whether to go on without that one.
    """

    def __init__(
        self,
        server: Server,
        layout: Callable[[Suite], Layout],
        seal: Callable[[RelaySegment], Seal],
        bucket: Bucket | None,
        start: Callable[[Coroutine[None, None, None]], object],
        fail: Callable[[BaseException], None],
        refused: Callable[[Refused], bool],
        changed: Callable[[], None],
        keep: Callable[[bytes], None],
    ) -> None:
        self.all: list[RelaySegment] = []
        self._server, self._layout, self._seal, self._bucket = server, layout, seal, bucket
        self._start, self._fail, self._refused = start, fail, refused
        self._changed, self._keep = changed, keep
        self._loop = asyncio.get_running_loop()

    @property
    def resting(self) -> RelaySegment | None:
        """The latest segment that may lie there."""
        return next((each for each in reversed(self.all) if each.rests), None)

    def serving(self, position: int, suite: Suite) -> RelaySegment | None:
        """The latest segment that carries this position, or will next."""
        found = segments.serving(self._parts(), position, suite)
        return None if found is None else self.all[found]

    def covered(self, position: int) -> int | None:
        """Up to which position what follows from `position` on lies on the server, to rest there. None: to the end."""
        return segments.covered(self._parts(), position, self._positions)

    @property
    def trouble(self) -> str:
        """Why nothing reaches the server, for the person; empty: it does, or nothing has to."""
        now = time.monotonic()
        return next((why for each in self.all if each.writer and (why := each.writer.why_still(now))), "")

    async def has(self, segment: RelaySegment, position: int) -> bool:
        """Whether the server has this block of it, or will."""
        try:
            state = await self._server.spool(segment.spool.id)
        except BurrowError:
            return False
        layout = self._layout(segment.suite)
        return state.first <= layout.offset(position) - layout.offset(segment.first)

    async def is_read(self, segment: RelaySegment) -> bool:
        """Errors of the server."""
        return (await self._server.spool(segment.spool.id)).readers > 0

    @property
    def _positions(self) -> int | None:
        return self._layout(PREFERRED[0]).positions

    def _parts(self) -> list[segments.Part]:
        return [each.part for each in self.all]

    async def open(self, first: int, say: Say, policy: str, suite: Suite = PREFERRED[0]) -> RelaySegment:
        """A new segment from `first` on, announced by `say`. Errors of the server."""
        layout = self._layout(suite)
        whole = layout.sealed_size
        length = None if whole is None else whole - layout.offset(first)
        spool = await self._server.make_spool(length, policy, CREDIT * BLOCK if policy != "rest" else None)
        segment = RelaySegment(spool, first, say, policy, suite)
        self.all.append(segment)
        await self._write_down()
        self._write(segment)
        await say(segment.announcement())
        return segment

    async def rest(self, own: RelaySegment | None, held: int, say: Say, suite: Suite) -> RelaySegment | None:
        """Brings what a receiver lacks that has gone to rest: by which segment, None where all rests already. `own`:
        the one that it follows. Errors of the server."""
        number = self.all.index(own) if own in self.all else None
        how, which = segments.rest(self._parts(), number, held, self._positions)
        if which is None:
            return None
        if how is segments.Rest.NEW:
            return await self.open(which, say, "rest", suite)
        if how is segments.Rest.OWN:
            await self._let_rest(self.all[which])
        return self.all[which]

    async def _let_rest(self, segment: RelaySegment) -> None:
        """The receiver has gone: all of it may lie there now."""
        if not segment.rests:
            with contextlib.suppress(Missing):  # the server lost it: what comes in its place will rest
                await self._server.let_rest(segment.spool)
            segment.rests = True
            segment.want()
            await self._write_down()
            await segment.say(segment.announcement())

    async def drop(self, segment: RelaySegment, *, tell: bool = True) -> None:
        """Nobody needs it any more. `tell`: whoever knows of it is not to look for it again."""
        if segment not in self.all:
            return
        self.all.remove(segment)
        for each in segment.followers:
            each.segment = None
        writer, segment.writer = segment.writer, None
        if writer is not None:
            writer.stop()
        await self._write_down()
        with contextlib.suppress(BurrowError):
            if tell:
                await segment.say(signals.LegEnd(segment.spool.id, 0))
        with contextlib.suppress(BurrowError):
            await self._server.drop_spool(segment.spool)

    async def drop_all(self) -> None:
        for segment in list(self.all):
            await self.drop(segment, tell=False)

    async def take_up(self, kept: bytes, say: Say) -> None:
        """The segments of an earlier run: each ends where the server says; what may rest there is not sent again."""
        try:
            found = msgspec.json.decode(kept, type=list[KeptSegment])
        except msgspec.MsgspecError:
            return
        self.all.clear()
        for each in found:
            segment, layout = RelaySegment.again(each, say), self._layout(each.suite)
            try:
                state = await self._server.spool(each.spool)
            except Missing:
                await say(signals.LegEnd(each.spool, 0))
                continue
            if state.complete:
                segment.whole = True
            elif each.upto is None:
                segment.upto, _ = layout.position_at(layout.offset(each.first) + state.offset)
                await say(signals.LegEnd(each.spool, segment.upto))
            self.all.append(segment)
        await self._write_down()

    def stop(self) -> None:
        """Ends the threads; what lies on the server stays."""
        for each in self.all:
            if each.writer is not None:
                each.writer.stop()

    async def _write_down(self) -> None:
        rows = [each.kept() for each in self.all]
        try:
            await asyncio.to_thread(self._keep, msgspec.json.encode(rows))
        except OSError as error:  # the next run will send some of it twice
            log.warning("what lies on the server could not be written down", why=told(error))

    def _write(self, segment: RelaySegment) -> None:
        def over(stream: "RelayStream", ended: "StreamEnded | None") -> None:
            in_loop(self._loop, self._over, segment, stream, ended)

        # Late, as in routes.py: HTTP for blocking calls is loaded with it, and a direct transfer has no segment
        from burrowspace.client.relay.spool_writer import SpoolWriter

        origin, layout, seal = self._server.origin, self._layout(segment.suite), self._seal(segment)
        segment.writer = SpoolWriter(
            origin, segment.spool, layout, segment.first, seal, segment.ahead, over, self._bucket
        )
        segment.writer.start()

    def _over(self, segment: RelaySegment, stream: "RelayStream", ended: "StreamEnded | None") -> None:
        writer = segment.writer
        if stream is not writer or writer is None:
            return
        segment.writer = None
        if ended is None:
            segment.whole = True
            self._start(self._write_down())
        elif ended.__cause__ is not None and isinstance(ended.__cause__, BurrowError):
            self._fail(ended.__cause__)  # our own file
        else:
            log.debug("a segment was cut", why=str(ended))
            segment.upto = writer.safe_position
            if not ended.final:
                self._start(self._go_on(segment, segment.upto))
            elif self._refused(Refused(ended.status, ended.code, str(ended))):
                for each in segment.followers:
                    each.book.not_stored(time.monotonic())
                self._start(self.drop(segment))
        self._changed()

    async def _go_on(self, segment: RelaySegment, position: int) -> None:
        """As another segment, for all who follow this one."""
        pause = Pause(AGAIN_S, AGAIN_MOST_S)
        while segment in self.all:
            try:
                await segment.say(signals.LegEnd(segment.spool.id, position))
                policy = "rest" if segment.rests else segment.policy
                found = await self.open(position, segment.say, policy, segment.suite)
            except BurrowError as error:
                log.debug("the next segment has to wait", why=told(error))
                await pause.wait()
                continue
            found.wanted = found.wanted or segment.wanted
            for each in segment.followers:
                each.segment = found
            found.followers |= segment.followers
            segment.followers.clear()
            return
