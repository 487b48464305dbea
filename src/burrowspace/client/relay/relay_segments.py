"""The sender's segments: spools on the server that carry blocks from some position on, live or to rest there.

Who follows one, and since when, the server knows. A segment that was cut in the middle of a block ends there and
another begins; one of an earlier run of this program ends where the server says. Deciding is the session's. Spec:
docs/spec/paths.md.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from burrowspace.client.errors import Missing, Refused
from burrowspace.client.keys import PREFERRED
from burrowspace.client.limits import Bucket
from burrowspace.client.links.credit import CREDIT
from burrowspace.client.links.link import Seal
from burrowspace.client.log import Log
from burrowspace.client.pause import Pause
from burrowspace.client.server.api import Server, Spool
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.core import segments, signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.layout import Layout
from burrowspace.core.receiver_book import ReceiverBook
from burrowspace.core.sealing import BLOCK, Suite

if TYPE_CHECKING:
    from burrowspace.client.relay.relay_stream import Ended, RelayStream
    from burrowspace.client.relay.spool_writer import SpoolWriter

log = Log("client")

AGAIN_S, AGAIN_MOST_S = 1.0, 30.0

Say = Callable[[signals.Signal], Awaitable[None]]


class RelaySegment:
    """A segment of ours. `rests`: all of it may lie there. `upto`: it ends before this position, None while it goes on.

    `ended_by` is the segment that goes on where this one was cut.
    """

    def __init__(self, spool: Spool, first: int, say: Say, *, policy: str, rests: bool, suite: Suite) -> None:
        self.spool, self.first, self.say, self.policy, self.rests = spool, first, say, policy, rests
        self.suite = suite
        self.opened_at = time.monotonic()
        self.wanted = threading.Event()  # somebody follows it, or all of it may lie there
        if rests:
            self.wanted.set()
        self.writer: SpoolWriter | None = None
        self.whole = False  # everything up to the transfer's end is there
        self.upto: int | None = None
        self.dropped = False
        self.followers: set[ReceiverBook] = set()
        self.ended_by: RelaySegment | None = None

    def wake(self) -> None:
        """More may go into it now."""
        if self.writer is not None:
            self.writer.woken.set()

    @property
    def part(self) -> segments.Part:
        at = self.writer.position if self.writer else None
        return segments.Part(self.first, self.suite, self.rests, self.upto, self.whole, at)

    def announcement(self) -> signals.Leg:
        return signals.Leg(self.spool.id, self.first, self.suite, self.rests)

    @property
    def last(self) -> "RelaySegment":
        """This segment, or the one in which it goes on."""
        found = self
        while found.ended_by is not None:
            found = found.ended_by
        return found


class RelaySegments:
    """`seal(segment)` gives the callable that seals for it. `keep(data)` writes down what the next run must know.

    `fail(error)` is called when our own file cannot be read, `refused(error)` when the server takes no more of a
    segment (no space): it says whether to go on without that one.
    """

    def __init__(
        self,
        server: Server,
        layout: Callable[[Suite], Layout],
        seal: Callable[[RelaySegment], Seal],
        bucket: Bucket | None,
        fail: Callable[[BaseException], None],
        refused: Callable[[Refused], bool],
        changed: Callable[[], None],
        keep: Callable[[bytes], None],
    ) -> None:
        self.all: list[RelaySegment] = []
        self._server, self._layout, self._seal, self._bucket = server, layout, seal, bucket
        self._fail, self._refused, self._changed, self._keep = fail, refused, changed, keep
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

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

    async def open(
        self, first: int, say: Say, *, policy: str, rests: bool, suite: Suite = PREFERRED[0]
    ) -> RelaySegment:
        """A new segment from `first` on, announced by `say`. Errors of the server."""
        layout = self._layout(suite)
        whole = layout.sealed_size
        length = None if whole is None else whole - layout.offset(first)
        spool = await self._server.make_spool(length, policy, CREDIT * BLOCK if policy != "rest" else None)
        segment = RelaySegment(spool, first, say, policy=policy, rests=rests, suite=suite)
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
            return await self.open(which, say, policy="rest", rests=True, suite=suite)
        if how is segments.Rest.OWN:
            await self._let_rest(self.all[which])
        return self.all[which]

    async def _let_rest(self, segment: RelaySegment) -> None:
        """The receiver has gone: all of it may lie there now."""
        if not segment.rests:
            with contextlib.suppress(Missing):  # the server lost it: what comes in its place will rest
                await self._server.let_rest(segment.spool)
            segment.rests = True
            segment.wanted.set()
            segment.wake()
            await self._write_down()
            await segment.say(segment.announcement())

    async def drop(self, segment: RelaySegment, *, tell: bool = True) -> None:
        """Nobody needs it any more. `tell`: whoever knows of it is not to look for it again."""
        writer, segment.writer, segment.dropped = segment.writer, None, True
        if writer is not None:
            writer.stop()
        if segment in self.all:
            self.all.remove(segment)
            await self._write_down()
            if tell:
                with contextlib.suppress(BurrowError):
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
            spool, layout = Spool(each.spool, each.token), self._layout(each.suite)
            segment = RelaySegment(spool, each.first, say, policy="rest", rests=each.rests, suite=each.suite)
            segment.whole, segment.upto = each.whole, each.upto
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
        for task in self._tasks:
            task.cancel()
        for each in self.all:
            if each.writer is not None:
                each.writer.stop()

    async def _write_down(self) -> None:
        rows = [
            KeptSegment(each.spool.id, each.spool.token, each.first, each.rests, each.upto, each.whole, each.suite)
            for each in self.all
        ]
        try:
            await asyncio.to_thread(self._keep, msgspec.json.encode(rows))
        except OSError as error:  # the next run will send some of it twice
            log.warning("what lies on the server could not be written down", why=str(error))

    def _write(self, segment: RelaySegment) -> None:
        def over(stream: "RelayStream", ended: "Ended | None") -> None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._over, segment, stream, ended)

        # Late, as in routes.py: HTTP for blocking calls is loaded with it, and a direct transfer has no segment
        from burrowspace.client.relay.spool_writer import SpoolWriter

        origin, seal = self._server.origin, self._seal(segment)
        layout = self._layout(segment.suite)
        ahead = partial(_ahead, segment)
        segment.writer = SpoolWriter(origin, segment.spool, layout, segment.first, seal, ahead, over, self._bucket)
        segment.writer.start()

    def _over(self, segment: RelaySegment, stream: "RelayStream", ended: "Ended | None") -> None:
        writer = segment.writer
        if stream is not writer or writer is None:
            return
        segment.writer = None
        if ended is None:
            segment.whole = True
            self._begin(self._write_down())
        elif ended.__cause__ is not None and isinstance(ended.__cause__, BurrowError):
            self._fail(ended.__cause__)  # our own file
        elif ended.final:
            segment.upto = writer.safe_position
            if self._refused(Refused(ended.status, ended.code, str(ended))):
                for book in segment.followers:
                    book.not_stored(time.monotonic())
                self._begin(self.drop(segment))
        else:
            log.debug("a segment was cut", why=str(ended))
            layout = self._layout(segment.suite)
            position, _ = layout.position_at(layout.offset(segment.first) + writer.safe)
            self._begin(self._again(segment, position))
        self._changed()

    async def _again(self, segment: RelaySegment, position: int) -> None:
        """The segment goes on as another one."""
        pause = Pause(AGAIN_S, AGAIN_MOST_S)
        segment.upto = position
        while not segment.dropped:
            try:
                await segment.say(signals.LegEnd(segment.spool.id, position))
                policy = "rest" if segment.rests else segment.policy
                segment.ended_by = await self.open(
                    position, segment.say, policy=policy, rests=segment.rests, suite=segment.suite
                )
                segment.ended_by.followers |= segment.followers
                return
            except BurrowError as error:
                log.debug("the next segment has to wait", why=str(error))
                await pause.wait()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ahead(segment: RelaySegment) -> int | None:
    """The position before which blocks may go into it now; None: all. Asked in the segment's thread."""
    books = tuple(segment.followers)
    linked = any(book.direct_at > segment.opened_at for book in books)
    limits = tuple(book.person.limit for book in books)
    return segments.ahead(segments.Flow(segment.first, segment.rests, segment.wanted.is_set(), linked, limits))
