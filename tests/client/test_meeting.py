"""A guess at a code costs the code, and nothing can be learned by falling silent."""

import asyncio
import secrets
from pathlib import Path

import pytest

from burrowspace.client import events
from burrowspace.client.api import Server
from burrowspace.client.client import Client
from burrowspace.client.meeting import CodeBurnt, hand_over, offer_code, take_over
from burrowspace.core.codes import Code, Confirmation, Opening, Pake, encode_meeting, parse_meeting
from burrowspace.core.errors import WrongCode
from burrowspace.core.signals import Role
from tests.e2e.served import served
from tests.house import running

pytestmark = pytest.mark.anyio


def another(code: Code) -> Code:
    first, second = code.words
    return Code(code.nameplate, (first, "zebra" if second != "zebra" else "zodiac"))


async def test_the_secret_goes_to_whoever_has_the_code(tmp_path: Path) -> None:
    async with served(tmp_path) as running, Server(f"http://127.0.0.1:{running.port}") as server:
        plate, code = await offer_code(server)
        handing = asyncio.create_task(hand_over(server, plate, code, b"s" * 32, lambda: None))
        assert await take_over(server, code) == b"s" * 32
        handing.cancel()
        await asyncio.gather(handing, return_exceptions=True)


async def test_a_guess_sees_no_proof_of_the_senders_before_it_has_cost_the_code(tmp_path: Path) -> None:
    async with served(tmp_path) as running, Server(f"http://127.0.0.1:{running.port}") as server:
        plate, code = await offer_code(server)
        handing = asyncio.create_task(hand_over(server, plate, code, b"s" * 32, lambda: None))
        mailbox = await server.claim(code.nameplate)
        pake = Pake(another(code), Role.RECEIVER, secrets.token_bytes)
        await server.post(mailbox, encode_meeting(pake.opening))
        seen: list[object] = []
        after = -1
        async with asyncio.timeout(20):
            while not any(isinstance(each, Opening) and each.role is Role.SENDER for each in seen):
                for number, body in await server.messages(mailbox, after, 5):
                    after = number
                    seen.append(parse_meeting(body))
            [theirs] = [each for each in seen if isinstance(each, Opening) and each.role is Role.SENDER]
            await server.post(mailbox, encode_meeting(pake.finish(theirs).confirmation))
            with pytest.raises(CodeBurnt):
                await handing
        said = [parse_meeting(body) for _, body in await server.messages(mailbox, -1)]
        proofs = [each.role for each in said if isinstance(each, Confirmation)]
        assert proofs == [Role.RECEIVER, Role.SENDER]
        with pytest.raises(Exception, match="nobody waits under"):
            await take_over(server, code)


async def test_with_a_wrong_code_the_receiver_is_told_so(tmp_path: Path) -> None:
    async with served(tmp_path) as running, Server(f"http://127.0.0.1:{running.port}") as server:
        plate, code = await offer_code(server)
        handing = asyncio.create_task(hand_over(server, plate, code, b"s" * 32, lambda: None))
        taking = asyncio.create_task(take_over(server, another(code)))
        with pytest.raises(CodeBurnt):
            await handing
        with pytest.raises(WrongCode):
            await taking


async def test_where_the_server_has_no_code_left_the_link_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
    (tmp_path / "a.txt").write_text("hello")
    async with (
        running(tmp_path / "data", max_nameplates_per_address=1) as server,
        Client(server.url, state=tmp_path / "state") as client,
    ):
        await server.post("/nameplates")
        sending = client.send([tmp_path / "a.txt"])
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        assert ready.code is None
        assert "your address holds 1 codes already" in ready.why
        (tmp_path / "got").mkdir()
        await client.receive(ready.link, tmp_path / "got")
        assert (await sending).verified
    assert (tmp_path / "got" / "a.txt").read_text() == "hello"


async def test_where_no_more_calls_of_an_address_may_wait_it_is_looked_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full office behind one address: somebody else has the only call that may wait."""
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
    monkeypatch.setattr("burrowspace.client.api.BUSY_S", 0.05)
    (tmp_path / "a.txt").write_text("hello")
    async with (
        running(tmp_path / "data", max_waits_per_address=1) as server,
        Client(server.url, state=tmp_path / "ann") as ann,
        Client(server.url, state=tmp_path / "bob") as bob,
    ):
        await server.call("PUT", f"/mailboxes/{'0' * 32}")
        waits = asyncio.create_task(server.get(f"/mailboxes/{'0' * 32}?after=-1&wait=50"))
        sending = ann.send([tmp_path / "a.txt"])
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        (tmp_path / "got").mkdir()
        await bob.receive(ready.code, tmp_path / "got")
        assert (await sending).verified
        assert not waits.done(), "it was the one that waits"
        waits.cancel()
    assert (tmp_path / "got" / "a.txt").read_text() == "hello"
