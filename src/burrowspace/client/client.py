"""The SDK: a Client on one server sends and receives; what it gives is iterated for events or awaited for the end.

    async with Client("https://burrow.example.org") as client:
        await client.receive("7-walnut-orbit", Path("."))

Everything below is wiring: which journal, which source, which secret. The work is sending.py's and receiving.py's.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from burrowspace.client import events, journal, meeting
from burrowspace.client.api import WAIT_S, Refused, Server, Unreachable
from burrowspace.client.conversation import Conversation, patiently
from burrowspace.client.devices import Device, Devices, Seen
from burrowspace.client.folders import Ended, Folders, state_folder
from burrowspace.client.journal import Journal, Record
from burrowspace.client.options import Options
from burrowspace.client.pause import Pause
from burrowspace.client.reader import Reader
from burrowspace.client.receiving import Accept, Receiving
from burrowspace.client.running import Running
from burrowspace.client.sending import LAST_WORDS_S, Sending
from burrowspace.client.source import Changed, Source
from burrowspace.core import signals
from burrowspace.core.codes import Code, parse_code
from burrowspace.core.devices import Inbox, Introduction, encode_introduction, parse_introduction
from burrowspace.core.errors import BadRequest, BurrowError, Busy, NotFound
from burrowspace.core.invitation import NAME_CHARS, Invitation
from burrowspace.core.links import Link, format_link, mailbox_id, parse_link
from burrowspace.core.manifest import parse
from burrowspace.core.networks import is_near
from burrowspace.core.sealing import SECRET_BYTES, Box, derive
from burrowspace.core.signals import Role

DEFAULT = Options()


class Client:
    """`server`: its origin. `state`: the folder of journals, devices and history; by default this person's.

    Errors are BurrowErrors: Unreachable, BadCode, BadLink, WrongCode, Changed, Mismatch, NoSpace, Cancelled, …
    """

    def __init__(self, server: str | None = None, *, state: Path | None = None) -> None:
        root = state_folder(os.environ) if state is None else state
        self._origin = server
        self._folders = Folders(root)
        self._devices = Devices(root)
        self._servers: dict[str, Server] = {}

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()
        self._servers.clear()

    def send(
        self,
        paths: Sequence[str | Path] = (),
        *,
        text: str | None = None,
        stream: BinaryIO | None = None,
        stream_name: str = "stdin",
        with_code: bool = True,
        to: str | None = None,
        options: Options = DEFAULT,
    ) -> "Transfer":
        """Files and folders, or a text, or a stream. The same paths go on where an earlier sending stopped.

        `to`: a paired device; else whoever has the link, and the code where `with_code`.
        """
        return _SendTransfer(self, paths, text, stream, stream_name, with_code, to, options).begin()

    def receive(
        self,
        code_or_link: str | None,
        into: Path | BinaryIO | None = None,
        *,
        overwrite: bool = False,
        accept: Accept | None = None,
        options: Options = DEFAULT,
    ) -> "Transfer":
        """What somebody offers by a code or a link; with None, what a paired device sends next. `into`: a folder, the
        name of a file to be, or an open file for a single one."""
        return _ReceiveTransfer(self, code_or_link, into, overwrite, accept, options).begin()

    def resume(self, transfer: str, *, options: Options = DEFAULT) -> "Transfer":
        """An unfinished one, by its id or the beginning of it. NotFound."""
        found = [record for record in self.unfinished() if record.transfer.startswith(transfer)]
        if len(found) != 1:
            raise NotFound("there is no unfinished transfer of this id" if not found else "more than one begins so")
        record = found[0]
        if record.server is not None:
            self._origin = record.server
        if record.role == "send":
            names = [each.path for each in record.paths]
            return self.send(names, text=record.text, with_code=record.code is not None, options=options)
        into = None if record.target is None else Path(record.target)
        return self.receive(record.link, into, options=options)

    def unfinished(self) -> list[Record]:
        self._folders.expire(time.time())
        return self._folders.unfinished()

    def history(self) -> list[Ended]:
        return self._folders.history()

    def devices(self) -> list[Device]:
        return self._devices.all()

    def forget(self, name: str) -> Device:
        return self._devices.forget(name)

    async def offer_pairing(self, name: str) -> tuple[Code, "asyncio.Task[Device]"]:
        """A code for the other device, and what will be known of it. CodeBurnt after a wrong guess."""
        server = self.server()
        plate, code = await meeting.offer_code(server)
        secret = secrets.token_bytes(SECRET_BYTES)
        handing = asyncio.ensure_future(meeting.hand_over(server, plate, code, secret, lambda: None))

        async def whole() -> Device:
            introducing = asyncio.ensure_future(self._introduce(server, secret, name, first=True))
            try:
                await asyncio.wait({handing, introducing}, return_when=asyncio.FIRST_COMPLETED)
                if not introducing.done():
                    handing.result()  # it only ends by an error
                return introducing.result()
            finally:
                for each in (handing, introducing):
                    each.cancel()
                await asyncio.gather(handing, introducing, return_exceptions=True)

        return code, asyncio.ensure_future(whole())

    async def pair(self, code: str, name: str) -> Device:
        """Pairs with the device that offered this code."""
        server = self.server()
        secret = await meeting.take_over(server, parse_code(code))
        return await self._introduce(server, secret, name, first=False)

    async def _introduce(self, server: Server, secret: bytes, name: str, *, first: bool) -> Device:
        mailbox = mailbox_id(secret)
        box = Box(derive(secret, b"", "burrow/1 introduction"))
        own, other = (b"one", b"two") if first else (b"two", b"one")
        said = encode_introduction(self._devices.introduction(name))
        await server.post(mailbox, box.seal(said, own, secrets.token_bytes(12)))
        after = -1
        while True:
            for number, body in await server.messages(mailbox, after, WAIT_S):
                after = max(after, number)
                with contextlib.suppress(BurrowError):
                    found: Introduction = parse_introduction(box.open(body, other))
                    return self._devices.add(found)

    # ---- for the transfers

    def server(self, origin: str | None = None) -> Server:
        origin = origin or self._origin
        if origin is None:
            raise Unreachable("no server is named; give --server or set BURROW_SERVER")
        if origin not in self._servers:
            self._servers[origin] = Server(origin)
        return self._servers[origin]

    @property
    def folders(self) -> Folders:
        return self._folders

    @property
    def known(self) -> Devices:
        return self._devices


def reached_at(origin: str, public: object) -> str:
    """Where a link leads: to the public address that a server names, if we reach it by one of a local network, which
    the other side may not be in. Whoever serves the link's page has the secret of a browser that opens it; so we take
    that word only of a server that serves the page under its own address as well.

    >>> reached_at("http://127.0.0.1:5000", "https://a.trycloudflare.com")
    'https://a.trycloudflare.com'
    >>> reached_at("https://drop.example.org", "https://evil.example"), reached_at("http://10.0.0.7:1", "javascript:0")
    ('https://drop.example.org', 'http://10.0.0.7:1')
    """
    host = urlsplit(origin).hostname or ""
    if not isinstance(public, str) or not (host == "localhost" or is_near(host)):
        return origin
    try:
        return parse_link(format_link(public, bytes(SECRET_BYTES))).server
    except BurrowError:
        return origin


class Transfer(Running):
    """One that was begun: see Running. `inner` is there once it is prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.inner: Running | None = None

    async def _follow(self, inner: Running) -> events.Finished:
        self.inner = inner.begin()
        async for event in inner:
            if not isinstance(event, events.Finished):
                self.tell(event)
        return await inner

    async def _end(self) -> None:
        if self.inner is not None:
            await self.inner.close()


class _SendTransfer(Transfer):
    def __init__(
        self,
        client: Client,
        paths: Sequence[str | Path],
        text: str | None,
        stream: BinaryIO | None,
        stream_name: str,
        with_code: bool,
        to: str | None,
        options: Options,
    ) -> None:
        super().__init__()
        if sum((bool(paths), text is not None, stream is not None)) != 1:
            raise BadRequest("send paths, or a text, or a stream")
        self._client, self._paths, self._text, self._stream, self._stream_name = (
            client,
            paths,
            text,
            stream,
            stream_name,
        )
        self._with_code, self._to, self._options = with_code, to, options
        self._code: Code | None = None
        self._void: bytes | None = None  # the secret of a transfer that cannot be gone on with

    async def _work(self) -> events.Finished:
        client, options = self._client, self._options
        device = client.known.find(self._to) if self._to is not None else None
        server = client.server()
        public = (await server.hello()).get("public_url")
        try:
            source, held = await asyncio.to_thread(self._open, server.origin)
        except Changed as error:
            await self._call_off(server, error)
            raise
        record = held.record
        link = format_link(reached_at(server.origin, public), record.secret)
        sending = Sending(
            server=server,
            secret=record.secret,
            transfer=bytes.fromhex(record.transfer),
            source=source,
            journal=held,
            options=options,
            own_name=options.name or own_name(),
            needs_meeting=self._with_code and device is None and not options.store_now,
            done=self._done,
        )
        code = None
        if device is not None:
            inbox = client.known.inbox_of(device)
            invitation = Invitation(secret=record.secret, name=source.manifest.name[:NAME_CHARS], created=time.time())
            if not record.options.get("invited"):
                await server.post(inbox.mailbox, inbox.seal(invitation, secrets.token_bytes(12)))
                held.update(options={**record.options, "invited": True})
        elif self._with_code:
            plate, code = await meeting.offer_code(server)
            self.start(self._meet(server, plate, code, record.secret, sending))
        held.update(link=link, code=None if code is None else str(code))
        self.tell(events.Ready(link, None if code is None else str(code), server.origin))
        return await self._follow(sending)

    async def _call_off(self, server: Server, error: Changed) -> None:
        """Whoever waits for what was begun is told that it cannot come."""
        if self._void is not None:
            said = signals.Cancel(error.sentence[:1000])
            with contextlib.suppress(TimeoutError, BurrowError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await Conversation(server, self._void, mailbox_id(self._void), Role.SENDER).say(said)

    def _open(self, origin: str) -> tuple[Source, Journal]:
        """The source, and the journal of an earlier run of the same paths, or a new one."""
        folders = self._client.folders
        if self._text is not None:
            source = Source.from_text(self._text, time.time_ns())
            return source, self._new(source, origin, ())
        if self._stream is not None:
            source = Source.from_stream(self._stream, self._stream_name, time.time_ns())
            return source, self._new(source, origin, ())
        known = journal.known(list(self._paths))
        earlier = folders.by_paths(known)
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
        held = self._client.folders.create(record)
        held.keep("manifest", source.manifest_data)
        return held

    async def _meet(self, server: Server, plate: Any, code: Code, secret: bytes, sending: Sending) -> None:
        """Hands the secret to whoever says the code; a burnt code is replaced by another."""
        enough = asyncio.Event()

        def handed() -> None:
            sending.needs_meeting = False
            if self._options.receivers == 1:
                enough.set()

        while True:
            handing = asyncio.ensure_future(meeting.hand_over(server, plate, code, secret, handed))
            waiting = asyncio.ensure_future(enough.wait())
            try:
                await asyncio.wait({handing, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if enough.is_set():
                    return
                handing.result()
            except meeting.CodeBurnt as burnt:
                plate, code = await patiently(lambda: meeting.offer_code(server))
                self.tell(events.NewCode(str(code), burnt.sentence))
            finally:
                for each in (handing, waiting):
                    each.cancel()
                await asyncio.gather(handing, waiting, return_exceptions=True)

    def _done(self, sending: Sending, finished: events.Finished) -> None:
        held = sending.journal
        digest = sending.source.digest
        self._client.folders.finish(
            held,
            Ended(
                role="send",
                transfer=held.record.transfer,
                name=held.record.name,
                outcome="resting" if finished.resting else "verified",
                created=held.record.created,
                ended=time.time(),
                size=finished.size,
                peer=next((taker.name for taker in sending.takers.values()), None),
                digest=digest.hex() if digest else None,
            ),
        )


class _ReceiveTransfer(Transfer):
    def __init__(
        self,
        client: Client,
        code_or_link: str | None,
        into: Path | BinaryIO | None,
        overwrite: bool,
        accept: Accept | None,
        options: Options,
    ) -> None:
        super().__init__()
        self._client, self._given, self._into, self._overwrite = client, code_or_link, into, overwrite
        self._accept, self._options = accept, options
        self._peer = ""

    async def _work(self) -> events.Finished:
        held = await self._meet()
        record = held.record
        server = self._client.server(record.server)
        receiving = Receiving(
            server=server,
            secret=record.secret,
            journal=held,
            into=self._into if self._into is not None else Path.cwd(),
            overwrite=self._overwrite,
            accept=self._accept,
            options=self._options,
            own_name=self._options.name or own_name(),
            done=self._done,
        )
        return await self._follow(receiving)

    async def _meet(self) -> Journal:
        """The journal of this transfer: of an earlier run, or a new one with the secret."""
        folders, given = self._client.folders, self._given
        if given is None:
            return await self._invited()
        if "#" in given or "://" in given:
            link = parse_link(given)
            return await asyncio.to_thread(self._journal, link, "link", None)
        code = parse_code(given)
        earlier = await asyncio.to_thread(folders.by_code, str(code))
        if earlier is not None:
            return await asyncio.to_thread(folders.open, "receive", earlier.transfer)
        server = self._client.server()
        secret = await meeting.take_over(server, code)
        return await asyncio.to_thread(self._journal, Link(server.origin, secret), "code", str(code))

    def _journal(self, link: Link, met: Any, code: str | None) -> Journal:
        folders, known = self._client.folders, mailbox_id(link.secret)
        if any(each.role == "receive" and each.transfer == known for each in folders.unfinished()):
            held = folders.open("receive", known)
            if met == "link" and held.record.server != link.server:
                held.update(server=link.server, link=str(link))  # it is reached elsewhere now: tunnels change names
            return held
        target = str(self._into.absolute()) if isinstance(self._into, Path) else str(Path.cwd())
        return folders.create(
            Record(
                role="receive",
                transfer=known,
                created=time.time(),
                secret=link.secret,
                server=link.server,
                met=met,
                code=code,
                link=str(link),
                target=target,
            )
        )

    async def _invited(self) -> Journal:
        """What a paired device sent and is unfinished, else its next invitation."""
        for record in self._client.folders.unfinished():
            if record.role == "receive" and record.met == "device":
                with contextlib.suppress(Busy):  # another program is at it
                    return await asyncio.to_thread(self._client.folders.open, "receive", record.transfer)
        known, server = self._client.known, self._client.server()
        devices = known.all()
        if not devices:
            raise NotFound("no device is paired yet; pair one with `burrow pair`, or give a code or a link")
        found: asyncio.Queue[tuple[Device, Seen, Invitation]] = asyncio.Queue()

        async def look(device: Device) -> None:
            inbox = known.own_inbox(device)
            reader, pause = Reader(server, inbox.mailbox), Pause()
            while True:
                try:
                    messages = await reader.next(WAIT_S)
                    pause.over()
                except (Unreachable, Refused):
                    await pause.wait()
                    continue
                for number, body in messages:
                    message = Seen(number, reader.made)
                    if known.has_seen(inbox, message):
                        continue
                    try:
                        found.put_nowait((device, message, inbox.open(body)))
                        return
                    except BurrowError:
                        await self._saw(server, inbox, message)

        looking = [asyncio.ensure_future(look(device)) for device in devices]
        try:
            device, message, invitation = await found.get()
        finally:
            for each in looking:
                each.cancel()
            await asyncio.gather(*looking, return_exceptions=True)
        self._peer = device.name
        held = await asyncio.to_thread(self._journal, Link(server.origin, invitation.secret), "device", None)
        await self._saw(server, known.own_inbox(device), message)  # not before it is written down
        return held

    async def _saw(self, server: Server, inbox: Inbox, message: Seen) -> None:
        self._client.known.saw(inbox, message)
        with contextlib.suppress(BurrowError):  # only tidiness: what was seen is passed over
            await server.trim_mailbox(inbox.mailbox, message.number)

    def _done(self, receiving: Receiving, finished: events.Finished) -> None:
        held, manifest = receiving.journal, receiving.manifest
        self._client.folders.finish(
            held,
            Ended(
                role="receive",
                transfer=held.record.transfer,
                name=manifest.name if manifest else held.record.name,
                outcome="verified",
                created=held.record.created,
                ended=time.time(),
                size=finished.size,
                peer=receiving.sender,
                target=finished.places[0] if finished.places else None,
                digest=receiving.digest,
            ),
        )


def own_name() -> str:
    """What to call this device to others, unless somebody says otherwise."""
    return socket.gethostname().partition(".")[0][:64] or "a device"
