"""The SDK: a Client sends and receives. What it returns can be iterated for events, or awaited for the end.

    async with Client("https://burrow.example.org") as client:
        await client.receive("7-walnut-orbit", Path("."))

It is a face: outgoing.py and incoming.py prepare a transfer, pairing.py pairs. Each is loaded when it is first used: a
program that sends one small file spends most of its time on imports.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from burrowspace.client.client_state import ClientState
from burrowspace.client.files.spelling import lying_at
from burrowspace.client.options import Options
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state.folders import Ended
from burrowspace.client.state.journal import Record
from burrowspace.core.errors import NotFound

if TYPE_CHECKING:
    from burrowspace.client.rendezvous.pairing import Renewed
    from burrowspace.client.session.outgoing import SendTransfer
    from burrowspace.client.session.receive import Accept
    from burrowspace.client.session.take_back import Fate
    from burrowspace.client.state.devices import Device
    from burrowspace.client.state.shelf import Left
    from burrowspace.core.codes import Code

DEFAULT = Options()
# As the history calls them
OUTCOMES: "dict[Fate, str]" = {"back": "cancelled", "taken": "verified", "lapsed": "expired"}


class Client(ClientState):
    """Sends, receives and remembers: `async with Client("https://burrow.example.org") as client: …`

    `server` is the address of the server that is used where a link doesn't name one. `state` is the folder for
    journals, devices and history; without it, this person's, which `burrow` uses as well. A client belongs to one event
    loop. Whatever goes wrong is a BurrowError.
    """

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

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
    ) -> "SendTransfer":
        """Sends files and folders, or a text, or a stream. If an earlier transfer of the same paths was interrupted,
        this continues it.

        `to` is a paired device. Without it, anyone with the link can receive; with `with_code`, so can anyone with the
        code. The transfer's `new_code()` replaces the code. `stream_name` is what the receiver's file will be called.
        """
        from burrowspace.client.session.outgoing import SendTransfer

        return SendTransfer(self, paths, text, stream, stream_name, with_code, to, options).begin()

    def receive(
        self,
        code_or_link: str | None,
        into: Path | BinaryIO | None = None,
        *,
        overwrite: bool = False,
        accept: "Accept | None" = None,
        options: Options = DEFAULT,
    ) -> Transfer:
        """Receives what a code or a link stands for; with None, what a paired device sends next.

        `into` is a folder, or a name for what arrives, or an open file if it is a single file; without it, the current
        folder. `accept` is asked with the list of files and the sender's name before any file is requested; without it,
        everything is accepted. A file that exists is kept unless `overwrite`.
        """
        from burrowspace.client.session.incoming import ReceiveTransfer

        return ReceiveTransfer(self, code_or_link, into, overwrite, accept, options).begin()

    def resume(self, transfer: str, into: Path | None = None, *, options: Options = DEFAULT) -> Transfer:
        """Continues an unfinished transfer with the server it began on, given its id or the beginning of its id. `into`
        is another place to receive into; what has arrived moves there.

        NotFound: there is no such transfer, or more than one.
        """
        found = [record for record in self.unfinished() if record.transfer.startswith(transfer)]
        if len(found) != 1:
            raise NotFound("there is no unfinished transfer of this id" if not found else "more than one begins so")
        record = found[0]
        if record.role == "send":
            from burrowspace.client.session.outgoing import SendTransfer

            names = [lying_at(each.path) for each in record.paths]
            by_code = record.met == "code"
            return SendTransfer(self, names, record.text, None, "", by_code, record.device, options, record).begin()
        if into is None and record.target is not None:
            into = Path(lying_at(record.target))
        return self.receive(record.link, into, options=options)

    def unfinished(self) -> list[Record]:
        """The transfers that `resume` can continue."""
        self.folders.expire(time.time())
        return self.folders.unfinished()

    def history(self) -> list[Ended]:
        """The transfers that have ended, the newest first."""
        return self.folders.history()

    def resting(self) -> "list[Left]":
        """What lies on servers because this person sent it, and can be taken back; the newest first."""
        return self.shelf.all(time.time())

    async def take_back(self, left: "Left") -> "Fate":
        """Deletes it from the server, and says what had become of it until then.

        "back": nobody had all of it. "taken": somebody had received it, and keeps it. "lapsed": it was no longer there.
        Unreachable: try again later.
        """
        from burrowspace.client.session.take_back import take_back

        fate = await take_back(self.server(left.server), left)
        await asyncio.to_thread(self.folders.amend, left.transfer, OUTCOMES[fate])
        await asyncio.to_thread(self.shelf.drop, left)
        return fate

    def devices(self) -> "list[Device]":
        """The paired devices."""
        return self.known.all()

    def forget(self, name: str) -> "Device":
        """Ends the pairing with this device, on this side. NotFound."""
        return self.known.forget(name)

    async def offer_pairing(self, name: str, renewed: "Renewed | None" = None) -> "tuple[Code, asyncio.Task[Device]]":
        """A code for the other device, and a task that returns the device once it has used the code.

        `name` is what this device is called there. `renewed` is called with each code that replaces a burnt one, and
        the reason. CodeBurnt: after three burnt codes; without `renewed`, after the first.
        """
        from burrowspace.client.rendezvous.pairing import offer_pairing

        return await offer_pairing(self.server(), self.known, name, renewed)

    async def pair(self, code: str, name: str) -> "Device":
        """Pairs with the device that shows this code. `name` is what this device is called there."""
        from burrowspace.client.rendezvous.pairing import pair

        return await pair(self.server(), self.known, code, name, self.spent)
