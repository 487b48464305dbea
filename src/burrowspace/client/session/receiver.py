"""The receiver of one transfer: it is in command. It finds the offer, asks paths for blocks, verifies, says so.

Paths are routes.py's, the disk is staging.py's, the sender's words remote_sender.py's; asking.py asks the person, and
telling.py shows them how far it is. Spec: docs/spec/paths.md, docs/spec/session.md.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

from burrowspace.client import events
from burrowspace.client.errors import Cancelled
from burrowspace.client.files import spelling
from burrowspace.client.files.staging import Staging
from burrowspace.client.files.target import retarget
from burrowspace.client.keys import Keys
from burrowspace.client.limits import Bucket
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_tcp import Listener
from burrowspace.client.links.reach import Outside, Reach, outside
from burrowspace.client.rendezvous.conversation import LAST_WORDS_S, patiently
from burrowspace.client.session.asking import Asking
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.receive import Receive
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.running import Running
from burrowspace.client.session.telling import Telling
from burrowspace.client.session.telling_notes import told
from burrowspace.client.session.unanswered import Unanswered
from burrowspace.core import signals
from burrowspace.core.codes import check_words
from burrowspace.core.consent import Consent
from burrowspace.core.errors import BurrowError, Gone
from burrowspace.core.layout import Layout
from burrowspace.core.links import link_key, link_tag
from burrowspace.core.manifest import Manifest
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import Allowed
from burrowspace.core.sealing import Suite

NOTHING_S = 3.0  # a sender offers as soon as its link is there: after that a link without an offer stands for nothing


class Receiver(Running):
    """Made by Client. It is the `Hears` of its sender."""

    def __init__(self, how: Receive, done: Callable[["Receiver", events.Finished], None] | None = None) -> None:
        super().__init__()
        self.digest: str | None = None
        self.journal, self._how, self._done = how.journal, how, done
        self._bucket = Bucket(how.options.limit_rate) if how.options.limit_rate else None
        self._sender = RemoteSender(how.server, how.secret, how.own_name, how.options.suites, self)
        self._early_segments: list[signals.Leg | signals.LegEnd] = []
        self._id = ""  # this receiver
        self._over: str | None = None  # why there is nothing to come any more
        self._void = False  # what is here cannot be gone on with
        self._verified = False  # there is nothing to go on with
        self._routes: Routes | None = None
        self._staging: Staging | None = None
        self._listener: Listener | None = None
        self._reach: Reach | None = None
        self._asking: Asking | None = None

    @property
    def manifest(self) -> Manifest | None:
        return self._staging.manifest if self._staging is not None else None

    @property
    def sender(self) -> str:
        """What the sender calls itself."""
        return self._sender.name

    async def _work(self) -> events.Finished:
        await self._sender.recall()
        self.start(self._sender.hear())
        begun = (self.journal.folder / "landing.json").exists()  # by an earlier run
        offer = await self._sender.offers(self._how.options.wait, at_once=self._how.by_link and not begun)
        staging = self._staging = await asyncio.to_thread(self._stage, offer)
        if self._over is not None and not staging.complete:
            raise self._ended(self._over) if staging.held else Gone(f"the sender has ended this transfer: {self._over}")
        layout = Layout(self._suite(offer), offer.manifest_size, offer.pack_size)
        keys = Keys(self._how.secret, bytes.fromhex(offer.transfer))
        opener = Opener(staging, keys, layout, lambda: self._soon(self.changed))
        consent = Consent(layout.manifest_blocks, accepted=staging.accepted)
        await self._sender.meet(self._id)
        reach, routes = await self._open_routes(offer, opener, consent)
        self.tell(events.Met(offer.name, self._id, check_words(self._how.secret, bytes.fromhex(offer.transfer))))
        asking = self._asking = Asking(self, self._how, consent, self._sender, staging, layout.suite, routes.go_on)
        met = time.monotonic()
        await self._sender.hello(self._id, staging.held)
        self.start(reach.open())
        self.start(self._sender.hear_pair())
        self.start(routes.run())
        # A sender that doesn't know the size reads its standard input
        unanswered = Unanswered(self, self._how.server, self._sender, routes) if offer.pack_size is None else None
        telling = Telling(self, self._how.server, self._sender, staging, opener, routes, unanswered)
        await self._until(staging, opener, asking, telling)
        self._verified = True
        digest = await asyncio.to_thread(staging.finish)
        self.digest = digest.hex()
        assert staging.manifest is not None
        self.tell(events.Verified(self.digest))
        await self._sender.verified(self.digest, list(routes.links.values()), routes.reading.spools)
        for text in staging.texts:
            self.tell(events.Text(text))
        finished = events.Finished(
            size=telling.content(staging.positions or 0),
            seconds=time.monotonic() - met,
            first_byte=None if opener.first_at is None else opener.first_at - met,
            shares=dict(opener.shares),
            verified=True,
            places=tuple(spelling.told(str(place)) for place in staging.landed),
            again=opener.again,
            network=dict(opener.network),
            **told(staging.manifest, staging.renamed, staging.undated),
        )
        if self._done is not None:
            await asyncio.to_thread(self._done, self, finished)
        return finished

    async def _until(self, staging: Staging, opener: Opener, asking: Asking, telling: Telling) -> None:
        """The loop: until everything is here and wanted."""
        while not staging.complete or not staging.accepted:
            await self._change(0.25)
            opener.check()
            now = time.monotonic()
            await asking.tick(now)
            telling.tick(now, deciding=asking.deciding)

    async def _failed(self, error: BurrowError) -> None:
        self._void = self._void or isinstance(error, Gone)

    async def _end(self) -> None:
        void = self._void or (self._asking is not None and self._asking.declined)
        if self._staging is not None and not self._verified:
            await self._sender.last_words(signals.Progress(self._staging.held), LAST_WORDS_S)
            await self._sender.last_words(signals.Bye(), LAST_WORDS_S)
        if self._routes is not None:
            self._routes.close()
        if self._reach is not None:
            self._reach.close()
            await self._reach.closed()
        if self._listener is not None:
            await self._listener.close()
        if self._staging is not None:
            await asyncio.to_thread(self._staging.discard if void else self._staging.close)
        if void:
            await asyncio.to_thread(self.journal.forget)
        self.journal.close()

    # ---- the beginning

    def _stage(self, offer: signals.Offer) -> Staging:
        folder, options = self.journal.folder, self.journal.record.options
        keys = Keys(self._how.secret, bytes.fromhex(offer.transfer))
        if options.get("transfer") == offer.transfer and (folder / "landing.json").exists():
            if self._how.moves:
                retarget(folder, self._how.into)
            staging = Staging.reopen(folder, keys.check)
        else:
            staging = Staging.begin(folder, offer.manifest_size, offer.pack_size)
            self.journal.update(options={**options, "transfer": offer.transfer, "receiver": secrets.token_hex(16)})
        self._id = str(self.journal.record.options["receiver"])
        return staging

    def _suite(self, offer: signals.Offer) -> Suite:
        for suite in self._how.options.suites:
            if suite in offer.suites:
                return suite
        raise Cancelled("the sender seals in a way that this program does not know; update it")

    async def _open_routes(self, offer: signals.Offer, opener: Opener, consent: Consent) -> tuple[Reach, Routes]:
        options, secret, id = self._how.options, self._how.secret, self._id

        async def look_around() -> Outside:
            return outside(await self._how.server.hello(), options)

        def add(link: DirectLink) -> None:
            routes.add_link(link)

        around = await patiently(look_around, lambda: self.waits(self._how.server.why_away()))
        if not options.relay_only:
            self._listener = Listener()
            self._listener.open()
        self._reach = reach = Reach(
            ticket=Ticket(link_tag(secret, id), link_key(secret, id), sender=False),
            listener=self._listener,
            options=options,
            outside=around,
            say=self._sender.say,
            add=add,
            renew=look_around,
            bucket=self._bucket,
        )
        allowed = Allowed(options.relay_only, options.direct_only, not options.store)
        book = PathBook(time.monotonic(), allowed, reach.possible)
        book.may_store(offer.may_store)
        self._routes = routes = Routes(
            origin=self._how.server.origin,
            reach=reach,
            opener=opener,
            consent=consent,
            say=self._sender.say,
            tell=self.tell,
            start=self.start,
            book=book,
            control=lambda control: self.cancelled(control.why) if isinstance(control, signals.Cancel) else None,
            bucket=self._bucket,
        )
        for signal in self._early_segments:
            routes.reading.heard(signal)
        if not self._sender.here:
            routes.sender_left()
        return reach, routes

    # ---- what the sender says

    async def came(self) -> None:
        if self._routes is not None and self._reach is not None and self._staging is not None:
            self._routes.sender_came()
            await self._sender.hello(self._id, self._staging.held)
            await self._reach.tell_again()

    def left(self) -> None:
        if self._routes is not None:
            self._routes.sender_left()

    def cancelled(self, why: str) -> None:
        if self._staging is None:
            self._over = why
        elif not self._staging.complete:
            self.fail(self._ended(why))

    def segment(self, signal: signals.Leg | signals.LegEnd) -> None:
        if self._routes is None:
            self._early_segments.append(signal)
        else:
            self._routes.reading.heard(signal)

    def direct(self, signal: signals.Signal) -> None:
        if self._reach is not None:
            self._reach.heard(signal)

    def waits(self, why: str) -> None:
        self.tell(events.Waiting(why))

    def _ended(self, why: str) -> Cancelled:
        self._void = True
        return Cancelled(f"the sender has ended this transfer: {why}")
