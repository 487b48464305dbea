"""A transfer that this end sends, until its Sender runs: which journal, which source, which code. The work is
sender.py's."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from burrowspace.client import events
from burrowspace.client.client_state import ClientState, own_name
from burrowspace.client.errors import Changed, Refused
from burrowspace.client.files.source import Source
from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.conversation import Conversation
from burrowspace.client.rendezvous.offers import ENOUGH, LEFT, Offers
from burrowspace.client.server.api import Server
from burrowspace.client.session.sender import SEGMENTS_FILE, Sender
from burrowspace.client.session.telling_notes import noted
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state import journal
from burrowspace.client.state.folders import Ended
from burrowspace.client.state.journal import Journal, Record
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.client.state.shelf import Left
from burrowspace.core import signals
from burrowspace.core.codes import Code
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.invitation import NAME_CHARS, Invitation
from burrowspace.core.links import format_link, is_of_machine, mailbox_id, reached_at, reached_by_others
from burrowspace.core.manifest import parse
from burrowspace.core.sealing import SECRET_BYTES
from burrowspace.core.signals import Role


class SendTransfer(Transfer):
    def __init__(
        self,
        state: ClientState,
        paths: Sequence[str | Path],
        text: str | None,
        stream: BinaryIO | None,
        stream_name: str,
        with_code: bool,
        to: str | None,
        options: Options,
        earlier: Record | None = None,
    ) -> None:
        super().__init__()
        if sum((bool(paths), text is not None, stream is not None)) != 1:
            raise BadRequest("send paths, or a text, or a stream")
        self._state, self._paths, self._text = state, paths, text
        self._stream, self._stream_name = stream, stream_name
        self._with_code, self._to, self._options = with_code, to, options
        self._earlier = earlier  # is continued, with its server
        self._offers: Offers | None = None
        self._void: bytes | None = None  # the secret of a transfer that cannot be gone on with

    async def _work(self) -> events.Finished:
        state, options = self._state, self._options
        device = state.known.find(self._to) if self._to is not None else None
        server = state.server(None if self._earlier is None else self._earlier.server)
        public = (await server.hello()).get("public_url")
        try:
            source, held = await asyncio.to_thread(self._open, server.origin)
        except Changed as error:
            await self._call_off(server, error)
            raise
        record = held.record
        name = options.name or own_name()
        link = format_link(await _reached_at(server, public), record.secret)
        sending = Sender(
            server=server,
            secret=record.secret,
            transfer=bytes.fromhex(record.transfer),
            source=source,
            journal=held,
            options=options,
            own_name=name,
            needs_meeting=self._with_code and device is None and not options.store_now,
            done=self._done,
        )
        code, why = None, ""
        if device is not None:
            inbox = state.known.inbox_of(device)
            invitation = Invitation(secret=record.secret, name=source.manifest.name[:NAME_CHARS], created=time.time())
            if not record.options.get("invited"):
                await server.post(inbox.mailbox, inbox.seal(invitation, secrets.token_bytes(12)))
                held.update(options={**record.options, "invited": True})
        elif self._with_code and options.store_now:
            why = "a code works only while this program runs"  # it hands the secret over itself
        elif self._with_code:

            def counted(burns: int) -> None:
                with contextlib.suppress(OSError):
                    held.update(options={**held.record.options, "burns": burns})

            burns = record.options.get("burns")
            burns = burns if isinstance(burns, int) else 0
            several = options.receivers != 1
            offers = self._offers = Offers(
                server,
                record.secret,
                burns=burns,
                several=several,
                once=None if several else name,
                counted=counted,
            )
            try:
                code = await offers.first()
                why = "" if code is not None else ENOUGH
            except Refused as error:
                why = error.sentence
            if code is None:
                sending.needs_meeting = False  # the link is enough
            self.start(self._meet(offers, sending))
        held.update(link=link, code=None if code is None else str(code))
        if (said := noted(source.manifest)) is not None:
            self.tell(said)
        asks = self._offers is not None and code is None
        self.tell(events.Ready(link, None if code is None else str(code), server.origin, why, asks))
        return await self._follow(sending)

    async def _call_off(self, server: Server, error: Changed) -> None:
        """Whoever waits for what was begun is told that it cannot come."""
        if self._void is not None:
            main = Conversation(server, self._void, mailbox_id(self._void), Role.SENDER)
            await main.last_words(signals.Cancel(error.sentence[:1000]))

    def _open(self, origin: str) -> tuple[Source, Journal]:
        """The source, and the journal of an earlier run of the same paths, or a new one."""
        folders = self._state.folders
        if self._text is not None:
            return self._open_text(self._text, origin)
        if self._stream is not None:
            source = Source.from_stream(self._stream, self._stream_name, time.time_ns(), folders.stdin())
            return source, self._new(source, origin, ())
        known = journal.known(list(self._paths))
        earlier = self._earlier or folders.by_paths(known)
        if earlier is not None and earlier.server == origin:
            held = folders.open("send", earlier.transfer)
            kept = held.kept("manifest")
            try:
                if kept is not None:
                    return Source.from_paths(list(self._paths), was=parse(kept)), held
            except BurrowError:
                self._void = held.record.secret
                held.forget()  # it is not what it was: another transfer
                raise
            held.forget()
        source = Source.from_paths(list(self._paths))
        return source, self._new(source, origin, known)

    def _open_text(self, text: str, origin: str) -> tuple[Source, Journal]:
        if self._earlier is not None:
            held = self._state.folders.open("send", self._earlier.transfer)
            if (kept := held.kept("manifest")) is not None:
                return Source.from_text(text, parse(kept).entries[0].mtime_ns), held
            held.forget()
        source = Source.from_text(text, time.time_ns())
        return source, self._new(source, origin, ())

    def _new(self, source: Source, origin: str, known: tuple[journal.Known, ...]) -> Journal:
        record = Record(
            role="send",
            transfer=secrets.token_hex(16),
            created=time.time(),
            secret=secrets.token_bytes(SECRET_BYTES),
            server=origin,
            met="device" if self._to else "code" if self._with_code else "link",
            device=self._to,
            name=source.manifest.name,
            paths=known,
            text=self._text,
        )
        held = self._state.folders.create(record)
        held.keep("manifest", source.manifest_data)
        return held

    def new_code(self) -> None:
        """Asks for a new code. It comes as a NewCode event, and the old one no longer works."""
        if self._offers is not None:
            self._offers.another()

    async def _meet(self, offers: Offers, sending: Sender) -> None:
        """Hands the secret to whoever says the code, and tells of each code that follows it."""

        def handed() -> None:
            sending.needs_meeting = False
            if self._options.receivers == 1:
                sending.undecided = left

        def left(name: str) -> None:
            sending.undecided = None
            offers.another(f"{name or 'the receiver'} {LEFT}")

        def renewed(code: Code | None, why: str, *, asks: bool) -> None:
            if code is None:
                sending.needs_meeting = False  # the link is enough
            self.tell(events.NewCode(None if code is None else str(code), why, offers.burns, asks))

        await offers.run(handed, renewed)

    def _done(self, sending: Sender, finished: events.Finished) -> None:
        held, record = sending.journal, sending.journal.record
        digest = sending.source.digest
        if finished.resting and (kept := held.kept(SEGMENTS_FILE)) is not None and sending.at_rest.until is not None:
            left = Left(
                transfer=record.transfer,
                name=record.name,
                server=sending.server.origin,
                secret=record.secret,
                legs=msgspec.json.decode(kept, type=list[KeptSegment]),
                size=finished.size,
                created=record.created,
                until=sending.at_rest.until,
            )
            self._state.shelf.put(left)  # before the journal goes: what rests can always be taken back
        self._state.folders.finish(
            held,
            Ended(
                role="send",
                transfer=record.transfer,
                name=record.name,
                outcome="resting" if finished.resting else "verified",
                created=record.created,
                ended=time.time(),
                size=finished.size,
                peer=next(iter(sending.receivers.names), None),
                digest=digest.hex() if digest else None,
            ),
        )


async def _reached_at(server: Server, public: object) -> str:
    """Where the link leads. Somebody who called a server of this machine by "localhost" must not pass that on."""
    found = reached_at(server.origin, public)
    if not is_of_machine(found):
        return found
    known = await server.status()
    ip = known.get("ip")
    if ip not in await asyncio.to_thread(own_addresses):  # a container's, which only this machine reaches
        return found
    return reached_by_others(found, ip, known.get("port"))
