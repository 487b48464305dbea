"""The sender's legs: spools on the server that carry blocks from some position on, live or to rest there.

Who follows one, and since when, the server knows. A leg that was cut in the middle of a block ends there and another
begins; one of an earlier run of this program ends where the server says. Deciding is the session's. Spec:
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

from burrowspace.client.api import Server, Spool
from burrowspace.client.credit import CREDIT
from burrowspace.client.errors import Missing, Refused
from burrowspace.client.keys import PREFERRED
from burrowspace.client.limits import Bucket
from burrowspace.client.link import Seal
from burrowspace.client.log import Log
from burrowspace.client.pause import Pause
from burrowspace.core import segments, signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import BLOCK, Suite

if TYPE_CHECKING:
    from burrowspace.client.link_relay import Ended, Leg, Writer

log = Log("client")

AGAIN_S, AGAIN_MOST_S = 1.0, 30.0

Say = Callable[[signals.Signal], Awaitable[None]]


class Stretch:
    """One leg of ours. `rests`: all of it may lie there. `upto`: it ends before this position, None while it goes on.

    `ended_by` is the leg that goes on where this one was cut.
    """

    def __init__(self, spool: Spool, first: int, say: Say, *, policy: str, rests: bool, suite: Suite) -> None:
        self.spool, self.first, self.say, self.policy, self.rests = spool, first, say, policy, rests
        self.suite = suite
        self.opened_at = time.monotonic()
        self.wanted = threading.Event()  # somebody follows it, or all of it may lie there
        if rests:
            self.wanted.set()
        self.writer: Writer | None = None
        self.whole = False  # everything up to the transfer's end is there
        self.upto: int | None = None
        self.dropped = False
        self.ended_by: Stretch | None = None

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
    def last(self) -> "Stretch":
        """This leg, or the one in which it goes on."""
        found = self
        while found.ended_by is not None:
            found = found.ended_by
        return found


class Kept(msgspec.Struct):
    """What is written down of a leg, for the next run of this program."""

    spool: str
    token: str
    first: int
    rests: bool
    upto: int | None
    whole: bool
    suite: Suite = PREFERRED[0]


class Legs:
    """`seal(stretch)` gives the callable that seals for it, `ahead(stretch)` the position before which blocks may go
    into it now (None: all; asked in its thread). `keep(data)` writes down what the next run must know.

    `fail(error)` is called when our own file cannot be read, `refused(stretch, error)` when the server takes no more of
    a leg (no space).
    """

    def __init__(
        self,
        server: Server,
        layout: Callable[[Suite], Layout],
        seal: Callable[[Stretch], Seal],
        ahead: Callable[[Stretch], int | None],
        bucket: Bucket | None,
        fail: Callable[[BaseException], None],
        refused: Callable[[Stretch, Refused], None],
        changed: Callable[[], None],
        keep: Callable[[bytes], None],
    ) -> None:
        self.stretches: list[Stretch] = []
        self._server, self._layout, self._seal, self._bucket = server, layout, seal, bucket
        self._ahead = ahead
        self._fail, self._refused, self._changed, self._keep = fail, refused, changed, keep
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> Stretch | None:
        return next((each for each in reversed(self.stretches) if each.writer is not None), None)

    @property
    def resting(self) -> Stretch | None:
        """The latest leg that may lie there."""
        return next((each for each in reversed(self.stretches) if each.rests), None)

    def serving(self, position: int, suite: Suite) -> Stretch | None:
        """The latest leg that carries this position, or will next."""
        found = segments.serving(self._parts(), position, suite)
        return None if found is None else self.stretches[found]

    def covered(self, position: int) -> int | None:
        """Up to which position what follows from `position` on lies on the server, to rest there. None: to the end."""
        return segments.covered(self._parts(), position, self._layout(PREFERRED[0]).positions)

    def _parts(self) -> list[segments.Part]:
        return [each.part for each in self.stretches]

    async def open(self, first: int, say: Say, *, policy: str, rests: bool, suite: Suite = PREFERRED[0]) -> Stretch:
        """A new leg from `first` on, announced by `say`. Errors of the server."""
        layout = self._layout(suite)
        whole = layout.sealed_size
        length = None if whole is None else whole - layout.offset(first)
        spool = await self._server.make_spool(length, policy, CREDIT * BLOCK if policy != "rest" else None)
        stretch = Stretch(spool, first, say, policy=policy, rests=rests, suite=suite)
        self.stretches.append(stretch)
        await self._write_down()
        self._write(stretch)
        await say(stretch.announcement())
        return stretch

    async def let_rest(self, stretch: Stretch) -> None:
        """The receiver has gone: all of it may lie there now."""
        if not stretch.rests:
            with contextlib.suppress(Missing):  # the server lost it: what comes in its place will rest
                await self._server.let_rest(stretch.spool)
            stretch.rests = True
            stretch.wanted.set()
            stretch.wake()
            await self._write_down()
            await stretch.say(stretch.announcement())

    async def drop(self, stretch: Stretch, *, tell: bool = True) -> None:
        """Nobody needs it any more. `tell`: whoever knows of it is not to look for it again."""
        writer, stretch.writer, stretch.dropped = stretch.writer, None, True
        if writer is not None:
            writer.stop()
        if stretch in self.stretches:
            self.stretches.remove(stretch)
            await self._write_down()
            if tell:
                with contextlib.suppress(BurrowError):
                    await stretch.say(signals.LegEnd(stretch.spool.id, 0))
        with contextlib.suppress(BurrowError):
            await self._server.drop_spool(stretch.spool)

    async def take_up(self, kept: bytes, say: Say) -> None:
        """The legs of an earlier run: each ends where the server says, and what may rest there is not sent again."""
        try:
            found = msgspec.json.decode(kept, type=list[Kept])
        except msgspec.MsgspecError:
            return
        self.stretches.clear()
        for each in found:
            spool, layout = Spool(each.spool, each.token), self._layout(each.suite)
            stretch = Stretch(spool, each.first, say, policy="rest", rests=each.rests, suite=each.suite)
            stretch.whole, stretch.upto = each.whole, each.upto
            try:
                state = await self._server.spool(each.spool)
            except Missing:
                await say(signals.LegEnd(each.spool, 0))
                continue
            if state.complete:
                stretch.whole = True
            elif each.upto is None:
                stretch.upto, _ = layout.position_at(layout.offset(each.first) + state.offset)
                await say(signals.LegEnd(each.spool, stretch.upto))
            self.stretches.append(stretch)
        await self._write_down()

    def stop(self) -> None:
        """Ends the threads; what lies on the server stays."""
        for task in self._tasks:
            task.cancel()
        for each in self.stretches:
            if each.writer is not None:
                each.writer.stop()

    async def _write_down(self) -> None:
        rows = [
            Kept(each.spool.id, each.spool.token, each.first, each.rests, each.upto, each.whole, each.suite)
            for each in self.stretches
        ]
        try:
            await asyncio.to_thread(self._keep, msgspec.json.encode(rows))
        except OSError as error:  # the next run will send some of it twice
            log.warning("what lies on the server could not be written down", why=str(error))

    def _write(self, stretch: Stretch) -> None:
        def over(leg: "Leg", ended: "Ended | None") -> None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._over, stretch, leg, ended)

        # Late, as in routes.py: HTTP for blocking calls is loaded with it, and a direct transfer has no leg
        from burrowspace.client.link_relay import Writer

        origin, seal = self._server.origin, self._seal(stretch)
        layout = self._layout(stretch.suite)
        ahead = partial(self._ahead, stretch)
        stretch.writer = Writer(origin, stretch.spool, layout, stretch.first, seal, ahead, over, self._bucket)
        stretch.writer.start()

    def _over(self, stretch: Stretch, leg: "Leg", ended: "Ended | None") -> None:
        writer = stretch.writer
        if leg is not writer or writer is None:
            return
        stretch.writer = None
        if ended is None:
            stretch.whole = True
            self._begin(self._write_down())
        elif ended.__cause__ is not None and isinstance(ended.__cause__, BurrowError):
            self._fail(ended.__cause__)  # our own file
        elif ended.final:
            stretch.upto = writer.safe_position
            self._refused(stretch, Refused(ended.status, ended.code, str(ended)))
        else:
            log.debug("a leg was cut", why=str(ended))
            layout = self._layout(stretch.suite)
            position, _ = layout.position_at(layout.offset(stretch.first) + writer.safe)
            self._begin(self._again(stretch, position))
        self._changed()

    async def _again(self, stretch: Stretch, position: int) -> None:
        """The leg goes on as another one."""
        pause = Pause(AGAIN_S, AGAIN_MOST_S)
        stretch.upto = position
        while not stretch.dropped:
            try:
                await stretch.say(signals.LegEnd(stretch.spool.id, position))
                policy = "rest" if stretch.rests else stretch.policy
                stretch.ended_by = await self.open(
                    position, stretch.say, policy=policy, rests=stretch.rests, suite=stretch.suite
                )
                return
            except BurrowError as error:
                log.debug("the next leg has to wait", why=str(error))
                await pause.wait()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
