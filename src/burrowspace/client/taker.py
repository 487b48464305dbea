"""One receiver, as the sender sees it: its words, its links, the leg that it follows, whether it still lives.

It does what the receiver asks. On its own it does one thing: when the receiver has gone and the rest may lie on the
server, it brings it there. Spec: docs/spec/paths.md.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from burrowspace.client import events
from burrowspace.client.conversation import Conversation, patiently
from burrowspace.client.credit import CREDIT
from burrowspace.client.greet import Pass
from burrowspace.client.keys import PREFERRED
from burrowspace.client.legs import Stretch
from burrowspace.client.link import Link
from burrowspace.client.log import Log
from burrowspace.client.reach import Reach
from burrowspace.client.running import Cancelled, Meter
from burrowspace.client.source import Changed
from burrowspace.core import signals
from burrowspace.core.codes import check_words
from burrowspace.core.consent import Person, Stage
from burrowspace.core.errors import BurrowError
from burrowspace.core.links import link_key, link_tag, mailbox_id
from burrowspace.core.paths import GONE
from burrowspace.core.signals import Role

if TYPE_CHECKING:
    from burrowspace.client.sending import Sending

log = Log("client")

EARLY = 64  # words that may come before their hello
MISSED_AGAIN_S = 5.0  # between two looks for one of which nothing is heard
STUCK_S = 20.0  # without a word and a byte, after which an open request says nothing: its line may be dead
REST_AGAIN_S = 10.0  # until it is tried again to bring the rest to the server
SPOOL_LOOK_S, LOOK_S = 1.0, 4.0  # between two looks at its leg; for one


class Taker:
    """Lives as long as the sending. `held`: so many positions it holds at least, by all that it said and asked for.

    `session` is the run of its program that said hello; what other runs said is history.
    """

    def __init__(self, sending: "Sending", hello: signals.Hello, session: bytes) -> None:
        self.id, self.name = hello.receiver, hello.name
        self.held = hello.held
        self.person = Person(sending.layout.manifest_blocks)
        self.person.holds(hello.held)
        self.suite = next((each for each in hello.suites if each in PREFERRED), PREFERRED[0])
        self.verified = False
        self.path = ""
        self.direct_at = 0.0  # when a block last went by a link
        self._leg: Stretch | None = None
        self._session = session
        self._sending = sending
        self._links: list[Link] = []
        self._heard_at = time.monotonic()
        self._told_at = 0.0
        self._met = self._recalled = False
        self._early: deque[tuple[bytes, signals.Signal]] = deque(maxlen=EARLY)
        self._left = False  # in good order, until its next hello
        self._rest_after = 0.0
        self._meter = Meter()
        self._following = False  # somebody reads its leg
        self._looking = False
        self._looked_at = 0.0
        self._resting = self._missing = False
        self._moved = (time.monotonic(), (0, 0))  # when its leg last moved, and how far it was then
        self._asking = self._closed = False
        self._running: asyncio.Task[None] | None = None
        self._pair = Conversation(sending.server, sending.secret, mailbox_id(sending.secret, self.id), Role.SENDER)
        ticket = Pass(link_tag(sending.secret, self.id), link_key(sending.secret, self.id), sender=True)
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

    @property
    def declined(self) -> bool:
        return self.person.stage is Stage.NO

    @property
    def leg(self) -> Stretch | None:
        """The one that it follows or would follow."""
        return self._leg.last if self._leg is not None else None

    async def recall(self) -> None:
        """What it said to an earlier run of this program: nothing of that is to be answered any more."""
        self._recalled = True
        for _, signal in await patiently(self._pair.so_far):
            await self._history(signal)
            self._left = isinstance(signal, signals.Bye)

    async def _run(self) -> None:
        sending = self._sending
        sending.start(self._reach.open())
        async for session, signal in self._pair.heard():
            if session != self._session:
                await self._history(signal)
                self._early.append((session, signal))  # of an old run, or of one whose hello is still on its way
                continue
            self._heard_at = time.monotonic()
            await self._heard(signal)
            if self._closed:
                return

    def hello(self, session: bytes, hello: signals.Hello) -> None:
        """It is here (again)."""
        sending = self._sending
        sending.met()
        self._session = session
        self.held, self._heard_at = hello.held, time.monotonic()
        self.person.holds(hello.held)
        self._resting = self._left = False
        if not self._met:
            self._met = True
            sending.tell(events.Met(self.name, self.id, check_words(sending.secret, sending.transfer)))
        if self._told_at or self._recalled:
            sending.start(self._reach.tell_again())
        early = [signal for run, signal in self._early if run == session]
        self._early.clear()
        sending.start(self._hear_early(early))
        if hello.held:  # so that the end does not wait for the hashing of what it holds already
            sending.start(asyncio.to_thread(sending.source.catch_up, hello.held))
        self._told_at = time.monotonic()

    async def _hear_early(self, said: list[signals.Signal]) -> None:
        for signal in said:
            await self._heard(signal)

    def asked_for(self, position: int) -> None:
        """By a link, where nobody asks for more than its credit beyond what it holds. From any thread."""
        self.direct_at = time.monotonic()
        self.held = max(self.held, position - CREDIT + 1)
        self.person.requests(position)

    def goes_by(self, path: str) -> None:
        """The first block by another path."""
        if path == self.path:
            return
        self.path = path
        peer = next((link.peer for link in self._links if link.kind == path), "")
        self._sending.tell(events.PathChanged(path, peer, "asked", self.id))  # type: ignore[arg-type]
        if path in events.DIRECT and self.leg is not None:
            self._follow(None)

    def _follow(self, leg: Stretch | None) -> None:
        """Another leg, or none; the one before it goes unless somebody follows it, or it may be of use at rest."""
        before, self._leg = self.leg, leg
        if before is None or before is leg or before.whole:
            return
        if not any(other.leg is before for other in self._sending.takers.values()):
            self._sending.start(self._sending.legs.drop(before))

    def lives(self, now: float) -> bool:
        """Whether it is here: by a link, at its leg, or by a word not long ago."""
        if self._left:
            return False
        if self._links or now - self._heard_at < GONE:
            return True
        writer = self.leg.writer if self.leg is not None else None
        at = (self.held, writer.position if writer is not None else 0)
        if at != self._moved[1]:
            self._moved = (now, at)
        return self._following and now - self._moved[0] < STUCK_S

    def tick(self, now: float) -> None:
        sending = self._sending
        if self.verified:
            return
        if (
            self.leg is not None
            and not self._looking
            and now - self._looked_at > (SPOOL_LOOK_S if self.leg.wanted.is_set() or self.leg.whole else 0.1)
        ):
            self._looking = True
            sending.start(self._look(self.leg))
        if self.person.deciding and self.lives(now):
            return
        if self.lives(now):
            self._progress(now)
        elif not self._missing and not self._resting and now > self._rest_after:
            self._missing = True
            sending.start(self._missed(now))

    async def _missed(self, now: float) -> None:
        """Nothing is heard of it: it has gone, or we are cut off ourselves."""
        sending = self._sending
        self._rest_after = now + MISSED_AGAIN_S
        try:
            if not await sending.online():
                sending.tell(events.Waiting("the server cannot be reached; still trying", self.id))
            elif self.lives(time.monotonic()) or self._resting:
                return
            elif self.person.limit is not None and sending.left_undecided(self):
                log.debug("it left undecided", receiver=self.id)
            elif sending.may_store:
                self._resting = True
                await self._bring_to_rest()
            else:
                sending.tell(events.Waiting("the receiver is away; it goes on when it is back", self.id))
        finally:
            self._missing = False

    def lost_leg(self) -> None:
        """The server takes no more of it; another one is looked for after a while."""
        self._leg, self._resting, self._rest_after = None, False, time.monotonic() + REST_AGAIN_S

    def begin(self) -> None:
        """Listens to it, until it is closed."""
        self._running = self._sending.start(self._run())

    def close(self) -> None:
        self._closed = True
        self._reach.close()
        for link in self._links:
            link.close("the sender ends")
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()

    # ---- words

    async def _history(self, signal: signals.Signal) -> None:
        if isinstance(signal, signals.AskRelay | signals.Progress):
            self._holds(signal.held)
        elif isinstance(signal, signals.Accept):
            self._accepts(signal.held)
        elif isinstance(signal, signals.Decline):
            self.person.declines()
        elif isinstance(signal, signals.Verified):
            await self._verified(signal.digest)

    def _holds(self, held: int) -> None:
        self.held = max(self.held, held)
        self.person.holds(held)

    def _accepts(self, held: int) -> None:
        self._holds(held)
        self.person.accepts()
        if self.leg is not None:
            self.leg.wake()

    async def _heard(self, signal: signals.Signal) -> None:
        sending = self._sending
        if isinstance(signal, signals.AskRelay):
            self._holds(signal.held)
            if not self._asking and not sending.options.direct_only:
                self._asking = True
                sending.start(self._give_leg(signal.held))
        elif isinstance(signal, signals.Progress):
            more = signal.held > self.held
            self._holds(signal.held)
            self._tell_deciding()
            if more and self.leg is not None and not self.person.deciding:
                self._goes_by_leg(self.leg)  # by a link it says `held`
        elif isinstance(signal, signals.Accept):
            self._accepts(signal.held)
        elif isinstance(signal, signals.Verified):
            await self._verified(signal.digest)
        elif isinstance(signal, signals.Decline):
            self.person.declines()
            self._over(Cancelled(f"{self.name or 'the receiver'} declined it"))
        elif isinstance(signal, signals.Cancel):
            self._over(Cancelled(f"the receiver called it off: {signal.why}"))
        elif isinstance(signal, signals.Bye):
            self._left = True
            for link in self._links:
                link.close("the receiver has left")
            if self.person.limit is not None:
                sending.left_undecided(self)
        else:
            self._reach.heard(signal)

    def _over(self, error: BurrowError) -> None:
        if self._sending.options.receivers == 1:
            self._sending.fail(error)
            return
        self._sending.takers.pop(self.id, None)
        self._follow(None)
        self._sending.tell(events.Declined(self.name, error.sentence, self.id))
        self._sending.changed()
        self.close()

    async def _verified(self, digest: str) -> None:
        if self.verified:
            return
        own = await self._sending.digest()
        if own is None or own.hex() != digest:
            self._over(Cancelled("the receiver verified something else than what was sent; send it again"))
            return
        self.verified = True
        self._sending.tell(events.Verified(digest, self.id))
        self._sending.changed()

    # ---- links

    def _add(self, link: Link) -> None:
        self._links.append(link)
        link.serve(self._sending.sealer(self, link.kind))
        self._sending.start(self._listen(link))

    async def _listen(self, link: Link) -> None:
        async for control in link.controls():
            self._heard_at = time.monotonic()
            if isinstance(control, signals.Held):
                self._holds(control.held)
            elif isinstance(control, signals.Verified):
                await self._verified(control.digest)
            elif isinstance(control, signals.Cancel):
                self._over(Cancelled(f"the receiver called it off: {control.why}"))
        broken = await link.closed()
        self._links.remove(link)
        self._heard_at = time.monotonic()
        cause = broken.__cause__
        if isinstance(cause, Changed):
            self._sending.fail(cause)

    # ---- legs

    async def _give_leg(self, held: int) -> None:
        """A leg from what it holds on: one that runs already and still has that block, or a new one."""
        sending = self._sending
        try:
            found = sending.legs.serving(held, self.suite)
            if found is not None and await self._has(found, held):
                await self._pair.say(found.announcement())
            else:
                policy = "live-then-rest" if sending.may_store else "live"
                found = await sending.legs.open(held, self._pair.say, policy=policy, rests=False, suite=self.suite)
            self._follow(found)
        except BurrowError as error:
            log.info("no relay can be had", why=error.sentence)
        finally:
            self._asking = False

    async def _has(self, stretch: Stretch, held: int) -> bool:
        try:
            state = await self._sending.server.spool(stretch.spool.id)
        except BurrowError:
            return False
        layout = self._sending.layout_in(stretch.suite)
        return state.first <= layout.offset(held) - layout.offset(stretch.first)

    async def _look(self, stretch: Stretch) -> None:
        """Whether it follows its leg; asked of the server, for the receiver says nothing while it reads."""
        try:
            async with asyncio.timeout(LOOK_S):
                state = await self._sending.server.spool(stretch.spool.id)
            self._following = state.readers > 0
            if self._following:
                self._goes_by_leg(stretch)
        except (TimeoutError, BurrowError):
            self._following = False
        finally:
            self._looking, self._looked_at = False, time.monotonic()

    def _goes_by_leg(self, stretch: Stretch) -> None:
        stretch.wanted.set()
        stretch.wake()
        self.goes_by("store" if stretch.rests else "relay")

    async def _bring_to_rest(self) -> None:
        """It has gone: what it does not hold goes to the server, in the leg that runs or in a new one."""
        sending, leg = self._sending, self.leg
        sending.tell(events.Waiting("the receiver has gone; the rest goes to the server, sealed", self.id))
        try:
            if leg is not None and not leg.dropped:
                await sending.legs.let_rest(leg)
            elif (first := sending.legs.covered(self.held)) is not None:
                running = sending.legs.running
                if running is not None and running.rests and running.first <= first:
                    self._leg = running
                else:
                    self._leg = await sending.legs.open(
                        first, self._pair.say, policy="rest", rests=True, suite=self.suite
                    )
            self.path = "store"
            sending.tell(events.PathChanged("store", "", "the receiver has gone", self.id))
        except BurrowError as error:
            log.info("the rest cannot lie on the server", why=error.sentence)
            sending.tell(events.Waiting(f"the receiver is away, and {error.sentence}", self.id))
            self._resting, self._rest_after = False, time.monotonic() + REST_AGAIN_S

    # ---- progress

    def _tell_deciding(self) -> None:
        if self.person.deciding and not self.verified:
            self._told_at = time.monotonic()
            self._sending.tell(events.Waiting(f"{self.name or 'the receiver'} is deciding", self.id))

    def _surely_has(self) -> int:
        """What an older receiver, which seldom says how far it is, has at least: its leg runs only so far ahead."""
        leg = self.leg
        writer = leg.writer if leg is not None else None
        if leg is None or writer is None or leg.rests or not self._following:
            return 0
        return max(leg.first, writer.position - 3 * CREDIT)

    def _progress(self, now: float) -> None:
        if now - self._told_at < 0.2:
            return
        self._told_at = now
        sending = self._sending
        position = max(self.held, self._surely_has())
        done, total = sending.content(position), sending.source.manifest.content_size
        rate = self._meter.add(now, done)
        eta = (total - done) / rate if total is not None and rate > 0 else None
        if self.path:
            sending.tell(events.Progress(done, total, rate, eta, self.path, self.id))  # type: ignore[arg-type]
