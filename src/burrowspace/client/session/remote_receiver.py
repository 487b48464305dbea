"""One receiver, as the sender sees it: its words, its links, the segment that it follows.

It hears what the receiver says, asks `core/receiver_book.py` what follows, and does that; what only the sender can do,
it asks for by `Sends`. Specs: docs/spec/session.md, docs/spec/paths.md.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from burrowspace.client import events
from burrowspace.client.errors import Cancelled, Changed
from burrowspace.client.in_loop import in_loop
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.reach import Reach
from burrowspace.client.log import Log
from burrowspace.client.relay.relay_segments import RelaySegments
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.session.following import Following
from burrowspace.client.session.sends import Sends, Shared
from burrowspace.core import signals
from burrowspace.core.errors import BurrowError, Damaged, NoSpace
from burrowspace.core.keys import PREFERRED
from burrowspace.core.left_out import KNOWS_MARKS
from burrowspace.core.receiver_book import Act, Acts, ReceiverBook
from burrowspace.core.receiver_words import ReceiverWords
from burrowspace.core.reports import Meter

log = Log("client")


class RemoteReceiver:
    """Lives as long as the sending. `session` is the run of its program that said hello."""

    def __init__(
        self,
        sends: Sends,
        shared: Shared,
        segments: RelaySegments,
        pair: Conversation,
        reach: Reach,
        hello: signals.Hello,
        session: bytes,
    ) -> None:
        self.id, self.name, self._version = hello.receiver, hello.name, hello.version
        self.suite = next((each for each in hello.suites if each in PREFERRED), PREFERRED[0])
        blocks, may_store = shared.manifest_blocks, shared.may_store
        self.book = ReceiverBook(blocks, hello.held, time.monotonic(), may_store, shared.alone)
        self._words = words = ReceiverWords(self.book, session, direct_only=shared.direct_only)
        self._sends, self._shared, self._pair, self._reach, self._tell = sends, shared, pair, reach, sends.tell
        self._following = Following(segments, self.book, pair.say, self.suite, may_store)
        self._links: list[DirectLink] = []
        self._meter = Meter()
        self._refusal: Changed | None = None  # why it must not be served any more
        self._running: asyncio.Task[None] | None = None
        start, following = sends.start, self._following
        self._acts: dict[Act, Callable[[], object]] = {
            Act.TELL_MET: lambda: self._tell(events.Met(self.name, self.id, shared.words)),
            Act.INTRODUCE: lambda: start(reach.tell_again()),
            Act.CATCH_UP: lambda: start(asyncio.to_thread(sends.catch_up, self.book.held)),
            Act.GIVE: lambda: start(following.give(words.asked)),
            Act.WAKE: following.wake,
            Act.WANT: following.want,
            Act.DROP: lambda: start(following.follow()),
            Act.LOOK: lambda: start(self._then(following.look())),
            Act.CHECK: lambda: start(self._then(self._check())),
            Act.STORE: lambda: start(self._store()),
            Act.FORGET: self._forget,
            Act.COMPARE: lambda: start(self._compare()),
            Act.TELL_PATH: self._tell_path,
            Act.TELL_DECIDING: lambda: self._waits(f"{self.name or 'the receiver'} is deciding"),
            Act.TELL_PROGRESS: self._tell_progress,
            Act.TELL_OFFLINE: lambda: self._waits(shared.why_away()),
            Act.TELL_AWAY: lambda: self._waits("the receiver is away; it goes on when it is back"),
            Act.TELL_VERIFIED: lambda: self._tell(events.Verified(words.digest, self.id)),
            Act.TELL_OVER: lambda: self._tell(events.Declined(self.name, self._why().sentence, self.id)),
            Act.FAIL: lambda: sends.fail(self._why()),
            Act.CLOSE_LINKS: lambda: self._close_links("the receiver has left"),
            Act.CLOSE: self.close,
        }

    def _do(self, acts: Acts) -> None:
        for act in acts:
            self._acts[act]()

    async def _then(self, asked: Awaitable[Acts]) -> None:
        self._do(await asked)

    async def recall(self) -> None:
        """What it said to an earlier run of this program: nothing of that is to be answered any more."""
        self._do(self._words.recalls([signal for _, signal in await patiently(self._pair.so_far)]))

    def begin(self) -> None:
        """Listens to it, until it is closed."""
        self._running = self._sends.start(self._run())

    async def _run(self) -> None:
        self._sends.start(self._reach.open())
        async for session, signal in self._pair.heard():
            self._heard(session, signal)

    def hello(self, session: bytes, hello: signals.Hello) -> None:
        """It is here (again)."""
        self.name, self._version = hello.name, hello.version
        acts, early = self._words.hello(time.monotonic(), session, hello)
        self._do(acts)
        for signal in early:
            self._heard(session, signal)

    def _heard(self, session: bytes, signal: signals.Signal) -> None:
        now, segment = time.monotonic(), self._following.segment
        rests = None if segment is None else segment.rests
        acts = self._words.hears(now, session, signal, rests, self._shared.code_used())
        if acts is None:
            self._reach.heard(signal)
        else:
            self._do(acts)

    def tick(self, now: float) -> None:
        if not self.book.over and (refusal := self.refusal()) is not None:
            self._refusal = refusal  # an older one could only find at the end that a file is not what was sent
            self._sends.start(self._pair.last_words(signals.Cancel(refusal.sentence[:1000], refusal.code)))
            self._do(self.book.ends())
        segment = self._following.segment
        self._do(self.book.tick(now, self._following.part, segment is not None and segment.wanted))

    def refusal(self) -> Changed | None:
        """Why it cannot go on: a file is left out, and it is of a version that does not know what that means."""
        return None if self._version >= KNOWS_MARKS or self.book.verified else self._shared.lost()

    def close(self) -> None:
        self._reach.close()
        self._close_links("the sender ends")
        if self._running is not None:
            self._running.cancel()

    # ---- what its book wants to know, and the end

    def _why(self) -> BurrowError:
        """Why it is over."""
        return self._refusal or Cancelled(self._words.why)

    async def _compare(self) -> None:
        self._do(self._words.compared(await self._sends.gave(self._words.digest)))

    # ---- links

    def add(self, link: DirectLink) -> None:
        """A direct link is up."""
        loop = asyncio.get_running_loop()

        def seal(position: int, into: memoryview) -> int:
            held = self.book.held
            self.book.requests(time.monotonic(), position)
            sealed = self._sends.seal(link.kind, position, into, held, self.suite)
            if self.book.path != link.kind:
                in_loop(loop, lambda: self._do(self.book.goes_by(link.kind)))
            return sealed

        self._links.append(link)
        self.book.linked()
        link.serve(seal)
        self._sends.start(self._listen(link))

    async def _listen(self, link: DirectLink) -> None:
        async for control in link.controls():
            self._do(self._words.controls(time.monotonic(), control))
        broken = await link.closed()
        self._links.remove(link)
        self.book.unlinked(time.monotonic())
        if isinstance(broken.__cause__, Changed | Damaged | NoSpace):  # our own files, which no other path can mend
            self._sends.fail(broken.__cause__)

    def _close_links(self, why: str) -> None:
        for link in self._links:
            link.close(why)

    async def _check(self) -> Acts:
        """It has gone, or we are cut off ourselves."""
        reached = await self._sends.online()
        return self.book.reached(time.monotonic(), reached, self._shared.code_used())

    def _forget(self) -> None:
        self._sends.start(self._following.follow())
        self._sends.forget(self.id)

    async def _store(self) -> None:
        self._waits("the receiver has gone; the rest goes to the server, sealed")
        try:
            await self._following.store()
        except BurrowError as error:
            log.info("the rest cannot rest on the server", why=error.sentence)
            self._waits(f"the receiver is away, and {error.sentence}")
            self.book.not_stored(time.monotonic())
            return
        self.book.stored()
        self._tell(events.PathChanged("store", "", "the receiver has gone", self.id))

    # ---- what the person who sends hears

    def _waits(self, why: str) -> None:
        self._tell(events.Waiting(why, self.id))

    def _tell_path(self) -> None:
        path = self.book.path
        peer = next((link.peer for link in self._links if link.kind == path), "")
        self._tell(events.PathChanged(path, peer, "asked", self.id))  # type: ignore[arg-type]

    def _tell_progress(self) -> None:
        done, total = self._shared.content(self.book.position(self._following.part)), self._shared.total
        rate, eta = self._meter.add(time.monotonic(), done, total)
        self._tell(events.Progress(done, total, rate, eta, self.book.path, self.id))  # type: ignore[arg-type]
