"""The receiver of one transfer: it is in command. It finds the offer, asks paths for blocks, verifies, says so.

Paths are routes.py's, the disk is staging.py's, words are conversation.py's. Spec: docs/spec/paths.md, signalling.md.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path as FilePath
from typing import BinaryIO

from burrowspace.client import events
from burrowspace.client.errors import Cancelled, GaveUp
from burrowspace.client.files.staging import Staging
from burrowspace.client.keys import Keys
from burrowspace.client.limits import Bucket
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import Link
from burrowspace.client.links.link_tcp import Listener
from burrowspace.client.links.reach import Outside, Reach, outside
from burrowspace.client.log import Log
from burrowspace.client.offline import NetworkWatch
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.server.api import Server
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.running import Meter, Running
from burrowspace.client.state.journal import Journal
from burrowspace.core import paths, signals
from burrowspace.core.codes import check_words
from burrowspace.core.consent import Act, Consent, Stage
from burrowspace.core.errors import BurrowError, Gone, Tampered
from burrowspace.core.layout import Layout
from burrowspace.core.links import link_key, link_tag, mailbox_id
from burrowspace.core.manifest import Manifest
from burrowspace.core.path_book import PathBook
from burrowspace.core.sealing import Suite
from burrowspace.core.signals import Role

log = Log("client")

Accept = Callable[[Manifest, str], Awaitable[bool]]
"""(what is offered, the sender's name) -> whether to take it."""

STILL_S = 4.0  # without a byte, after which a path that is in use moves nothing
WAITING_S = 10.0  # between two times that the same reason to wait is told
LAST_WORDS_S = 1.0
NOTHING_S = 3.0  # a sender offers as soon as its link is there: after that a link without an offer stands for nothing
LOOK_S, LOOK_AGAIN_S = 4.0, 5.0  # for an answer of the server to somebody who wonders; between two looks
GOODBYE_S = 15.0  # for the last words to reach the mailbox
TAMPERED_MOST = 3  # blocks that do not open, after which the transfer is given up


class Receiver(Running):
    """`into`: a folder, or an open file for a single file or text. Made by Client."""

    def __init__(
        self,
        *,
        server: Server,
        secret: bytes,
        journal: Journal,
        into: FilePath | BinaryIO,
        overwrite: bool = False,
        accept: Accept | None = None,
        options: Options | None = None,
        own_name: str = "",
        by_link: bool = False,
        done: Callable[["Receiver", events.Finished], None] | None = None,
    ) -> None:
        super().__init__()
        self.manifest: Manifest | None = None
        self.again = 0  # blocks that came twice: each path's window at most, and none that was verified
        self._server, self._secret, self.journal = server, secret, journal
        self.sender = ""
        self.digest: str | None = None
        self._into, self._overwrite, self._accept = into, overwrite, accept
        self._options = options or Options()
        self._own_name, self._by_link = own_name, by_link
        self._done = done
        self._main = Conversation(server, secret, mailbox_id(secret), Role.RECEIVER)
        self._offer: signals.Offer | None = None
        self._sender_session = b""
        self._offered = asyncio.Event()
        self._early_segments: list[signals.Leg | signals.LegEnd] = []
        self._sender_here = True
        self._idle = (0.0, "")  # when it was last said that nothing moves, and why
        self._over: str | None = None  # why there is nothing to come any more
        self._void = False  # what is here cannot be gone on with
        self._pair: Conversation | None = None
        self._routes: Routes | None = None
        self._staging: Staging | None = None
        self._listener: Listener | None = None
        self._reach: Reach | None = None
        self._receiver = ""
        self._consent: Consent | None = None
        self._offline = False  # the server did not answer when it was last looked for
        self._look: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    # ---- the whole

    async def _work(self) -> events.Finished:
        await self._recall()
        self.start(self._hear_main())
        await self._for_offer()
        offer = self._offer
        assert offer is not None
        staging = self._staging = await asyncio.to_thread(self._land, offer)
        if self._over is not None and not staging.complete:
            self._void = True
            raise self._ended(self._over) if staging.held else Gone(f"the sender has ended this transfer: {self._over}")
        layout = Layout(self._suite(offer), offer.manifest_size, offer.pack_size)
        keys = Keys(self._secret, bytes.fromhex(offer.transfer))
        opener = Opener(staging, keys, layout, lambda: self._soon(self._changed.set))
        self._receiver = receiver = self._id()
        consent = self._consent = Consent(layout.manifest_blocks, accepted=staging.accepted)
        pair = self._pair = Conversation(
            self._server, self._secret, mailbox_id(self._secret, receiver), Role.RECEIVER, self._main.session
        )
        for _, signal in await patiently(
            pair.so_far, self._server_away
        ):  # where the sender was reached is history; what it left is not
            if isinstance(signal, signals.Leg | signals.LegEnd):
                self._segment(signal)
        routes = await self._open_routes(opener, pair, receiver)
        self.tell(events.Met(offer.name, receiver, check_words(self._secret, bytes.fromhex(offer.transfer))))
        met = time.monotonic()
        first_byte: float | None = None
        began_at, meter = staging.held, Meter()
        await self._hello(staging.held)
        assert self._reach is not None
        self.start(self._reach.open())
        self.start(self._hear_pair(pair))
        self.start(routes.run())
        last_told, watch = 0.0, NetworkWatch(self._server.offline)
        while not staging.complete or not staging.accepted:
            await self._change(0.25)
            if opener.fault is not None:
                raise opener.fault
            if opener.tampered >= TAMPERED_MOST:
                raise Tampered("what arrives was not sealed by the sender; somebody between you changes it")
            if first_byte is None and opener.shares:
                first_byte = time.monotonic() - met
            now = time.monotonic()
            if news := watch.news(now, routes.moved_at):
                self._tell_idle(news)
            if staging.manifest is not None:
                await self._do(consent.know(now) + consent.tick(now), pair)
            if now - last_told >= 0.1:
                last_told = now
                self._progress(staging, opener, meter, now)
        self.again = opener.again
        self._pair = None  # there is nothing to go on with
        digest = await asyncio.to_thread(staging.finish)
        self.digest = digest.hex()
        self.tell(events.Verified(self.digest))
        await self._say_verified(pair, routes, digest)
        for text in staging.texts:
            self.tell(events.Text(text))
        finished = events.Finished(
            size=self._size(staging, opener, staging.positions or 0),
            seconds=time.monotonic() - met,
            first_byte=first_byte,
            shares=dict(opener.shares),
            verified=True,
            places=tuple(map(str, staging.landed)),
            again=opener.again,
            network=dict(opener.network),
        )
        log.debug("received", blocks=(staging.positions or 0) - began_at, again=opener.again)
        if self._done is not None:
            await asyncio.to_thread(self._done, self, finished)
        return finished

    async def _end(self) -> None:
        if self._pair is not None and self._staging is not None:
            with contextlib.suppress(TimeoutError, BurrowError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._pair.say(signals.Progress(self._staging.held))
                    await self._pair.say(signals.Bye())
        if self._routes is not None:
            self._routes.close()
        if self._reach is not None:
            self._reach.close()
            await self._reach.closed()
        if self._listener is not None:
            await self._listener.close()
        if self._staging is not None:
            await asyncio.to_thread(self._staging.discard if self._void else self._staging.close)
        if self._void:
            await asyncio.to_thread(self.journal.forget)
        self.journal.close()

    # ---- the beginning

    async def _recall(self) -> None:
        """What was said before this program began, to its end: the last word counts."""
        said = await patiently(self._main.so_far, self._server_away)
        for session, signal in said:
            await self._heard(session, signal)

    def _server_away(self) -> None:
        self.tell(events.Waiting(self._server.why_away()))

    async def _for_offer(self) -> None:
        waited, began = self._options.wait, time.monotonic()
        try:
            async with asyncio.timeout(waited):
                while not self._offered.is_set():
                    try:
                        async with asyncio.timeout(1.0):
                            await self._offered.wait()
                    except TimeoutError:
                        away = self._main.away.is_set() or self._server.offline()
                        if self._by_link and not away and time.monotonic() - began > NOTHING_S and not self._begun():
                            self._void = True
                            raise Gone("nothing is offered under this link: it is wrong, or its time is up") from None
                        self._tell_idle(self._server.why_away() if away else "the sender has not begun yet")
        except TimeoutError:
            raise GaveUp("the sender did not come; ask for a new link or code, or wait longer") from None

    def _begun(self) -> bool:
        """Whether an earlier run has begun to receive it."""
        return (self.journal.folder / "landing.json").exists()

    def _tell_idle(self, why: str) -> None:
        """Why nothing moves; the same reason again only after a while."""
        now = time.monotonic()
        if why != self._idle[1] or now - self._idle[0] > WAITING_S:
            self._idle = (now, why)
            self.tell(events.Waiting(why))

    def _land(self, offer: signals.Offer) -> Staging:
        folder = self.journal.folder
        keys = Keys(self._secret, bytes.fromhex(offer.transfer))
        if self.journal.record.options.get("transfer") == offer.transfer and (folder / "landing.json").exists():
            return Staging.reopen(folder, keys.check)
        options = {**self.journal.record.options, "transfer": offer.transfer, "receiver": secrets.token_hex(16)}
        staging = Staging.begin(folder, offer.manifest_size, offer.pack_size)
        self.journal.update(options=options)
        return staging

    def _suite(self, offer: signals.Offer) -> Suite:
        for suite in self._options.suites:
            if suite in offer.suites:
                return suite
        raise Cancelled("the sender seals in a way that this program does not know; update it")

    def _id(self) -> str:
        return str(self.journal.record.options["receiver"])

    async def _open_routes(self, opener: Opener, pair: Conversation, receiver: str) -> Routes:
        options, secret, offer = self._options, self._secret, self._offer
        assert offer is not None
        ticket = Ticket(link_tag(secret, receiver), link_key(secret, receiver), sender=False)

        async def look_around() -> Outside:
            return outside(await self._server.hello(), options)

        around = await patiently(look_around, self._server_away)
        if not options.relay_only:
            self._listener = Listener()
            self._listener.open()

        def add(link: Link) -> None:
            routes.add_link(link)

        bucket = Bucket(options.limit_rate) if options.limit_rate else None
        self._reach = reach = Reach(
            ticket=ticket,
            listener=self._listener,
            options=options,
            outside=around,
            say=pair.say,
            add=add,
            renew=look_around,
            bucket=bucket,
        )
        allowed = paths.Allowed(options.relay_only, options.direct_only, not options.store)
        book = PathBook(time.monotonic(), allowed, reach.possible)
        book.may_store(offer.may_store)
        staging = self._staging
        assert staging is not None
        assert self._consent is not None
        self._routes = routes = Routes(
            origin=self._server.origin,
            reach=reach,
            opener=opener,
            consent=self._consent,
            held=lambda: staging.held,
            here=lambda: staging.here,
            say=pair.say,
            tell=self.tell,
            start=self.start,
            book=book,
            control=self._control,
            bucket=bucket,
        )
        for signal in self._early_segments:
            self._segment(signal)
        if not self._sender_here:
            routes.sender_left()
        return routes

    async def _hello(self, held: int) -> None:
        await self._main.say(signals.Hello(self._id(), self._own_name[:255], held, self._options.suites))

    async def _do(self, acts: tuple[Act, ...], pair: Conversation) -> None:
        """What core/consent.py decided."""
        staging, offer, routes = self._staging, self._offer, self._routes
        assert staging is not None
        assert offer is not None
        assert routes is not None
        for act in acts:
            if act is Act.ASK:
                self.start(self._ask_person(staging, offer, pair))
            elif act is Act.SAY_DECIDING:
                self.start(pair.say(signals.Progress(staging.held)))
            elif act is Act.SAY_ACCEPT:
                self.start(pair.say(signals.Accept(self._suite(offer), staging.held)))
            elif act is Act.SAY_DECLINE:
                with contextlib.suppress(TimeoutError, BurrowError):
                    async with asyncio.timeout(GOODBYE_S):
                        await pair.say(signals.Decline("declined by the receiver"))
            elif act is Act.GO_ON:
                routes.idle_since = routes.moved_at = time.monotonic()
                routes.wake()
                self._changed.set()
            elif act is Act.CLOSE:
                self._void = True
                raise Cancelled("you declined it; nothing was written")

    async def _ask_person(self, staging: Staging, offer: signals.Offer, pair: Conversation) -> None:
        manifest = self.manifest = staging.manifest
        assert manifest is not None
        assert self._consent is not None
        text = all(each.kind == "text" for each in manifest.entries)
        size = manifest.content_size
        self.tell(events.Offered(manifest.name, len(manifest.files), size, offer.name, text))
        if self._accept is not None and not await self._accept(manifest, offer.name):
            await self._do(self._consent.answer(False), pair)

        def accept() -> None:
            into = self._into
            if not isinstance(into, FilePath):
                staging.accept_stream(into)
                return
            tops = {entry.path[0] for entry in manifest.entries if entry.kind != "text"}
            if not tops:
                staging.accept(None)
            elif len(tops) == 1 and not into.is_dir():
                staging.accept(into.parent, into.name, overwrite=self._overwrite)
            else:
                staging.accept(into, overwrite=self._overwrite)

        await asyncio.to_thread(accept)
        await self._do(self._consent.answer(True), pair)

    # ---- what is heard

    async def _hear_main(self) -> None:
        async for session, signal in self._main.heard():
            await self._heard(session, signal)

    async def _heard(self, session: bytes, signal: signals.Signal) -> None:
        if isinstance(signal, signals.Offer):
            await self._hear_offer(session, signal)
        elif isinstance(signal, signals.Leg | signals.LegEnd):
            self._segment(signal)
        elif isinstance(signal, signals.Cancel):
            self._cancelled(signal.why)
        elif isinstance(signal, signals.Bye) and session == self._sender_session:
            self._sender_here = False
            if self._routes is not None:
                self._routes.sender_left()

    def _cancelled(self, why: str) -> None:
        """By the sender, for good."""
        if self._staging is None:
            self._over = why
        elif not self._staging.complete:
            self.fail(self._ended(why))

    def _ended(self, why: str) -> Cancelled:
        self._void = True
        return Cancelled(f"the sender has ended this transfer: {why}")

    async def _hear_offer(self, session: bytes, offer: signals.Offer) -> None:
        if self._offer is not None and offer.transfer != self._offer.transfer:
            raise Cancelled("the sender offers something else under this link now; receive it again")
        again = self._sender_session not in (b"", session)
        self._offer, self._sender_session, self.sender = offer, session, offer.name
        self._sender_here = True
        self._offered.set()
        if again and self._routes is not None and self._staging is not None and self._reach is not None:
            self._routes.sender_came()
            await self._hello(self._staging.held)
            await self._reach.tell_again()

    async def _hear_pair(self, pair: Conversation) -> None:
        async for _, signal in pair.heard():
            if isinstance(signal, signals.Leg | signals.LegEnd):
                self._segment(signal)
            elif isinstance(signal, signals.Cancel):
                self._cancelled(signal.why)
            elif isinstance(signal, signals.Bye):
                if self._routes is not None:
                    self._routes.sender_left()
            elif self._reach is not None:
                self._reach.heard(signal)

    def _segment(self, signal: signals.Leg | signals.LegEnd) -> None:
        if self._routes is None:
            self._early_segments.append(signal)
        elif isinstance(signal, signals.Leg):
            self._routes.segment_begins(signal)
        else:
            self._routes.segment_ends(signal)

    def _control(self, control: signals.Control) -> None:
        if isinstance(control, signals.Cancel):
            self._cancelled(control.why)

    # ---- progress and end

    def _size(self, staging: Staging, opener: Opener, held: int) -> int:
        """Content bytes that `held` positions stand for."""
        return 0 if staging.manifest is None else staging.manifest.content_before(opener.layout, held)

    def _progress(self, staging: Staging, opener: Opener, meter: Meter, now: float) -> None:
        routes = self._routes
        assert routes is not None
        done = self._size(staging, opener, staging.held)
        total = staging.manifest.content_size if staging.manifest is not None else None
        rate = meter.add(now, done)
        eta = (total - done) / rate if total is not None and rate > 0 else None
        path = routes.using
        if path is None or now - routes.moved_at > STILL_S:
            if (path is not None or now - routes.idle_since > 2.0) and not self._deciding:
                if self._look is None or (self._look.done() and now - self._looked_at > LOOK_AGAIN_S):
                    self._looked_at, self._look = now, self.start(self._look_for_server())
                if not self._look.done():
                    return
                self._tell_idle(self._why_idle())
            return
        self._idle = (0.0, "")
        self.tell(events.Progress(done, total, rate, eta, path.value))

    @property
    def _deciding(self) -> bool:
        return self._consent is not None and self._consent.stage is Stage.DECIDING

    async def _look_for_server(self) -> None:
        """Whether it is we who are cut off: a call that waits for news may not notice for half a minute."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._server.hello()
            self._offline = False
        except (TimeoutError, BurrowError):
            self._offline = True

    def _why_idle(self) -> str:
        if self._main.away.is_set() or self._offline or self._server.offline():
            return self._server.why_away()
        if not self._sender_here and self._routes is not None and self._routes.nothing_left:
            return (
                "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back"
            )
        return "waiting for the sender"

    async def _say_verified(self, pair: Conversation, routes: Routes, digest: bytes) -> None:
        told = signals.Verified(digest.hex())
        for link in list(routes.links.values()):
            try:
                await link.send(told)
            except OSError:
                continue
        try:
            async with asyncio.timeout(GOODBYE_S):
                await pair.say(told)
                for spool in routes.used_spools:
                    await self._server.delivered(spool)
        except (TimeoutError, BurrowError) as error:
            log.info("the sender could not be told that all is verified", why=str(error))
