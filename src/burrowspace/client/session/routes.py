"""The receiver's paths: makes direct links, reads the segments that the sender announced, asks one for blocks.

It acts on what core/paths.py decides and tells core/path_book.py what became of it. Segments are reading.py's,
blocks are opened by opener.py. Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from burrowspace.client.events import PathChanged
from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.reach import Reach
from burrowspace.client.log import Log
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.reading import Reading
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.transfer import Transfer
from burrowspace.core import signals
from burrowspace.core.consent import Consent
from burrowspace.core.errors import BurrowError
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import DIRECT, TICK, Decision, Path
from burrowspace.core.reports import Say, ToSender
from burrowspace.faults import told

log = Log("client")

DRAIN_S = 0.5  # for what is under way on a path that is left in good order


class Routes:
    """`run()` works until all is held, or it is cancelled."""

    def __init__(
        self,
        run: Transfer,
        sender: RemoteSender,
        reach: Reach,
        opener: Opener,
        consent: Consent,
        book: PathBook,
        *,
        origin: str,
        bucket: Bucket | None,
        cancelled: Callable[[str], None],
    ) -> None:
        self.book = book
        self.using: Path | None = None
        self.links: dict[Path, DirectLink] = {}
        self.reading = Reading(origin, sender.words.announced, opener, book, self._stands_still, self.wake, bucket)
        self._run, self._sender, self.reach, self._opener = run, sender, reach, opener
        self._consent, self._cancelled = consent, cancelled
        self._limit: int | None = None
        self._trying: dict[Path, asyncio.Task[Any]] = {}
        self._news = asyncio.Event()
        self._seen = 0  # bytes of what carries that the book knows of
        self._held = 0  # when bytes were last counted
        self._told: tuple[str, str] = ("", "")
        self._to_sender = ToSender()

    # ---- what the session tells

    def wake(self) -> None:
        self._news.set()

    def sender_came(self) -> None:
        """Its program began (again): of what it wrote live it says once more what goes on."""
        self.book.sender_came(time.monotonic())
        self.reading.look()
        self._run.start(self.reach.tell_again())

    def sender_left(self) -> None:
        self.book.sender(present=False)
        self.wake()

    def add_link(self, link: DirectLink) -> None:
        """A direct link is up, whoever made it."""
        path, now = Path(link.kind), time.monotonic()
        if path in self.links or not self.book.facts(now).allows(path):
            link.close("one is enough")
            return
        self.links[path] = link
        self.book.up(path, now)
        self._run.start(self._watch(path, link))
        self.wake()

    # ---- the loop

    async def run(self) -> None:
        self._run.start(self.reach.open())
        while True:
            now = time.monotonic()
            self._count(now)
            positions = self._opener.layout.positions
            if positions is not None and self._opener.staging.held >= positions:
                return
            self.reading.look_at_end()
            again = TICK
            if self._may_request(now):
                decision = self.book.decide(now)
                again = max(0.01, decision.again)
                await self._act(decision)
            elif self.using is not None:
                await self._leave()
                self.using = None
            await self._say_held(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._news.wait()
            self._news.clear()

    def _may_request(self, now: float) -> bool:
        """Whether there is anything to request now; where there is not, no path is in use and none can stall."""
        positions = self._opener.layout.positions
        may = self._consent.may_request(self._opener.staging.here, positions)
        if not may:
            self.book.pauses(now)
        if (limit := self._consent.limit(positions)) != self._limit:
            self._limit = limit
            for link in self.links.values():
                link.ends(limit)
            self.reading.limit(limit)
        return may

    def _count(self, now: float) -> None:
        """Tells the book what came, byte by byte: a slow line has not stalled."""
        leapt, self._held = self._opener.staging.held > self._held, self._opener.staging.held
        carrier = self.links.get(self.using) if self.using in DIRECT else self.reading.reader
        if self.using is None or carrier is None:
            return
        if more := carrier.received - self._seen or int(leapt):  # a hole that is passed over takes its time, too
            self._seen = carrier.received
            self.book.carried(self.using, more, now)

    async def close(self) -> None:
        self.reading.stop()
        for path in {*self.links, *self._trying}:
            self._let_go(path)
        self.reach.close()
        await self.reach.closed()

    async def _say_held(self, now: float) -> None:
        """The sender shows how far it is, and knows that we live."""
        link, held = self.links.get(self.using) if self.using is not None else None, self._opener.staging.held
        said = self._to_sender.tick(now, self.using, held, self.book.moved_at)
        if said is Say.PROGRESS:
            self._run.start(self._say_progress(held))
        elif said is Say.HELD and link is not None:
            with contextlib.suppress(ConnectionError):
                await link.send(signals.Held(held))

    async def _say_progress(self, held: int) -> None:
        try:
            await self._sender.say(signals.Progress(held))
        finally:
            self._to_sender.arrived()

    async def _act(self, decision: Decision) -> None:
        for path in decision.stop:
            self._let_go(path)
        for path in decision.start:
            self._try(path)
        if decision.ask_relay:
            self._run.start(self._sender.say(signals.AskRelay(self._opener.staging.held)))
        if decision.use is not self.using:
            await self._switch(decision.use, decision.why)

    def _try(self, path: Path) -> None:
        if path in self._trying:
            return

        async def attempt() -> None:
            try:
                link = await self.reach.make(path)
            except (OSError, BurrowError, TimeoutError) as error:
                log.debug("a path could not be made", path=path, why=told(error))
                if path not in self.links:
                    self.book.failed(path, time.monotonic())
                self.wake()
            else:
                self.add_link(link)
            finally:
                self._trying.pop(path, None)

        self._trying[path] = self._run.start(attempt())

    def _let_go(self, path: Path) -> None:
        task, link = self._trying.pop(path, None), self.links.pop(path, None)
        if task is not None:
            task.cancel()
        if link is not None:
            link.close("not needed")

    async def _switch(self, path: Path | None, why: str) -> None:
        await self._leave()
        self.using = path
        if path is None:
            return
        link = self.links.get(path)
        if not (self.reading.begin(path) if path not in DIRECT else link is not None):
            self._stands_still()  # it broke, or ended, while the other was left
            return
        self._seen = 0 if link is None else link.received
        if link is not None:
            link.pull(self._opener.take(path), self._opener.staging.here, self._limit)
        peer = "" if link is None else link.peer
        if (path.value, peer) != self._told:
            self._told = (path.value, peer)
            self._run.tell(PathChanged(path.value, peer, why))

    async def _leave(self) -> None:
        """Stops asking on the path in use; what is under way on a link that lives is still taken."""
        self.reading.stop()
        link = self.links.get(self.using) if self.using is not None else None
        if link is not None:
            link.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while link.under_way:  # noqa: ASYNC110  (the threads of the link have no event for it)
                        await asyncio.sleep(0.01)

    def _stands_still(self) -> None:
        self.using = None
        self.wake()

    # ---- links

    async def _watch(self, path: Path, link: DirectLink) -> None:
        async for control in link.controls():
            if isinstance(control, signals.Cancel):
                self._cancelled(control.why)
        broken = await link.closed()
        log.debug("a link is no more", path=path, why=str(broken))
        if self.links.get(path) is link:
            del self.links[path]
            self.book.failed(path, time.monotonic())
            if self.using is path:
                self.using = None
            self.wake()
