"""The sender's legs: spools on the server that carry blocks from some position on, live or to rest there.

Who follows one, and since when, the server knows. A leg that was cut in the middle of a block ends there and another
begins. Deciding is the session's. Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from burrowspace.client.api import Server, Spool
from burrowspace.client.credit import CREDIT
from burrowspace.client.limits import Bucket
from burrowspace.client.link import Seal
from burrowspace.client.link_relay import Ended, Leg, Writer
from burrowspace.core import signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import BLOCK

log = structlog.get_logger("client")

AGAIN_S = 1.0


class Stretch:
    """One leg of ours. `rests`: all of it may lie there."""

    def __init__(
        self, spool: Spool, first: int, say: Callable[[signals.Signal], Awaitable[None]], *, rests: bool
    ) -> None:
        self.spool, self.first, self.say, self.rests = spool, first, say, rests
        self.writer: Writer | None = None
        self.whole = False  # everything up to the transfer's end is there

    def announcement(self, layout: Layout) -> signals.Leg:
        return signals.Leg(self.spool.id, self.first, layout.suite, self.rests)


class Legs:
    """`fail(error)` is called when a leg cannot be had at all (no space, refused)."""

    def __init__(
        self,
        server: Server,
        layout: Callable[[], Layout],
        seal: Seal,
        bucket: Bucket | None,
        fail: Callable[[BaseException], None],
        changed: Callable[[], None],
    ) -> None:
        self.stretches: list[Stretch] = []
        self._server, self._layout, self._seal, self._bucket = server, layout, seal, bucket
        self._fail, self._changed = fail, changed
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> Stretch | None:
        return next((each for each in reversed(self.stretches) if each.writer is not None), None)

    def serving(self, position: int) -> Stretch | None:
        """The latest leg that carries this position, or will."""
        for each in reversed(self.stretches):
            if each.first <= position and (each.whole or each.writer is not None):
                return each
        return None

    async def open(
        self, first: int, say: Callable[[signals.Signal], Awaitable[None]], *, policy: str, rests: bool
    ) -> Stretch:
        """A new leg from `first` on, announced by `say`. Errors of the server."""
        layout = self._layout()
        whole = layout.sealed_size
        length = None if whole is None else whole - layout.offset(first)
        spool = await self._server.make_spool(length, policy, CREDIT * BLOCK if policy != "rest" else None)
        stretch = Stretch(spool, first, say, rests=rests)
        self.stretches.append(stretch)
        self._write(stretch, policy)
        await say(stretch.announcement(layout))
        return stretch

    async def let_rest(self, stretch: Stretch) -> None:
        """The receiver has gone: all of it may lie there now."""
        if not stretch.rests:
            await self._server.let_rest(stretch.spool)
            stretch.rests = True
            await stretch.say(stretch.announcement(self._layout()))

    async def drop(self, stretch: Stretch) -> None:
        """Nobody needs it any more."""
        writer, stretch.writer = stretch.writer, None
        if writer is not None:
            writer.stop()
        if stretch in self.stretches:
            self.stretches.remove(stretch)
        with contextlib.suppress(BurrowError):
            await self._server.drop_spool(stretch.spool)

    def stop(self) -> None:
        """Ends the threads; what lies on the server stays."""
        for task in self._tasks:
            task.cancel()
        for each in self.stretches:
            if each.writer is not None:
                each.writer.stop()

    def _write(self, stretch: Stretch, policy: str) -> None:
        def over(leg: Leg, ended: Ended | None) -> None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._over, stretch, policy, leg, ended)

        origin = self._server.origin
        stretch.writer = Writer(origin, stretch.spool, self._layout(), stretch.first, self._seal, over, self._bucket)
        stretch.writer.start()

    def _over(self, stretch: Stretch, policy: str, leg: Leg, ended: Ended | None) -> None:
        writer = stretch.writer
        if leg is not writer or writer is None:
            return
        stretch.writer = None
        if ended is None:
            stretch.whole = True
        elif ended.__cause__ is not None and isinstance(ended.__cause__, BurrowError):
            self._fail(ended.__cause__)  # our own file
        elif ended.final:
            self._fail(BurrowError(str(ended)))
        else:
            log.debug("a leg was cut", why=str(ended))
            position, _ = self._layout().position_at(self._layout().offset(stretch.first) + writer.safe)
            task = asyncio.ensure_future(self._again(stretch, position, policy))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._changed()

    async def _again(self, stretch: Stretch, position: int, policy: str) -> None:
        """The leg goes on as another one."""
        delay = AGAIN_S
        while True:
            try:
                await stretch.say(signals.LegEnd(stretch.spool.id, position))
                await self.open(position, stretch.say, policy=policy, rests=stretch.rests)
                return
            except BurrowError as error:
                log.debug("the next leg has to wait", why=str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, 30.0)
