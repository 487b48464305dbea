"""A transfer that comes to this end, until its Receiver runs: by a code, a link, or a paired device's invitation, into
which journal. The work is receiver.py's."""

import asyncio
import contextlib
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from burrowspace.client import events
from burrowspace.client.client_state import ClientState, own_name
from burrowspace.client.errors import Refused, Unreachable
from burrowspace.client.files.spelling import written_down
from burrowspace.client.options import Options
from burrowspace.client.pause import Pause
from burrowspace.client.rendezvous.reader import Reader
from burrowspace.client.server.api import WAIT_S, Server
from burrowspace.client.session.receive import Accept, Receive
from burrowspace.client.session.receiver import Receiver
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state.journal import Journal, Record
from burrowspace.core.errors import BurrowError, Busy, NotFound
from burrowspace.core.links import Link, mailbox_id, parse_link
from burrowspace.core.pasted import looks_like_link

if TYPE_CHECKING:
    from burrowspace.client.state.devices import Device, Seen
    from burrowspace.core.devices import Inbox
    from burrowspace.core.invitation import Invitation


class ReceiveTransfer(Transfer):
    def __init__(
        self,
        state: ClientState,
        code_or_link: str | None,
        into: Path | BinaryIO | None,
        overwrite: bool,
        accept: Accept | None,
        options: Options,
    ) -> None:
        super().__init__()
        self._receiver: Receiver | None = None
        self._state, self._given, self._into, self._overwrite = state, code_or_link, into, overwrite
        self._accept, self._options = accept, options

    async def _work(self) -> events.Finished:
        held = await self._meet()
        if isinstance(self._into, Path) and (target := written_down(self._into.absolute())) != held.record.target:
            await asyncio.to_thread(partial(held.update, target=target))
        record = held.record
        how = Receive(
            server=self._state.server(record.server),
            secret=record.secret,
            journal=held,
            into=self._into if self._into is not None else _here(),
            overwrite=self._overwrite,
            accept=self._accept,
            options=self._options,
            own_name=self._options.name or own_name(),
            by_link=record.met == "link",
            moves=self._into is not None,
        )
        receiver = self._receiver = Receiver(self, how)
        finished = await receiver.work()
        await asyncio.to_thread(self._remember, receiver, held, finished)
        return finished

    async def _failed(self, error: BurrowError) -> None:
        if self._receiver is not None:
            await self._receiver.failed(error)

    async def _end(self) -> None:
        if self._receiver is not None:
            await self._receiver.end()

    async def _meet(self) -> Journal:
        """The journal of this transfer: of an earlier run, or a new one with the secret."""
        folders, given = self._state.folders, self._given
        if given is None:
            return await self._invited()
        if looks_like_link(given):
            link = parse_link(given)
            return await asyncio.to_thread(self._journal, link, "link", None)
        # A link needs none of these, and an invitation none of a meeting
        from burrowspace.client.rendezvous import meeting
        from burrowspace.core.codes import parse_code

        code = parse_code(given)
        earlier = await asyncio.to_thread(folders.by_code, str(code), server=self._state.origin)
        if earlier is not None:
            return await asyncio.to_thread(folders.open, "receive", earlier.transfer)
        server = self._state.server()
        secret = await meeting.take_over(server, code, self._state.spent)
        return await asyncio.to_thread(self._journal, Link(server.origin, secret), "code", str(code))

    def _journal(self, link: Link, met: Any, code: str | None) -> Journal:
        folders, known = self._state.folders, mailbox_id(link.secret)
        if any(each.role == "receive" and each.transfer == known for each in folders.unfinished()):
            held = folders.open("receive", known)
            if held.record.server != link.server:
                held.update(server=link.server, link=str(link))  # it is reached elsewhere now: tunnels change names
            return held
        target = written_down(self._into.absolute() if isinstance(self._into, Path) else _here())
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
        from burrowspace.client.state.devices import Seen

        for record in self._state.folders.unfinished():
            if record.role == "receive" and record.met == "device":
                with contextlib.suppress(Busy):  # another program is at it
                    return await asyncio.to_thread(self._state.folders.open, "receive", record.transfer)
        known, server = self._state.known, self._state.server()
        devices = known.all()
        if not devices:
            raise NotFound("no device is paired yet; pair one with `burrow pair`, or give a code or a link")
        found: asyncio.Queue[tuple[Device, Seen, Invitation]] = asyncio.Queue()

        async def look(device: "Device") -> None:
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
        held = await asyncio.to_thread(self._journal, Link(server.origin, invitation.secret), "device", None)
        await self._saw(server, known.own_inbox(device), message)  # not before it is written down
        return held

    async def _saw(self, server: Server, inbox: "Inbox", message: "Seen") -> None:
        self._state.known.saw(inbox, message)
        with contextlib.suppress(BurrowError):  # only tidiness: what was seen is passed over
            await server.trim_mailbox(inbox.mailbox, message.number)

    def _remember(self, receiver: Receiver, held: Journal, finished: events.Finished) -> None:
        self._state.folders.finish(
            held,
            "verified",
            time.time(),
            name=receiver.manifest.name if receiver.manifest else None,
            size=finished.size,
            peer=receiver.sender,
            target=finished.places[0] if finished.places else None,
            digest=receiver.digest,
        )


def _here() -> Path:
    """The current folder. One that is gone has no path; a text can be received all the same."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()
