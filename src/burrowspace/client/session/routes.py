"""The receiver's paths: makes direct links, keeps the segments that the sender announced, asks one for blocks.

It acts on what core/paths.py decides and tells core/path_book.py what became of it. It opens no block (opener.py) and
knows of the staging only how far it is. Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from burrowspace.client.events import Event, PathChanged
from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import Link
from burrowspace.client.links.reach import Reach
from burrowspace.client.log import Log
from burrowspace.client.session.opener import Opener
from burrowspace.core import signals
from burrowspace.core.consent import Consent
from burrowspace.core.errors import BurrowError, Tampered
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import DIRECT, STALL, TICK, Decision, Path, State, backoff
from burrowspace.core.sealing import Suite
from burrowspace.core.segments import Announced, Segment

if TYPE_CHECKING:
    from burrowspace.client.relay.link_relay import Ended, Reader, RelayStream

log = Log("client")

DRAIN_S = 0.5  # for what is under way on a path that is left in good order
SAY_HELD_S = 0.25
SAY_ALIVE_S = 4.0  # and without a new block, where bytes came
SAY_FIRST_S, SAY_S, SAY_LATER_S = 60.0, 1.0, 2.0  # through the mailbox: each SAY_S at first, later each SAY_LATER_S


class Routes:
    """`run()` works until all is held, or it is cancelled."""

    def __init__(
        self,
        *,
        origin: str,
        reach: Reach,
        opener: Opener,
        consent: Consent,
        held: Callable[[], int],
        here: Callable[[], int],
        say: Callable[[signals.Signal], Coroutine[Any, Any, None]],
        tell: Callable[[Event], None],
        start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        book: PathBook,
        control: Callable[[signals.Control], None],
        bucket: Bucket | None = None,
    ) -> None:
        self._bucket = bucket
        self.book = book
        self.idle_since = self.moved_at = time.monotonic()
        self._control = control
        self.using: Path | None = None
        self.links: dict[Path, Link] = {}
        self.used_spools: set[str] = set()
        self._origin, self._reach, self._opener = origin, reach, opener
        self._held, self._say, self._tell, self._start = held, say, tell, start
        self._consent, self._here = consent, here
        self._resting = False  # nothing may be requested: the person has not said yes
        self._limit: int | None = consent.limit(opener.layout.positions)
        self._announced = Announced()
        self._reader: Reader | None = None
        self._reading: Segment | None = None
        self._trying: dict[Path, asyncio.Task[Any]] = {}
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._counted: tuple[object, int] = (None, 0)  # which carrier, and how many bytes the book knows of it
        self._told: tuple[str, str] = ("", "")
        self._said_held = (0.0, -1)
        self._saying: asyncio.Task[Any] | None = None  # one word at a time: a server that is busy sets the pace
        self._began = time.monotonic()

    # ---- what the session tells

    def wake(self) -> None:
        self._news.set()

    def sender_came(self) -> None:
        """The sender's program began (again): all that failed is worth another try."""
        now = time.monotonic()
        self._announced.anew()
        self.book.sender(present=True)
        self.book.met_again(now)
        for path in (*DIRECT, Path.RELAY):
            if self.book.known(path).state is State.FAILED:
                self.book.released(path, now)
        if self.book.known(Path.RELAY).state is State.TRYING:  # the one before it was asked, and will not answer
            self.book.released(Path.RELAY, now)
        self._look_at_segments()
        self.wake()

    def sender_left(self) -> None:
        self.book.sender(present=False)
        self.wake()

    @property
    def nothing_left(self) -> bool:
        """Whether all that the sender left on the server is gone."""
        return self._announced.nothing_left(self._here())

    def segment_begins(self, leg: signals.Leg) -> None:
        self._announced.begins(leg.spool, leg.first, leg.suite, leg.resting)
        self._look_at_segments()
        self.wake()

    def segment_ends(self, end: signals.LegEnd) -> None:
        self._announced.ends(end.spool, end.upto)
        if self._reader is not None and self._reading is not None:
            self._reader.upto = _least(self._reading.upto, self._limit)
        self._look_at_segments()
        self.wake()

    def add_link(self, link: Link) -> None:
        """A direct link is up, whoever made it."""
        path = Path(link.kind)
        if path in self.links or not self.book.facts(time.monotonic()).allows(path):
            link.close("one is enough")
            return
        self.links[path] = link
        self.book.up(path, time.monotonic())
        self._start(self._watch(path, link))
        self.wake()

    # ---- the loop

    async def run(self) -> None:
        while True:
            now = time.monotonic()
            self._count(now)
            positions = self._opener.layout.positions
            if positions is not None and self._held() >= positions:
                return
            self._look_at_end()
            again = TICK
            if self._may_request(now):
                decision = self.book.decide(now)
                again = max(0.01, decision.again)
                await self._act(decision, now)
                if self.using is not None:
                    self.idle_since = now
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
        may = self._consent.may_request(self._here(), positions)
        if may and self._resting:
            self.book.resumed(now)
        self._resting = not may
        if self._resting:
            self.idle_since = self.moved_at = now
        if (limit := self._consent.limit(positions)) != self._limit:
            self._limit = limit
            for link in self.links.values():
                link.ends(limit)
            if self._reader is not None and self._reading is not None:
                self._reader.upto = _least(self._reading.upto, limit)
        return may

    def _count(self, now: float) -> None:
        """Tells the book what came, byte by byte: a slow line has not stalled."""
        path = self.using
        if path is None:
            return
        carrier: object
        if path in DIRECT:
            carrier = link = self.links.get(path)
            size = since = 0 if link is None else link.stats.received
        else:
            carrier = reader = self._reader
            size, since = 0 if reader is None else reader.received, 0
        if carrier is None:
            return
        if carrier is not self._counted[0]:
            self._counted = (carrier, since)
        if more := size - self._counted[1]:
            self._counted = (carrier, size)
            self.moved_at = now
            self.book.carried(path, more, now)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.stop()
        for link in self.links.values():
            link.close("done")
        for task in self._trying.values():
            task.cancel()

    async def _say_held(self, now: float) -> None:
        """The sender shows how far it is, and knows that we live."""
        link = self.links.get(self.using) if self.using is not None else None
        (said_at, said), held = self._said_held, self._held()
        if self.using in (Path.RELAY, Path.STORE):
            every = SAY_S if now - self._began < SAY_FIRST_S else SAY_LATER_S
            news = held != said or self.moved_at > said_at + SAY_ALIVE_S  # a block may take long on a slow line
            if news and now - said_at >= every and (self._saying is None or self._saying.done()):
                self._said_held = (now, held)
                self._saying = self._start(self._say(signals.Progress(held)))
        if link is None or held == said or now - self._said_held[0] < SAY_HELD_S:
            return
        self._said_held = (now, held)
        with contextlib.suppress(ConnectionError):
            await link.send(signals.Held(held))

    # ---- acts

    async def _act(self, decision: Decision, now: float) -> None:
        for path in decision.stop:
            self._let_go(path)
        for path in decision.start:
            self._try(path)
        if decision.ask_relay:
            self._start(self._say(signals.AskRelay(self._held())))
        if decision.use is not self.using:
            await self._switch(decision.use, decision.why)

    def _try(self, path: Path) -> None:
        if path in self._trying:
            return

        async def attempt() -> None:
            try:
                link = await self._reach.make(path)
            except (OSError, BurrowError, TimeoutError) as error:
                log.debug("a path could not be made", path=path, why=str(error))
                if path not in self.links:
                    self.book.failed(path, time.monotonic())
                self.wake()
            else:
                self.add_link(link)
            finally:
                self._trying.pop(path, None)

        self._trying[path] = self._start(attempt())

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
        peer = ""
        if path in DIRECT:
            link = self.links.get(path)
            if link is None:  # it broke while the other was left
                self.using = None
                self.wake()
                return
            peer = link.peer
            link.pull(self._opener.take(path), self._here(), self._limit)
        elif not self._read(path):
            return
        if (path.value, peer) != self._told:
            self._told = (path.value, peer)
            self._tell(PathChanged(path.value, peer, why))

    async def _leave(self) -> None:
        """Stops asking on the path in use; what is under way on a link that lives is still taken."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = self._reading = None
        link = self.links.get(self.using) if self.using is not None else None
        if link is not None:
            link.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while link.under_way:  # noqa: ASYNC110  (the threads of the link have no event for it)
                        await asyncio.sleep(0.01)

    # ---- segments

    def _look_at_segments(self) -> None:
        now, here = time.monotonic(), self._here()
        for path in (Path.RELAY, Path.STORE):
            known = self.book.known(path).state
            if self._announced.pick(here, path is Path.STORE) is not None:
                if known is not State.UP:
                    self.book.up(path, now)
            elif known is State.UP and (self._reading is None or _path_of(self._reading) is not path):
                self.book.released(path, now)

    def _read(self, path: Path) -> bool:
        here = self._here()
        segment = self._announced.pick(here, path is Path.STORE)
        if segment is None:
            self.book.released(path, time.monotonic())
            self.using = None
            self.wake()
            return False
        from burrowspace.client.relay.link_relay import Reader

        self._reading = segment
        self.used_spools.add(segment.spool)
        self._reader = Reader(
            self._origin,
            segment.spool,
            self._opener.layout_in(suite := Suite(segment.suite)),
            segment.first,
            here,
            self._opener.take(path, suite),
            self._read_ended,
            _least(segment.upto, self._limit),
            self._bucket,
        )
        self._reader.start()
        return True

    def _read_ended(self, reader: "RelayStream", ended: "Ended | None") -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._read_over, reader, ended)

    def _read_over(self, reader: "RelayStream", ended: "Ended | None") -> None:
        if reader is not self._reader or self._reading is None:
            return
        segment, self._reader, self._reading = self._reading, None, None
        self.using = None
        if ended is None:
            self._look_at_segments()
        else:
            log.debug("a segment was left", why=str(ended))
            # What does not open may do so another time; the session counts, and ends it.
            path = _path_of(segment)
            if ended.final and not isinstance(ended.__cause__, Tampered):
                self._announced.lost(segment.spool)
            self.book.failed(path, time.monotonic())
            if not segment.dead:  # the server, or the way to it, may come back
                pause = backoff(self.book.known(path).failures)
                self._loop.call_later(pause, self._look_at_segments_again)
        self.wake()

    def _look_at_end(self) -> None:
        """A segment that turned out to end waits for a block that will not come; so does one that stands still while
        another brings that block, or none is known to bring it."""
        reader, segment = self._reader, self._reading
        if reader is None or segment is None:
            return
        if segment.upto is None or reader.position < segment.upto:
            still = time.monotonic() - reader.came_at >= STALL
            if not still or self._announced.pick(reader.position, segment.resting) is segment:
                return
        reader.stop()
        self._read_over(reader, None)

    def _look_at_segments_again(self) -> None:
        self._look_at_segments()
        self.wake()

    # ---- links

    async def _watch(self, path: Path, link: Link) -> None:
        async for control in link.controls():
            self._control(control)
        broken = await link.closed()
        log.debug("a link is no more", path=path, why=str(broken))
        if self.links.get(path) is link:
            del self.links[path]
            self.book.failed(path, time.monotonic())
            if self.using is path:
                self.using = None
            self.wake()


def _path_of(segment: Segment) -> Path:
    return Path.STORE if segment.resting else Path.RELAY


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
