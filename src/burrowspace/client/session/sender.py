"""The sender of one transfer: it offers, answers those who come, and serves blocks to whoever asks, by whatever path.

It keeps no count of what was sent: each receiver says what it wants. A `RemoteReceiver` for each does the talking; what
comes next is decided by core/sender_book.py. Spec: docs/spec/paths.md, docs/spec/signalling.md.
"""

import asyncio
import time

from burrowspace.client import events
from burrowspace.client.errors import Changed, GaveUp, Refused
from burrowspace.client.files.source import Source
from burrowspace.client.links.surroundings import Surroundings
from burrowspace.client.offline import NetworkWatch
from burrowspace.client.options import Options
from burrowspace.client.relay.relay_segments import RelaySegments
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.server.api import Server
from burrowspace.client.session.at_rest import AtRest
from burrowspace.client.session.codes import Codes
from burrowspace.client.session.receivers import Receivers
from burrowspace.client.session.sends import Shared
from burrowspace.client.session.serving import Serving
from burrowspace.client.session.telling_notes import lost, told
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state.journal import Journal
from burrowspace.core import sender_book, signals
from burrowspace.core.codes import check_words
from burrowspace.core.errors import BurrowError
from burrowspace.core.keys import PREFERRED, Keys
from burrowspace.core.links import mailbox_id
from burrowspace.core.notes import said
from burrowspace.core.reports import Troubles
from burrowspace.core.sender_book import Step
from burrowspace.core.signals import Role

SEGMENTS_FILE = "legs"  # of the journal
OFFER_EVERY = 64  # hellos: a mailbox that is trimmed still has an offer


class Sender:
    """`codes`: by which whoever comes gets the secret from this program; None where there are none."""

    def __init__(
        self,
        run: Transfer,
        *,
        server: Server,
        secret: bytes,
        transfer: bytes,
        source: Source,
        journal: Journal,
        options: Options,
        own_name: str,
        codes: Codes | None = None,
    ) -> None:
        self._run, self._server, self._options, self._codes = run, server, options, codes
        self.source, self.journal = source, journal
        self._transfer, self._own_name = transfer, own_name
        self._may_store = options.store and not options.direct_only
        self._over = False
        self._main = Conversation(server, secret, mailbox_id(secret), Role.SENDER)
        self._around = around = Surroundings(server, options)
        self._serving = serving = Serving(source, Keys(secret, transfer))
        self.segments = RelaySegments(
            server,
            serving.layout_in,
            serving.for_segment,
            around.bucket,
            run.start,
            run.fail,
            self._refused,
            run.changed,
            lambda data: journal.keep(SEGMENTS_FILE, data),
        )
        self.at_rest = AtRest(server, self.segments, serving, run.tell)
        shared = Shared(
            words=check_words(secret, transfer),
            manifest_blocks=serving.layout.manifest_blocks,
            content=serving.content,
            total=source.manifest.content_size,
            may_store=self._may_store,
            direct_only=options.direct_only,
            alone=options.receivers == 1,
            why_away=server.why_away,
            code_used=lambda: codes is not None and codes.used,
            lost=self._lost_to_older,
        )
        left = codes.left_undecided if codes is not None else None
        self.receivers = Receivers(run, server, self._main, secret, shared, serving, self.segments, around, left)
        self._began = time.monotonic()
        self._lost = 0  # files that could not be sent to the end, which the person was told of

    async def work(self) -> events.Finished:
        run = self._run
        await patiently(self._around.look, self._server_away)
        self._around.listen()
        await self._recall()
        await self._offer()
        run.start(self._hear())
        watch, troubles = NetworkWatch(self._server.offline), Troubles()
        while True:
            await run.change(0.25)
            now = time.monotonic()
            if news := watch.news(now, self.receivers.direct_at):
                run.tell(events.Waiting(news))
            if trouble := troubles.tick(now, self.segments.trouble):
                run.tell(events.Waiting(trouble))
            self._tell_lost()
            self.receivers.tick(now)
            self.at_rest.tick(now)
            step = sender_book.step(self._facts(now))
            if step is Step.FINISH:
                return await self._finished(resting=False)
            if step is Step.STORE:
                await patiently(lambda: self.at_rest.begin(self._main.say), self._server_away)
            elif step is Step.LEAVE and await self.at_rest.leave():
                return await self._finished(resting=True)
            elif step is Step.GIVE_UP:
                raise GaveUp("nobody came to receive it; start it again when they are ready")

    def _facts(self, now: float) -> sender_book.Facts:
        options, segments = self._options, self.segments
        return sender_book.Facts(
            **self.receivers.facts(now),
            now=now,
            began=self._began,
            wanted=options.receivers,
            store_now=options.store_now,
            may_store=self._may_store,
            by_code=self._codes is not None and not self._codes.none,
            stored=self.at_rest.begun,
            rests=segments.resting is not None,
            all_rests=segments.covered(0) is None,
            patience=options.wait,
        )

    def _tell_lost(self) -> None:
        if notes := self.source.lost(self._lost):
            self._lost += len(notes)
            self._run.tell(lost(notes) or events.Noted(()))

    def _lost_to_older(self) -> Changed | None:
        """What a receiver of an older version is told, once a file is left out."""
        for note in self.source.lost():
            return Changed(note.path, f"{said(note)}; an older version receives it, so send it again")
        return None

    async def _offer(self) -> None:
        layout = self._serving.layout
        await self._main.say(
            signals.Offer(
                transfer=self._transfer.hex(),
                name=self._own_name[:255],
                manifest_size=layout.manifest_size,
                pack_size=layout.pack_size,
                suites=PREFERRED,
                may_store=self._may_store,
                created=int(time.time()),
            )
        )

    async def _recall(self) -> None:
        """What an earlier run left: segments on the server, and receivers who may be gone or wait for us."""
        kept = await asyncio.to_thread(self.journal.kept, SEGMENTS_FILE)
        if kept is not None:
            await patiently(lambda: self.segments.take_up(kept, self._main.say), self._server_away)
        await self.receivers.recall(await patiently(self._main.so_far, self._server_away))

    async def _hear(self) -> None:
        hellos = 0
        async for session, signal in self._main.heard():
            if isinstance(signal, signals.Hello):
                self.receivers.hello(session, signal)
                self._run.changed()
                hellos += 1
                if hellos % OFFER_EVERY == 0:
                    await self._offer()

    def _server_away(self) -> None:
        self._run.tell(events.Waiting(self._server.why_away()))

    def _refused(self, error: Refused) -> bool:
        """The server takes no more of a segment: who only wants to leave it there cannot, others find another way."""
        if self._options.store_now:
            self._run.fail(error)
        else:
            self._run.tell(events.Waiting(f"the server takes no more of it: {error.sentence}"))
        return not self._options.store_now

    async def _finished(self, *, resting: bool) -> events.Finished:
        if not resting:
            self._over = True
            await self._main.last_words(signals.Cancel("everybody who was to have it has it"))
            await self.segments.drop_all()
        self._tell_lost()
        serving, source = self._serving, self._serving.source
        return events.Finished(
            size=serving.content(serving.layout.positions or 0) - source.lost_bytes,
            seconds=time.monotonic() - (serving.met_at or self._began),
            first_byte=serving.first_byte,
            shares=dict(serving.network),
            verified=not resting,
            resting=resting,
            **told(source.manifest, lost=source.lost()),
            again=serving.again,
            network=dict(serving.network),
            sealed=serving.sealed,
        )

    async def failed(self, error: BurrowError) -> None:
        """What cannot be gone on with is said to whoever waits."""
        if error.code in ("changed", "cancelled") or not self.source.can_come_back:
            self._over = True
            await self._main.last_words(signals.Cancel(error.sentence[:1000], error.code))

    async def end(self) -> None:
        """Lets go of everything, however it ended."""
        self.segments.stop()
        self.receivers.close()
        await self._around.close()
        if not self._over and self.at_rest.until is None and not self.source.can_come_back:
            why = "it came from the sender's standard input, which cannot be read again"
            await self._main.last_words(signals.Cancel(why))
        elif not self._over:
            await self._main.last_words(signals.Bye())
        self.source.close()
        if self.source.can_come_back:
            self.journal.close()
        else:
            self.journal.forget()
