"""The receiver of one transfer: it is in command. It finds the offer, asks paths for blocks, verifies, says so.

Paths are routes.py's, the disk is staging.py's, the sender's words remote_sender.py's; asking.py asks the person, and
telling.py shows them how far it is. Spec: docs/spec/paths.md, docs/spec/session.md.
"""

import asyncio
import secrets
import time

from burrowspace.client import events
from burrowspace.client.errors import Cancelled, Mismatch
from burrowspace.client.files import spelling
from burrowspace.client.files.staging import Staging
from burrowspace.client.files.target import retarget
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.surroundings import Surroundings
from burrowspace.client.rendezvous.conversation import LAST_WORDS_S, patiently
from burrowspace.client.session.asking import Asking
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.receive import Receive
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.telling import Telling
from burrowspace.client.session.telling_notes import lost, told
from burrowspace.client.session.transfer import Transfer
from burrowspace.core import signals
from burrowspace.core.codes import check_words
from burrowspace.core.consent import Consent, Stage
from burrowspace.core.errors import BurrowError, Gone
from burrowspace.core.keys import Keys
from burrowspace.core.layout import Layout
from burrowspace.core.manifest import Manifest
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import Allowed
from burrowspace.core.sealing import Suite


class Receiver:
    """It is the `Hears` of its sender."""

    def __init__(self, run: Transfer, how: Receive) -> None:
        self.digest: str | None = None  # once it is verified
        self._run, self._how, self._journal = run, how, how.journal
        self._around = Surroundings(how.server, how.options)
        self._sender = RemoteSender(run, how, self)
        self._id = ""  # this receiver
        self._void = False  # what is here cannot be gone on with
        self._staging: Staging | None = None
        self._routes: Routes | None = None

    @property
    def manifest(self) -> Manifest | None:
        return self._staging.manifest if self._staging is not None else None

    @property
    def sender(self) -> str:
        """What the sender calls itself."""
        return self._sender.name

    async def work(self) -> events.Finished:
        run, sender = self._run, self._sender
        await sender.recall()
        run.start(sender.hear())
        begun = (self._journal.folder / "landing.json").exists()  # by an earlier run
        offer = await sender.offers(self._how.options.wait, at_once=self._how.by_link and not begun)
        layout = Layout(self._suite(offer), offer.manifest_size, offer.pack_size)
        keys = Keys(self._how.secret, bytes.fromhex(offer.transfer))
        staging = self._staging = await asyncio.to_thread(self._stage, offer, keys)
        if (over := sender.words.over) is not None and not staging.complete:
            raise _ended(over) if staging.held else Gone(_ended(over).sentence)
        opener = Opener(staging, keys, layout, run.changed_in_thread)
        consent = Consent(layout.manifest_blocks, accepted=staging.accepted)
        await sender.meet(self._id)
        routes = self._routes = await self._open_routes(offer, opener, consent)
        run.tell(events.Met(offer.name, self._id, check_words(self._how.secret, bytes.fromhex(offer.transfer))))
        met = time.monotonic()
        await sender.hello(self._id, staging.held)
        run.start(sender.hear_pair())
        run.start(routes.run())
        asking = Asking(run, self._how, consent, sender, staging, layout.suite, routes.wake)
        telling = Telling(run, self._how.server, sender, opener, routes)
        while not staging.complete or not staging.accepted:
            await run.change(0.25)
            opener.check()
            now = time.monotonic()
            await asking.tick(now)
            telling.tick(now, deciding=consent.stage is Stage.DECIDING)
        self.digest = (await asyncio.to_thread(staging.finish)).hex()
        assert staging.manifest is not None
        if (said := lost(staging.lost)) is not None:
            run.tell(said)
        run.tell(events.Verified(self.digest))
        await sender.verified(self.digest, list(routes.links.values()), routes.reading.spools)
        for text in staging.texts:
            run.tell(events.Text(text))
        return events.Finished(
            size=telling.content(staging.positions or 0) - staging.lost_bytes,
            seconds=time.monotonic() - met,
            first_byte=None if opener.first_at is None else opener.first_at - met,
            shares=dict(opener.shares),
            verified=True,
            places=tuple(spelling.told(str(place)) for place in staging.landed),
            again=opener.again,
            network=dict(opener.network),
            **told(staging.manifest, staging.renamed, staging.undated, staging.lost),
        )

    async def failed(self, error: BurrowError) -> None:
        """Whether what is here can be gone on with."""
        self._void = isinstance(error, Gone | Mismatch) or (isinstance(error, Cancelled) and self._staging is not None)

    async def end(self) -> None:
        """Lets go of everything, however it ended."""
        if self._staging is not None and self.digest is None:
            await self._sender.last_words(signals.Progress(self._staging.held), LAST_WORDS_S)
            await self._sender.last_words(signals.Bye(), LAST_WORDS_S)
        if self._routes is not None:
            await self._routes.close()
        await self._around.close()
        if self._staging is not None:
            await asyncio.to_thread(self._staging.discard if self._void else self._staging.close)
        if self._void:
            await asyncio.to_thread(self._journal.forget)
        self._journal.close()

    # ---- the beginning

    def _stage(self, offer: signals.Offer, keys: Keys) -> Staging:
        folder, options = self._journal.folder, self._journal.record.options
        if options.get("transfer") == offer.transfer and (folder / "landing.json").exists():
            if self._how.moves:
                retarget(folder, self._how.into)
            staging = Staging.reopen(folder, keys.check)
        else:
            staging = Staging.begin(folder, offer.manifest_size, offer.pack_size)
            self._journal.update(options={**options, "transfer": offer.transfer, "receiver": secrets.token_hex(16)})
        self._id = str(self._journal.record.options["receiver"])
        return staging

    def _suite(self, offer: signals.Offer) -> Suite:
        for suite in self._how.options.suites:
            if suite in offer.suites:
                return suite
        raise Cancelled("the sender seals in a way that this program does not know; update it")

    async def _open_routes(self, offer: signals.Offer, opener: Opener, consent: Consent) -> Routes:
        options, secret = self._how.options, self._how.secret

        def add(link: DirectLink) -> None:
            routes.add_link(link)

        await patiently(self._around.look, self._sender.server_away)
        self._around.listen()
        reach = self._around.reach(secret, self._id, sender=False, say=self._sender.say, add=add)
        allowed = Allowed(options.relay_only, options.direct_only, not options.store)
        book = PathBook(time.monotonic(), allowed, reach.possible)
        book.may_store(offer.may_store)
        routes = Routes(
            self._run,
            self._sender,
            reach,
            opener,
            consent,
            book,
            origin=self._how.server.origin,
            bucket=self._around.bucket,
            cancelled=self.cancelled,
        )
        routes.reading.look()
        if not self._sender.words.here:
            routes.sender_left()
        return routes

    # ---- what the sender says

    async def came(self) -> None:
        if self._routes is not None and self._staging is not None:
            self._routes.sender_came()
            await self._sender.hello(self._id, self._staging.held)

    def left(self) -> None:
        if self._routes is not None:
            self._routes.sender_left()

    def cancelled(self, why: str) -> None:
        if self._staging is not None and not self._staging.complete:
            self._run.fail(_ended(why))

    def announced(self) -> None:
        if self._routes is not None:
            self._routes.reading.look()

    def direct(self, signal: signals.Signal) -> None:
        if self._routes is not None:
            self._routes.reach.heard(signal)


def _ended(why: str) -> Cancelled:
    return Cancelled(f"the sender has ended this transfer: {why}")
