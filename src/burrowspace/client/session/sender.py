"""The sender of one transfer: it offers, answers those who come, and serves blocks to whoever asks, by whatever path.

It keeps no count of what was sent: each receiver says what it wants. A `RemoteReceiver` for each does the talking.
Spec: docs/spec/paths.md, docs/spec/signalling.md.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from burrowspace.client import events
from burrowspace.client.errors import GaveUp, Refused, Unreachable
from burrowspace.client.files.source import Source
from burrowspace.client.keys import PREFERRED, Keys
from burrowspace.client.limits import Bucket
from burrowspace.client.links.link_tcp import Listener
from burrowspace.client.links.reach import Outside, outside
from burrowspace.client.log import Log
from burrowspace.client.offline import NetworkWatch
from burrowspace.client.options import Options
from burrowspace.client.relay.relay_segments import RelaySegment, RelaySegments
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.server.api import Server
from burrowspace.client.session.remote_receiver import RemoteReceiver
from burrowspace.client.session.running import Meter, Running
from burrowspace.client.session.sends import Served
from burrowspace.client.state.journal import Journal
from burrowspace.core import segments, sender_book, signals
from burrowspace.core.consent import Stage
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.layout import Layout
from burrowspace.core.links import mailbox_id
from burrowspace.core.sealing import BLOCK, Suite
from burrowspace.core.sender_book import Step
from burrowspace.core.signals import Role

log = Log("client")

RECEIVERS = 200  # receivers of one transfer
SEGMENTS_FILE = "legs"  # of the journal
LAST_WORDS_S = 1.0
ONLINE_S = 4.0  # for an answer of the server to somebody who wonders
OFFER_EVERY = 64  # hellos: a mailbox that is trimmed still has an offer
STORE_TELL_S, STORE_STILL_S = 0.1, 5.0  # between two words of how much rests; without a byte, after which it is said


class Sender(Running):
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
        done: Callable[["Sender", events.Finished], None] | None = None,
    ) -> None:
        super().__init__()
        self.source, self.options, self.server, self.secret, self.transfer = source, options, server, secret, transfer
        self.layout = source.layout(PREFERRED[0])
        self.served: dict[str, int] = {}  # blocks, by path
        self.network: dict[str, int] = {}  # sealed bytes, by path
        self.rests_until: float | None = None  # seconds since 1970
        self.again = 0  # blocks that were sent though the receiver had said that it holds them
        self.receivers: dict[str, RemoteReceiver] = {}
        self.listener: Listener | None = None
        self.outside = Outside()
        self.bucket = Bucket(options.limit_rate) if options.limit_rate else None
        self.own_name = own_name
        self.needs_meeting = needs_meeting
        self.undecided: Callable[[str], None] | None = None  # who came by a code has gone without an answer
        self.journal, self._done = journal, done
        self._keys = Keys(secret, transfer)
        self._rooms = threading.local()
        self._over = False
        self._hellos = 0
        self._main = Conversation(server, secret, mailbox_id(secret), Role.SENDER)
        self.segments = RelaySegments(
            server,
            self.layout_in,
            self._segment_sealer,
            self._segment_ahead,
            self.bucket,
            self.fail,
            self._segment_refused,
            self._changed.set,
            lambda data: journal.keep(SEGMENTS_FILE, data),
        )
        self._stored, self._store_meter = 0, Meter()  # content bytes that are on the server to rest there
        self._store_told = self._store_waited = 0.0
        self._began = time.monotonic()
        self._met_at: float | None = None
        self._first_byte: float | None = None

    # ---- blocks

    def layout_in(self, suite: Suite) -> Layout:
        return replace(self.layout, suite=suite)

    def sealer(self, receiver: Served, path: str) -> Callable[[int, memoryview], int]:
        """The callable that fills a direct link's buffer with a sealed block; runs in the link's threads."""

        def seal(position: int, into: memoryview) -> int:
            self.again += position < receiver.held
            receiver.asked_for(position)
            sealed = self._seal(position, into, path, receiver.suite)
            if receiver.path != path:
                self._soon(receiver.goes_by, path)
            return sealed

        return seal

    def _segment_sealer(self, segment: RelaySegment) -> Callable[[int, memoryview], int]:
        """The same for a segment, which may have several followers, or none yet."""

        def seal(position: int, into: memoryview) -> int:
            followers = [receiver.held for receiver in self._all_receivers() if receiver.segment is segment]
            self.again += bool(followers) and position < min(followers)
            return self._seal(position, into, "store" if segment.rests else "relay", segment.suite)

        return seal

    def _segment_ahead(self, segment: RelaySegment) -> int | None:
        """The position before which blocks may go into a segment now. Asked in the segment's thread."""
        followers = [receiver for receiver in self._all_receivers() if receiver.segment is segment]
        linked = any(receiver.book.direct_at > segment.opened_at for receiver in followers)
        limits = tuple(receiver.person.limit for receiver in followers)
        return segments.ahead(segments.Flow(segment.first, segment.rests, segment.wanted.is_set(), linked, limits))

    def _segment_refused(self, segment: RelaySegment, error: Refused) -> None:
        """The server takes no more of a segment: who only wants to leave it there cannot, others find another way."""
        if self.options.store_now:
            self.fail(error)
            return
        self.tell(events.Waiting(f"the server takes no more of it: {error.sentence}"))
        self.start(self.segments.drop(segment))
        for receiver in self._all_receivers():
            if receiver.segment is segment:
                receiver.lost_segment()

    def _all_receivers(self) -> list[RemoteReceiver]:
        return list(self.receivers.values())

    def _seal(self, position: int, into: memoryview, path: str, suite: Suite) -> int:
        room = getattr(self._rooms, "room", None)
        if room is None:
            room = self._rooms.room = memoryview(bytearray(BLOCK))
        layout = self.layout
        try:
            file, index = layout.where(position)
            size, end = self.source.read_into(position, room)
        except BadRequest:
            return 0  # there is no such position
        sealed = self._keys[suite].seal_into(file, index, end, room[:size], os.urandom(suite.nonce_bytes), into)
        if end and file and layout.pack_size is None:
            self.layout = layout.ended(position, size)
        self.served[path] = self.served.get(path, 0) + 1
        self.network[path] = self.network.get(path, 0) + sealed
        if self._first_byte is None and self._met_at is not None:
            self._first_byte = time.monotonic() - self._met_at
        return sealed

    # ---- the whole

    async def look_around(self) -> Outside:
        """Asks the server of the outside (again), for all receivers."""
        self.outside = outside(await self.server.hello(), self.options)
        return self.outside

    async def _work(self) -> events.Finished:
        options = self.options
        await patiently(self.look_around, self._server_away)
        if not options.relay_only:
            self.listener = Listener()
            self.listener.open()
        await self._recall()
        await self._offer()
        self.start(self._hear())
        stored, watch = False, NetworkWatch(self.server.offline)
        while True:
            await self._change(0.25)
            now = time.monotonic()
            if news := watch.news(now, max((each.book.direct_at for each in self._all_receivers()), default=0.0)):
                self.tell(events.Waiting(news))
            for receiver in list(self.receivers.values()):
                receiver.tick(now)
            if self.segments.resting is not None:
                self._tell_store(self.segments.resting)
            step = sender_book.step(self._facts(now, stored=stored))
            if step is Step.FINISH:
                return await self._finished(resting=False)
            if step is Step.STORE:
                stored = True
                await patiently(self._store, self._server_away)
            elif step is Step.LEAVE and await self._rests():
                return await self._finished(resting=True)
            elif step is Step.GIVE_UP:
                raise GaveUp("nobody came to receive it; start it again when they are ready")

    def _facts(self, now: float, *, stored: bool) -> sender_book.Facts:
        receivers, options, segments = self._all_receivers(), self.options, self.segments
        waiting = [receiver for receiver in receivers if not receiver.verified]
        return sender_book.Facts(
            now=now,
            began=self._began,
            wanted=options.receivers,
            store_now=options.store_now,
            may_store=self.may_store,
            by_code=self.needs_meeting,
            stored=stored,
            known=len(receivers),
            verified=len(receivers) - len(waiting),
            living=sum(receiver.book.here(now) for receiver in waiting),
            rests=segments.resting is not None,
            all_rests=segments.covered(0) is None,
            missing_rests=all(segments.covered(receiver.held) is None for receiver in waiting),
            patience=options.wait,
            met=self._met_at is not None,
        )

    async def _offer(self) -> None:
        await self._main.say(
            signals.Offer(
                transfer=self.transfer.hex(),
                name=self.own_name[:255],
                manifest_size=self.layout.manifest_size,
                pack_size=self.layout.pack_size,
                suites=PREFERRED,
                may_store=self.may_store,
                created=int(time.time()),
            )
        )

    async def _recall(self) -> None:
        """What an earlier run left: segments on the server, and receivers who may be gone or wait for us."""
        kept = await asyncio.to_thread(self.journal.kept, SEGMENTS_FILE)
        if kept is not None:
            await patiently(lambda: self.segments.take_up(kept, self._main.say), self._server_away)
        for session, signal in await patiently(self._main.so_far, self._server_away):
            if isinstance(signal, signals.Hello) and len(self.receivers) < RECEIVERS:
                self.receivers[signal.receiver] = RemoteReceiver(self, signal, session)
        if self.receivers:
            self.needs_meeting = False
        await asyncio.gather(*(receiver.recall() for receiver in self.receivers.values()))
        self.receivers = {
            id: receiver for id, receiver in self.receivers.items() if receiver.person.stage is not Stage.NO
        }
        for receiver in self.receivers.values():
            receiver.begin()

    async def online(self) -> bool:
        """Whether the server answers now. Where it does not, whoever is silent may be here all the same."""
        if self.server.offline():
            return False
        try:
            async with asyncio.timeout(ONLINE_S):
                await self.server.hello()
        except (TimeoutError, BurrowError):
            return False
        return True

    def _server_away(self) -> None:
        self.tell(events.Waiting(self.server.why_away()))

    async def _failed(self, error: BurrowError) -> None:
        """What cannot be gone on with is said to whoever waits."""
        if error.code in ("changed", "cancelled") or not self.source.can_come_back:
            self._over = True
            await self._last_words(signals.Cancel(error.sentence[:1000]))

    async def _end(self) -> None:
        self.segments.stop()
        for receiver in self.receivers.values():
            receiver.close()
        if self.listener is not None:
            await self.listener.close()
        if not self._over and self.rests_until is None and not self.source.can_come_back:
            await self._last_words(
                signals.Cancel("it came from the sender's standard input, which cannot be read again")
            )
        elif not self._over:
            await self._last_words(signals.Bye())
        self.source.close()
        self.journal.close()

    async def _last_words(self, signal: signals.Signal) -> None:
        with contextlib.suppress(TimeoutError, BurrowError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._main.say(signal)

    @property
    def may_store(self) -> bool:
        return self.options.store and not self.options.direct_only

    async def _store(self) -> None:
        """All of it to the server, for whoever comes."""
        first = self.segments.covered(0)
        if first is not None:
            self.tell(events.Waiting("nobody is here yet; it goes to the server, sealed, and rests there"))
            await self.segments.open(first, self._main.say, policy="rest", rests=True)

    async def _rests(self) -> bool:
        """Until when it lies there, asked and told. False: the server does not answer now."""
        resting = self.segments.resting
        if resting is None:
            return False
        try:
            state = await self.server.spool(resting.spool.id)
        except Unreachable:
            return False
        self.rests_until = state.expires_at
        self.tell(events.Resting(state.expires_at))
        return True

    def _tell_store(self, segment: RelaySegment) -> None:
        writer, now = segment.writer, time.monotonic()
        if writer is None or now - self._store_told < STORE_TELL_S:
            return
        self._store_told = now
        if now - max(writer.safe_at, self._store_waited) > STORE_STILL_S:
            self._store_waited = now
            self.tell(events.Waiting("the line to the server is slow; nothing more has arrived there yet"))
            return
        done = self._stored = max(self._stored, self.content(writer.safe_position))
        total, rate = self.source.manifest.content_size, self._store_meter.add(now, done)
        eta = (total - done) / rate if total is not None and rate > 0 else None
        self.tell(events.Progress(done, total, rate, eta, "store"))

    async def _finished(self, *, resting: bool) -> events.Finished:
        if not resting:
            self._over = True
            await self._last_words(signals.Cancel("everybody who was to have it has it"))
            for segment in list(self.segments.all):
                await self.segments.drop(segment, tell=False)
        finished = events.Finished(
            size=self.content(self.layout.positions or 0),
            seconds=time.monotonic() - (self._met_at or self._began),
            first_byte=self._first_byte,
            shares=dict(self.network),
            verified=not resting,
            resting=resting,
            left_out=self.source.left_out,
            again=self.again,
            network=dict(self.network),
            sealed=sum(self.served.values()),
        )
        if self._done is not None:
            await asyncio.to_thread(self._done, self, finished)
        return finished

    # ---- what is heard

    async def _hear(self) -> None:
        async for session, signal in self._main.heard():
            if isinstance(signal, signals.Hello):
                self._hello(session, signal)
                self._hellos += 1
                if self._hellos % OFFER_EVERY == 0:
                    await self._offer()

    def _hello(self, session: bytes, hello: signals.Hello) -> None:
        receiver = self.receivers.get(hello.receiver)
        if receiver is None:
            if len(self.receivers) >= RECEIVERS:
                log.warning("more receivers than one transfer takes")
                return
            receiver = self.receivers[hello.receiver] = RemoteReceiver(self, hello, session)
            receiver.begin()
        receiver.hello(session, hello)
        self._changed.set()

    # ---- for the receivers

    def others(self) -> dict[str, RemoteReceiver]:
        return self.receivers

    def declined(self, receiver: str) -> None:
        self.receivers.pop(receiver, None)

    def left_undecided(self, receiver: Served) -> None:
        """It came by a code and has gone before its person said yes: the code is used up, nobody is waited for, and
        another code is offered."""
        if self.undecided is None:
            return
        self.receivers.pop(receiver.id, None)
        receiver.close()
        self.needs_meeting = True
        self.undecided(receiver.name)

    def met(self) -> None:
        if self._met_at is None:
            self._met_at = time.monotonic()

    def changed(self) -> None:
        self._changed.set()

    async def digest(self) -> bytes | None:
        """Of everything; what was not read yet, for it lies with a receiver since an earlier run, is read now."""
        last = self.layout.positions
        if self.source.digest is None and last is not None:
            await asyncio.to_thread(self.source.read_into, last - 1, memoryview(bytearray(BLOCK)))
        return self.source.digest

    def content(self, position: int) -> int:
        """Content bytes that lie before `position`."""
        return self.source.manifest.content_before(self.layout, position)
