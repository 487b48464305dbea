"""What a device has seen is gone from its inbox; a mailbox that was made anew is read from its start."""

import secrets
import time
from pathlib import Path

import pytest

from burrowspace.client.client import Client
from burrowspace.client.rendezvous.reader import Reader
from burrowspace.client.server.api import Server
from burrowspace.client.state.devices import Devices
from burrowspace.core.invitation import Invitation
from tests.app import running

pytestmark = pytest.mark.anyio
BOX = "0123456789abcdef" * 2


async def test_a_mailbox_that_was_made_anew_is_read_from_its_start(tmp_path: Path) -> None:
    async with running(tmp_path) as house, Server(house.url) as server:
        reader = Reader(server, BOX)
        assert await reader.next(0) == []
        for body in (b"a", b"b"):
            await server.post(BOX, body)
        assert await reader.next(10) == [(0, b"a"), (1, b"b")]
        assert await reader.next(0) == []
        await server.remove_mailbox(BOX)
        for body in (b"c", b"d", b"e"):
            await server.post(BOX, body)
        assert await reader.next(10) == [(0, b"c"), (1, b"d"), (2, b"e")]
        await server.remove_mailbox(BOX)
        assert await reader.next(0) == []
        await server.post(BOX, b"f")
        assert await reader.next(10) == [(0, b"f")]


async def test_an_invitation_that_was_taken_is_gone_from_the_inbox(tmp_path: Path) -> None:
    ann, bob = Devices(tmp_path / "ann"), Devices(tmp_path / "bob")
    inbox = ann.inbox_of(ann.add(bob.introduction("bob")))
    bob.add(ann.introduction("ann"))
    async with running(tmp_path / "data") as house, Server(house.url) as server:
        for body in (b"rubbish", _sealed(inbox, "first"), _sealed(inbox, "second")):
            await server.post(inbox.mailbox, body)
        for left in (1, 0):
            async with Client(house.url, state=tmp_path / "bob") as client:
                transfer = client.receive(None, tmp_path)
                while len(await server.messages(inbox.mailbox, -1)) > left:
                    await server.messages(BOX, -1, 0.05)
                await transfer.close()
                for record in client.unfinished():
                    client.folders.open("receive", record.transfer).forget()


def _sealed(inbox: object, name: str) -> bytes:
    said = Invitation(secret=secrets.token_bytes(32), name=name, created=time.time())
    return inbox.seal(said, secrets.token_bytes(12))  # type: ignore[attr-defined,no-any-return]
