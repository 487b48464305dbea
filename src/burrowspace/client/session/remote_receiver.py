"""One receiver, as the sender sees it: its words, its links, the segment that it follows.

It hears what the receiver says, asks `core/receiver_book.py` what follows, and does that. Specs: docs/spec/session.md,
docs/spec/paths.md.
"""

import asyncio
import time
from collections.abc import Callable

from burrowspace.client import events
from burrowspace.client.errors import Cancelled, Changed
from burrowspace.client.keys import PREFERRED
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import Link
from burrowspace.client.links.reach import Reach
from burrowspace.client.log import Log
from burrowspace.client.relay.relay_segments import RelaySegment
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.session.following import Following
from burrowspace.client.session.running import Meter
from burrowspace.client.session.sends import Sends
from burrowspace.core import signals
from burrowspace.core.codes import check_words
from burrowspace.core.consent import Person
from burrowspace.core.errors import BurrowError
from burrowspace.core.links import link_key, link_tag, mailbox_id
from burrowspace.core.receiver_book import Act, Acts, ReceiverBook, Runs
from burrowspace.core.signals import Role

log = Log("client")


class RemoteReceiver:
    """Lives as long as the sending. `session` is the run of its program that said hello."""

    def __init__(self, sending: Sends, hello: signals.Hello, session: bytes) -> None:
        self.id, self.name = hello.receiver, hello.name
        self.suite = next((each for each in hello.suites if each in PREFERRED), PREFERRED[0])
        manifest, alone = sending.layout.manifest_blocks, sending.options.receivers == 1
        self.book = ReceiverBook(manifest, hello.held, time.monotonic(), sending.may_store, alone)
        self._runs = Runs[signals.Signal](session)
        self._sending = sending
        self._links: list[Link] = []
        self._meter = Meter()
        self._digest = ""  # the one that it verified
        self._asked = 0  # for a segment, from this block on
        self._why: BurrowError = Cancelled("")  # it is over
        self._closed = False
        self._running: asyncio.Task[None] | None = None
        self._pair = Conversation(sending.server, sending.secret, mailbox_id(sending.secret, self.id), Role.SENDER)
        self._following = Following(sending, self.book, self._pair.say, self.suite, self._do)
        ticket = Ticket(link_tag(sending.secret, self.id), link_key(sending.secret, self.id), sender=True)
        self._reach = Reach(
            ticket=ticket,
            listener=sending.listener,
            options=sending.options,
            outside=sending.outside,
            say=self._pair.say,
            add=self._add,
            renew=sending.look_around,
            bucket=sending.bucket,
        )
        self._acts: dict[Act, Callable[[], object]] = {
            Act.TELL_MET: self._tell_met,
            Act.INTRODUCE: lambda: sending.start(self._reach.tell_again()),
            Act.CATCH_UP: lambda: sending.start(asyncio.to_thread(sending.source.catch_up, self.held)),
            Act.GIVE: lambda: sending.start(self._following.give(self._asked)),
            Act.WAKE: self._following.wake,
            Act.WANT: self._following.want,
            Act.DROP: self._following.none,
            Act.LOOK: lambda: sending.start(self._following.look()),
            Act.CHECK: lambda: sending.start(self._check()),
            Act.STORE: lambda: sending.start(self._store()),
            Act.FORGET: lambda: sending.left_undecided(self),
            Act.COMPARE: lambda: sending.start(self._compare()),
            Act.TELL_PATH: self._tell_path,
            Act.TELL_DECIDING: lambda: self._waits(f"{self.name or 'the receiver'} is deciding"),
            Act.TELL_PROGRESS: self._tell_progress,
            Act.TELL_OFFLINE: lambda: self._waits(sending.server.why_away()),
            Act.TELL_AWAY: lambda: self._waits("the receiver is away; it goes on when it is back"),
            Act.TELL_VERIFIED: self._tell_verified,
            Act.TELL_OVER: self._tell_over,
            Act.FAIL: lambda: sending.fail(self._why),
            Act.CLOSE_LINKS: self._close_links,
            Act.CLOSE: self.close,
        }

    @property
    def held(self) -> int:
        return self.book.held

    @property
    def path(self) -> str:
        return self.book.path

    @property
    def verified(self) -> bool:
        return self.book.verified

    @property
    def person(self) -> Person:
        return self.book.person

    @property
    def segment(self) -> RelaySegment | None:
        return self._following.segment

    def _do(self, acts: Acts) -> None:
        for act in acts:
            self._acts[act]()

    async def recall(self) -> None:
        """What it said to an earlier run of this program: nothing of that is to be answered any more."""
        left = False
        for _, signal in await patiently(self._pair.so_far):
            self._history(signal)
            left = isinstance(signal, signals.Bye)
        self.book.recalled(left)

    def begin(self) -> None:
        """Listens to it, until it is closed."""
        self._running = self._sending.start(self._run())

    async def _run(self) -> None:
        self._sending.start(self._reach.open())
        async for session, signal in self._pair.heard():
            if self._runs.hears(session, signal):
                self.book.heard(time.monotonic())
                self._heard(signal)
            else:
                self._history(signal)
            if self._closed:
                return

    def hello(self, session: bytes, hello: signals.Hello) -> None:
        """It is here (again)."""
        self._sending.met()
        self.name = hello.name
        self._do(self.book.hello(time.monotonic(), hello.held))
        for signal in self._runs.begins(session):
            self._heard(signal)

    def tick(self, now: float) -> None:
        self._do(self.book.tick(now, self._following.part, self._following.wanted))

    def asked_for(self, position: int) -> None:
        """By a link. From any thread."""
        self.book.requests(time.monotonic(), position)

    def goes_by(self, path: str) -> None:
        self._do(self.book.goes_by(path))

    def lost_segment(self) -> None:
        """The server takes no more of it; another one is looked for after a while."""
        self._following.lost()

    def close(self) -> None:
        self._closed = True
        self._reach.close()
        for link in self._links:
            link.close("the sender ends")
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()

    # ---- words

    def _history(self, signal: signals.Signal) -> None:
        if isinstance(signal, signals.AskRelay | signals.Progress):
            self.book.holds(signal.held)
        elif isinstance(signal, signals.Accept):
            self._do(self.book.accepts(signal.held))
        elif isinstance(signal, signals.Decline):
            self.person.declines()
        elif isinstance(signal, signals.Verified):
            self._verifies(signal)

    def _heard(self, signal: signals.Signal) -> None:
        if isinstance(signal, signals.AskRelay):
            if self._sending.options.direct_only:
                self.book.holds(signal.held)
            else:
                self._asked = signal.held
                self._do(self.book.asks(signal.held))
        elif isinstance(signal, signals.Progress):
            self._do(self.book.progress(time.monotonic(), signal.held, self._following.rests))
        elif isinstance(signal, signals.Decline):
            self._why = Cancelled(f"{self.name or 'the receiver'} declined it")
            self._do(self.book.declines())
        elif isinstance(signal, signals.Cancel):
            self._cancels(signal)
        elif isinstance(signal, signals.Bye):
            self._do(self.book.leaves(self._by_code))
        elif isinstance(signal, signals.Accept | signals.Verified):
            self._history(signal)
        else:
            self._reach.heard(signal)

    @property
    def _by_code(self) -> bool:
        return self._sending.undecided is not None

    def _cancels(self, signal: signals.Cancel) -> None:
        self._why = Cancelled(f"the receiver called it off: {signal.why}")
        self._do(self.book.ends())

    def _verifies(self, signal: signals.Verified) -> None:
        self._digest = signal.digest
        self._do(self.book.verifies())

    async def _compare(self) -> None:
        own = await self._sending.digest()
        same = own is not None and own.hex() == self._digest
        if not same:
            self._why = Cancelled("the receiver verified something else than what was sent; send it again")
        self._do(self.book.compared(same))

    # ---- links

    def _add(self, link: Link) -> None:
        self._links.append(link)
        self.book.linked()
        link.serve(self._sending.sealer(self, link.kind))
        self._sending.start(self._listen(link))

    async def _listen(self, link: Link) -> None:
        async for control in link.controls():
            self.book.heard(time.monotonic())
            if isinstance(control, signals.Held):
                self.book.holds(control.held)
            elif isinstance(control, signals.Verified):
                self._verifies(control)
            elif isinstance(control, signals.Cancel):
                self._cancels(control)
        broken = await link.closed()
        self._links.remove(link)
        self.book.unlinked(time.monotonic())
        cause = broken.__cause__
        if isinstance(cause, Changed):
            self._sending.fail(cause)

    def _close_links(self) -> None:
        for link in self._links:
            link.close("the receiver has left")

    # ---- it is silent

    async def _check(self) -> None:
        """It has gone, or we are cut off ourselves."""
        reached = await self._sending.online()
        self._do(self.book.reached(time.monotonic(), reached, self._by_code))

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

    def _tell(self, event: events.Event) -> None:
        self._sending.tell(event)

    def _waits(self, why: str) -> None:
        self._tell(events.Waiting(why, self.id))

    def _tell_met(self) -> None:
        words = check_words(self._sending.secret, self._sending.transfer)
        self._tell(events.Met(self.name, self.id, words))

    def _tell_path(self) -> None:
        peer = next((link.peer for link in self._links if link.kind == self.path), "")
        self._tell(events.PathChanged(self.path, peer, "asked", self.id))  # type: ignore[arg-type]

    def _tell_verified(self) -> None:
        self._tell(events.Verified(self._digest, self.id))
        self._sending.changed()

    def _tell_over(self) -> None:
        self._sending.declined(self.id)
        self._tell(events.Declined(self.name, self._why.sentence, self.id))
        self._sending.changed()

    def _tell_progress(self) -> None:
        sending = self._sending
        done, total = sending.content(self.book.position(self._following.part)), sending.source.manifest.content_size
        rate = self._meter.add(time.monotonic(), done)
        eta = (total - done) / rate if total is not None and rate > 0 else None
        self._tell(events.Progress(done, total, rate, eta, self.path, self.id))  # type: ignore[arg-type]
