"""The sender of one transfer: it offers, answers those who come, and serves blocks to whoever asks, by whatever path.

It keeps no count of what was sent: each receiver says what it wants. One `Taker` for each receiver does the talking.
Spec: docs/spec/paths.md, docs/spec/signalling.md.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable

import structlog

from burrowspace.client import events
from burrowspace.client.api import Server
from burrowspace.client.conversation import Conversation
from burrowspace.client.journal import Journal
from burrowspace.client.legs import Legs, Stretch
from burrowspace.client.limits import Bucket
from burrowspace.client.link_tcp import Listener
from burrowspace.client.options import Options
from burrowspace.client.reach import Outside, outside
from burrowspace.client.running import GaveUp, Running
from burrowspace.client.source import Source
from burrowspace.client.taker import Taker
from burrowspace.core import signals
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.links import mailbox_id
from burrowspace.core.sealing import BLOCK, BlockKey, Suite
from burrowspace.core.signals import Role

log = structlog.get_logger("client")

TAKERS = 200  # receivers of one transfer
STORE_AFTER_S = 5.0  # without any receiver, where it may rest


class Sending(Running):
    """Made by Client. `met_by_code`: the receiver gets the secret from this program, so it must wait for it."""

    def __init__(
        self,
        *,
        server: Server,
        secret: bytes,
        transfer: bytes,
        source: Source,
        journal: Journal,
        options: Options,
        own_name: str,
        needs_meeting: bool,
        done: Callable[["Sending", events.Finished], None] | None = None,
    ) -> None:
        super().__init__()
        self.source, self.options, self.server, self.secret, self.transfer = source, options, server, secret, transfer
        self.suite = Suite.A256GCM
        self.layout = source.layout(self.suite)
        self.served: dict[str, int] = {}  # blocks, by path
        self.again = 0  # blocks that were sent though the receiver had said that it holds them
        self.takers: dict[str, Taker] = {}
        self.listener: Listener | None = None
        self.outside = Outside()
        self.bucket = Bucket(options.limit_rate) if options.limit_rate else None
        self.own_name = own_name
        self.needs_meeting = needs_meeting
        self.journal, self._done = journal, done
        self._key = BlockKey(secret, transfer, self.suite)
        self._rooms = threading.local()
        self._main = Conversation(server, secret, mailbox_id(secret), Role.SENDER)
        self.legs = Legs(
            server, lambda: self.layout, self.sealer(None, "relay"), self.bucket, self._fail, self._changed.set
        )
        self._began = time.monotonic()
        self._met_at: float | None = None
        self._first_byte: float | None = None

    # ---- blocks

    def sealer(self, taker: Taker | None, path: str) -> Callable[[int, memoryview], int]:
        """The callable that fills a path's buffer with a sealed block; runs in the path's threads."""

        def seal(position: int, into: memoryview) -> int:
            room = getattr(self._rooms, "room", None)
            if room is None:
                room = self._rooms.room = memoryview(bytearray(BLOCK))
            layout = self.layout
            try:
                file, index = layout.where(position)
                size, end = self.source.read_into(position, room)
            except BadRequest:
                return 0  # there is no such position
            if taker is not None and position < taker.held:
                self.again += 1
            sealed = self._key.seal_into(file, index, end, room[:size], os.urandom(12), into)
            if end and file and layout.pack_size is None:
                self.layout = layout.ended(position, size)
            self.served[path] = self.served.get(path, 0) + 1
            if self._first_byte is None and self._met_at is not None:
                self._first_byte = time.monotonic() - self._met_at
            if taker is not None and taker.path != path:
                self._soon(taker.goes_by, path)
            return sealed

        return seal

    # ---- the whole

    async def _work(self) -> events.Finished:
        options = self.options
        self.outside = outside(await self.server.hello(), options)
        if not options.relay_only:
            self.listener = Listener()
            self.listener.open()
        await self._main.say(
            signals.Offer(
                transfer=self.transfer.hex(),
                name=self.own_name[:255],
                manifest_size=self.layout.manifest_size,
                pack_size=self.layout.pack_size,
                suites=(self.suite,),
                may_store=self._may_store,
                created=int(time.time()),
            )
        )
        self._start(self._hear())
        resting: Stretch | None = None
        while True:
            await self._change(0.25)
            now = time.monotonic()
            for taker in list(self.takers.values()):
                taker.tick(now)
            if self._enough():
                break
            if self._may_store and not self.needs_meeting and resting is None and self._nobody_for(now):
                resting = await self._store()
            if resting is not None and await self._left_to_rest(resting):
                return await self._finished(resting=True)
            if options.wait is not None and self._met_at is None and now - self._began > options.wait:
                raise GaveUp("nobody came to receive it; start it again when they are ready")
        return await self._finished(resting=False)

    async def _end(self) -> None:
        self.legs.stop()
        for taker in self.takers.values():
            taker.close()
        if self.listener is not None:
            await self.listener.close()
        with contextlib.suppress(TimeoutError, BurrowError):
            async with asyncio.timeout(1.0):
                await self._main.say(signals.Bye())
        self.source.close()
        self.journal.close()

    @property
    def _may_store(self) -> bool:
        return self.options.store and not self.options.direct_only

    def _enough(self) -> bool:
        wanted = self.options.receivers
        return wanted is not None and sum(taker.verified for taker in self.takers.values()) >= wanted

    def _nobody_for(self, now: float) -> bool:
        if self.options.store_now:
            return True
        return not self.takers and now - self._began > STORE_AFTER_S

    async def _store(self) -> Stretch:
        """All of it to the server, for whoever comes."""
        self._tell(events.Waiting("nobody is here yet; it goes to the server, sealed, and rests there"))
        return await self.legs.open(0, self._main.say, policy="rest", rests=True)

    async def _left_to_rest(self, resting: Stretch) -> bool:
        """Whether everything lies on the server and nobody needs this program."""
        last = self.legs.stretches[-1] if self.legs.stretches else resting
        if last.writer is not None:
            self._tell_store(last)
        busy = any(not taker.verified and taker.lives(time.monotonic()) for taker in self.takers.values())
        if not last.whole or busy:
            return False
        state = await self.server.spool(last.spool.id)
        self._tell(events.Resting(state.expires_at))
        return True

    def _tell_store(self, stretch: Stretch) -> None:
        writer = stretch.writer
        if writer is None:
            return
        done = self.content(writer.position)
        self._tell(events.Progress(done, self.source.manifest.content_size, 0.0, None, "store"))

    async def _finished(self, *, resting: bool) -> events.Finished:
        if not resting:
            for stretch in list(self.legs.stretches):
                await self.legs.drop(stretch)
        finished = events.Finished(
            size=self.content(self.layout.positions or 0),
            seconds=time.monotonic() - (self._met_at or self._began),
            first_byte=self._first_byte,
            shares={path: blocks * self.suite.sealed for path, blocks in self.served.items()},
            verified=not resting,
            resting=resting,
            left_out=self.source.left_out,
        )
        if self._done is not None:
            await asyncio.to_thread(self._done, self, finished)
        return finished

    # ---- what is heard

    async def _hear(self) -> None:
        async for _, signal in self._main.heard():
            if isinstance(signal, signals.Hello):
                self._hello(signal)

    def _hello(self, hello: signals.Hello) -> None:
        taker = self.takers.get(hello.receiver)
        if taker is None:
            if len(self.takers) >= TAKERS:
                log.warning("more receivers than one transfer takes")
                return
            taker = self.takers[hello.receiver] = Taker(self, hello)
            self._start(taker.run())
        taker.hello(hello)
        self._changed.set()

    # ---- for the takers

    def met(self) -> None:
        if self._met_at is None:
            self._met_at = time.monotonic()

    def tell(self, event: events.Event) -> None:
        self._tell(event)

    def start(self, work: object) -> asyncio.Task[object]:
        return self._start(work)  # type: ignore[arg-type]

    def changed(self) -> None:
        self._changed.set()

    def fail(self, error: BaseException) -> None:
        self._fail(error)

    @property
    def may_store(self) -> bool:
        return self._may_store

    async def digest(self) -> bytes | None:
        """Of everything; what was not read yet, for it lies with a receiver since an earlier run, is read now."""
        last = self.layout.positions
        if self.source.digest is None and last is not None:
            await asyncio.to_thread(self.source.read_into, last - 1, memoryview(bytearray(BLOCK)))
        return self.source.digest

    def content(self, position: int) -> int:
        """Content bytes that lie before `position`."""
        done = max(0, position - self.layout.manifest_blocks) * BLOCK
        size = self.source.manifest.content_size
        if size is None:
            size = done if self.layout.pack_size is None else self.layout.pack_size - 32
        return min(done, size)
