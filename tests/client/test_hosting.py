"""Who breaks a meeting costs the sender that meeting; who has seen a proof checked costs it the code."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from burrowspace.client.errors import CodeBurnt, CodeExpired, Refused
from burrowspace.client.rendezvous.hosting import hand_over, offer_code
from burrowspace.client.rendezvous.meeting import take_over
from burrowspace.client.server.api import Server
from burrowspace.core.codes import Agreed, Code, Confirmation, Handover, Meeting, Opening, Pake
from burrowspace.core.errors import BadCode, WrongCode
from burrowspace.core.signals import Role
from tests.app import Running, running
from tests.client.codes import Between, Guest, another, cuts, old_receiver

pytestmark = pytest.mark.anyio
SECRET = b"s" * 32


class Sender:
    """One code that is offered by way of `server`."""

    def __init__(self, server: Between, code: Code, handing: "asyncio.Task[None]", token: str) -> None:
        self.server, self.code, self.handing, self.token = server, code, handing, token
        self.handed = 0
        self.burnt: list[list[Meeting]] = []  # what had been said when it was told

    async def ends(self, error: type[Exception]) -> None:
        async with asyncio.timeout(15):
            with pytest.raises(error):
                await self.handing


@contextlib.asynccontextmanager
async def offering(house: Running) -> AsyncIterator[Sender]:
    async with Between(house.url) as server:
        plate, code = await offer_code(server)

        def handed() -> None:
            sender.handed += 1

        def burnt() -> None:
            sender.burnt.append(list(server.posted))

        handing = asyncio.create_task(hand_over(server, plate, code, SECRET, handed, burnt))
        sender = Sender(server, code, handing, plate.token)
        try:
            yield sender
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as house:
        yield house


@pytest.fixture
async def server(house: Running) -> AsyncIterator[Server]:
    async with Server(house.url) as server:
        yield server


async def comes_through(server: Server, code: Code) -> None:
    async with asyncio.timeout(10):
        assert await take_over(server, code) == SECRET


# After a proof


async def full(message: Meeting) -> None:
    if isinstance(message, Confirmation):
        raise Refused(429, "too-many", "this mailbox has 4 messages; trim it first")


async def hangs(message: Meeting) -> None:
    if isinstance(message, Confirmation):
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("does", "after"),
    [
        pytest.param(cuts(Confirmation), None, id="drops the confirmation"),
        pytest.param(None, cuts(Confirmation), id="takes the confirmation and breaks the connection"),
        pytest.param(cuts(Handover), None, id="drops the secret"),
        pytest.param(full, None, id="says that the mailbox is full"),
        pytest.param(hangs, None, id="does not answer"),
    ],
)
async def test_a_server_that_lets_go_after_a_good_proof_has_burnt_the_code(
    house: Running,
    server: Server,
    does: Callable[[Meeting], Awaitable[None]] | None,
    after: Callable[[Meeting], Awaitable[None]] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if does is hangs:
        monkeypatch.setattr("burrowspace.client.rendezvous.hosting.MEETING_S", 1.0)
    async with offering(house) as sender:
        sender.server.does = does or sender.server.does
        sender.server.after = after or sender.server.after
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        await guest.prove()
        await sender.ends(CodeBurnt)
        assert len(sender.burnt) == 1
        assert sender.handed == 0
        with pytest.raises(BadCode, match="nobody waits under"):
            await take_over(server, sender.code)


@pytest.mark.parametrize("lets_go", [False, True], ids=["answers", "breaks every connection"])
async def test_a_wrong_proof_burns_the_code_before_anything_is_said(
    house: Running, server: Server, lets_go: bool
) -> None:
    async with offering(house) as sender:
        sender.server.does = cuts(Confirmation) if lets_go else sender.server.does
        guest = await Guest(server, another(sender.code)).claim(sender.code.nameplate)
        await guest.prove()
        await sender.ends(CodeBurnt)
        [said] = sender.burnt
        assert [type(each) for each in said] == [Opening]


async def test_what_a_wrong_proof_is_answered_with_cannot_be_tested_against(house: Running, server: Server) -> None:
    """Even whoever knows the key, as here, cannot tell the answer from noise."""
    async with offering(house) as sender:
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        agreed = await guest.agree()
        await guest.say(Confirmation(Role.RECEIVER, bytes(32)))
        answer = await guest.next(Confirmation)
        with pytest.raises(WrongCode):
            agreed.check(answer)
        await sender.ends(CodeBurnt)
        assert not any(isinstance(each, Handover) for each in sender.server.posted)


async def test_a_meeting_that_is_cancelled_after_its_proof_has_burnt_the_code(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        there = asyncio.Event()

        async def waits(message: Meeting) -> None:
            if isinstance(message, Confirmation):
                there.set()
                await asyncio.Event().wait()

        sender.server.does = waits
        await (await Guest(server, sender.code).claim(sender.code.nameplate)).prove()
        async with asyncio.timeout(10):
            await there.wait()
        sender.handing.cancel()
        await asyncio.gather(sender.handing, return_exceptions=True)
        assert len(sender.burnt) == 1


async def test_of_many_proofs_at_once_none_is_looked_at_after_a_wrong_one(
    house: Running, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    right: list[bool] = []
    check = Agreed.check

    def counted(agreed: Agreed, other: Confirmation) -> None:
        right.append(False)
        check(agreed, other)
        right[-1] = True

    monkeypatch.setattr(Agreed, "check", counted)
    async with offering(house) as sender:
        guests = [await Guest(server, another(sender.code)).claim(sender.code.nameplate) for _ in range(5)]
        real = await Guest(server, sender.code).claim(sender.code.nameplate)
        agreed = await asyncio.gather(*(guest.agree() for guest in (*guests, real)))
        await asyncio.gather(*(guest.say(each.confirmation) for guest, each in zip(guests, agreed, strict=False)))
        await real.say(agreed[-1].confirmation)
        await sender.ends(CodeBurnt)
        assert right in ([False], [True, False])  # the real one may be heard first, and then has what it came for
        assert sender.handed == right.count(True)


# Before a proof


def opening(pake: bytes, code: Code) -> Opening:
    real = Pake(code, Role.RECEIVER, lambda size: bytes(range(size)))
    return Opening(Role.RECEIVER, pake or real.opening.pake)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(lambda code: b"no message at all", id="no message"),
        pytest.param(lambda code: b"\xff" * 60_000, id="far too much"),
        pytest.param(lambda code: b'{"type":"pake"}', id="half a message"),
        pytest.param(lambda code: opening(b"S" + bytes(32), code), id="no point"),
        pytest.param(lambda code: opening(b"S\1" + bytes(31), code), id="a point of a small group"),
        pytest.param(lambda code: Confirmation(Role.RECEIVER, bytes(32)), id="a proof before the opening"),
    ],
)
async def test_who_says_something_else_ends_that_meeting_only(
    house: Running, server: Server, says: Callable[[Code], Any]
) -> None:
    async with offering(house) as sender:
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        await guest.say(says(sender.code))
        await comes_through(server, sender.code)
        assert sender.handed == 1
        assert not sender.burnt
        assert not sender.handing.done()


async def test_who_says_something_else_for_a_proof_ends_that_meeting_only(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        await guest.agree()
        await guest.say(b"no proof")
        await comes_through(server, sender.code)
        assert not sender.burnt


async def test_who_fills_the_mailbox_ends_that_meeting_only(tmp_path: Path) -> None:
    async with (
        running(tmp_path, max_mailbox_messages=5) as house,
        Server(house.url) as server,
        offering(house) as sender,
    ):
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        ours = Pake(sender.code, Role.SENDER, lambda size: bytes(size)).opening
        for _ in range(4):
            await guest.say(ours)  # is passed over
        await guest.say(guest.pake.opening)
        await comes_through(server, sender.code)
        assert not sender.burnt


async def test_who_hangs_up_ends_that_meeting_only(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        await guest.agree()
        await server.remove_mailbox(guest.mailbox)
        await comes_through(server, sender.code)
        assert not sender.burnt


async def test_a_server_that_breaks_off_before_a_proof_has_learnt_nothing(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        sender.server.does = cuts(Opening)
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        await guest.say(guest.pake.opening)
        async with asyncio.timeout(10):
            while not sender.server.posted:
                await asyncio.sleep(0.01)
        sender.server.does = sender.server.nothing
        await comes_through(server, sender.code)
        assert not sender.burnt


@pytest.mark.parametrize("same", [False, True], ids=["another address", "the same address"])
async def test_silent_claims_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool) -> None:
    caller = "203.0.113.7"
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: caller)
    async with running(tmp_path) as house, Server(house.url) as server, offering(house) as sender:
        for _ in range(20):
            await server.claim(sender.code.nameplate)
        caller = caller if same else "203.0.113.8"
        await comes_through(server, sender.code)
        assert len(sender.server.posted) == 3  # nothing was said to those who say nothing


async def test_silent_claims_that_come_later_do_not_push_out_who_is_speaking(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        guest = await Guest(server, sender.code).claim(sender.code.nameplate)
        agreed = await guest.agree()
        for _ in range(40):
            await server.claim(sender.code.nameplate)
        await guest.say(agreed.confirmation)
        agreed.check(await guest.next(Confirmation))
        assert agreed.take_over(await guest.next(Handover)) == SECRET


async def test_a_code_is_good_for_several(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        async with asyncio.timeout(20):
            got = await asyncio.gather(*(take_over(server, sender.code) for _ in range(4)))
        assert got == [SECRET] * 4
        assert sender.handed == 4


async def test_a_code_whose_time_is_up_is_not_burnt(tmp_path: Path) -> None:
    async with running(tmp_path, nameplate_s=1e-9) as house, offering(house) as sender:
        await sender.ends(CodeExpired)
        assert not sender.burnt


async def test_a_server_that_is_busy_does_not_end_the_sender(house: Running, server: Server) -> None:
    async with offering(house) as sender:
        sender.server.busy = 2
        await comes_through(server, sender.code)


async def test_a_receiver_of_an_earlier_version_gets_it(house: Running, server: Server) -> None:
    async with offering(house) as sender, asyncio.timeout(10):
        assert await old_receiver(server, sender.code) == SECRET


async def test_a_receiver_of_an_earlier_version_hears_that_its_code_was_wrong(house: Running, server: Server) -> None:
    async with offering(house) as sender, asyncio.timeout(10):
        with pytest.raises(WrongCode):
            await old_receiver(server, another(sender.code))
        await sender.ends(CodeBurnt)
