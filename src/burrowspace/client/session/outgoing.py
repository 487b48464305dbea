"""A transfer that this end sends, until its Sender runs: which journal, which source, which code. The work is
sender.py's."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from burrowspace.client import events
from burrowspace.client.client_state import ClientState, own_name
from burrowspace.client.errors import Changed
from burrowspace.client.files.left_out import LeftOut
from burrowspace.client.files.source import Source
from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.conversation import Conversation
from burrowspace.client.server.api import Server
from burrowspace.client.session.codes import Codes
from burrowspace.client.session.sender import SEGMENTS_FILE, Sender
from burrowspace.client.session.telling_notes import noted
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state import journal
from burrowspace.client.state.journal import Journal, Record
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.client.state.shelf import Left
from burrowspace.core import signals
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.invitation import NAME_CHARS, Invitation
from burrowspace.core.links import format_link, is_of_machine, mailbox_id, reached_at, reached_by_others
from burrowspace.core.manifest import parse
from burrowspace.core.sealing import SECRET_BYTES
from burrowspace.core.signals import Role

LEFT_OUT_FILE = "left-out"  # of the journal


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
        self._codes: Codes | None = None
        self._sender: Sender | None = None
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
        record, name = held.record, options.name or own_name()
        link = format_link(await _reached_at(server, public), record.secret)
        if self._with_code and device is None and not options.store_now:
            self._codes = Codes(self, server, held, options, name)
        sender = self._sender = Sender(
            self,
            server=server,
            secret=record.secret,
            transfer=bytes.fromhex(record.transfer),
            source=source,
            journal=held,
            options=options,
            own_name=name,
            codes=self._codes,
        )
        code, why = None, ""
        if device is not None:
            inbox = state.known.inbox_of(device)
            invitation = Invitation(secret=record.secret, name=source.manifest.name[:NAME_CHARS], created=time.time())
            if not record.options.get("invited"):
                await server.post(inbox.mailbox, inbox.seal(invitation, secrets.token_bytes(12)))
                held.update(options={**record.options, "invited": True})
        elif self._codes is not None:
            code, why = await self._codes.first()
            self.start(self._codes.run())
        elif self._with_code:
            why = "a code works only while this program runs"  # it hands the secret over itself
        shown = None if code is None else str(code)
        held.update(link=link, code=shown)
        if (said := noted(source.manifest)) is not None:
            self.tell(said)
        self.tell(events.Ready(link, shown, server.origin, why, self._codes is not None and code is None))
        finished = await sender.work()
        await asyncio.to_thread(self._remember, sender, held, finished)
        return finished

    async def _failed(self, error: BurrowError) -> None:
        if self._sender is not None:
            await self._sender.failed(error)

    async def _end(self) -> None:
        if self._sender is not None:
            await self._sender.end()

    async def _call_off(self, server: Server, error: Changed) -> None:
        """Whoever waits for what was begun is told that it cannot come."""
        if self._void is not None:
            main = Conversation(server, self._void, mailbox_id(self._void), Role.SENDER)
            await main.last_words(signals.Cancel(error.sentence[:1000], error.code))

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
                    left_out = LeftOut(held.folder / LEFT_OUT_FILE)
                    return Source.from_paths(list(self._paths), was=parse(kept), left_out=left_out), held
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
        source.left_out.path = held.folder / LEFT_OUT_FILE
        return held

    def new_code(self) -> None:
        """Asks for a new code. It comes as a NewCode event, and the old one no longer works."""
        if self._codes is not None:
            self._codes.another()

    def _remember(self, sender: Sender, held: Journal, finished: events.Finished) -> None:
        record, digest, until = held.record, sender.source.digest, sender.at_rest.until
        if finished.resting and (kept := held.kept(SEGMENTS_FILE)) is not None and until is not None:
            assert record.server is not None
            left = Left(
                transfer=record.transfer,
                name=record.name,
                server=record.server,
                secret=record.secret,
                legs=msgspec.json.decode(kept, type=list[KeptSegment]),
                size=finished.size,
                created=record.created,
                until=until,
            )
            self._state.shelf.put(left)  # before the journal goes: what rests can always be taken back
        self._state.folders.finish(
            held,
            "resting" if finished.resting else "verified",
            time.time(),
            size=finished.size,
            peer=next(iter(sender.receivers.names), None),
            digest=digest.hex() if digest else None,
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
