"""A receiver gives its proof once for each code, and three burnt codes are enough."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from burrowspace.client import events
from burrowspace.client.client import Client
from burrowspace.client.errors import CodeBurnt, GaveUp, Unreachable
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.hosting import hand_over, offer_code
from burrowspace.client.rendezvous.meeting import take_over
from burrowspace.client.rendezvous.offers import Offers
from burrowspace.client.server.api import Server
from burrowspace.client.state.spent import Spent
from burrowspace.core.codes import Code, Confirmation, Meeting, Opening, parse_code
from burrowspace.core.errors import BadCode, BurrowError, Tampered, WrongCode
from burrowspace.core.signals import Role
from tests.app import Running, running
from tests.client.codes import Between, Guest, another, cuts, old_sender
from tests.e2e.served import served

pytestmark = pytest.mark.anyio


SECRET = b"s" * 32


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data") as house:
        yield house


@pytest.fixture
async def server(house: Running) -> AsyncIterator[Server]:
    async with Server(house.url) as server:
        yield server


@pytest.fixture
def spent(tmp_path: Path) -> Spent:
    return Spent(tmp_path / "state")


async def test_the_secret_goes_to_whoever_has_the_code(tmp_path: Path) -> None:
    async with served(tmp_path) as running, Server(f"http://127.0.0.1:{running.port}") as server:
        plate, code = await offer_code(server)
        handing = asyncio.create_task(hand_over(server, plate, code, b"s" * 32, lambda: None))
        assert await take_over(server, code) == b"s" * 32
        handing.cancel()
        await asyncio.gather(handing, return_exceptions=True)


async def test_with_a_wrong_code_the_receiver_is_told_so(server: Server, spent: Spent) -> None:
    plate, code = await offer_code(server)
    handing = asyncio.create_task(hand_over(server, plate, code, SECRET, lambda: None))
    taking = asyncio.create_task(take_over(server, another(code), spent))
    with pytest.raises(CodeBurnt):
        await handing
    with pytest.raises(WrongCode, match="this code can't be used again"):
        await taking
    assert spent.has(another(code))
    assert not spent.has(code)


# The receiver, with a server that is against it


async def unlucky(house: Running, spent: Spent, does: Callable[[Meeting], Awaitable[None]]) -> tuple[Between, Code]:
    """A receiver whose server does that, with a sender who is there."""
    async with Server(house.url) as sender, Between(house.url) as between:
        plate, code = await offer_code(sender)
        handing = asyncio.create_task(hand_over(sender, plate, code, SECRET, lambda: None))
        between.does = does
        try:
            async with asyncio.timeout(15):
                with pytest.raises(BurrowError) as raised:
                    await take_over(between, code, spent)
            between.fault = raised.value
            between.does = between.nothing
            if spent.has(code):
                asked = between.asked
                with pytest.raises(CodeBurnt, match="tried here before; this code can't be used again"):
                    await take_over(between, code, spent)
                assert between.asked == asked, "the server hears nothing of a second try"
            else:
                assert await take_over(between, code, spent) == SECRET
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)
    return between, code


async def test_a_receiver_that_gave_its_proof_and_got_nothing_uses_the_code_no_more(
    house: Running, spent: Spent
) -> None:
    between, code = await unlucky(house, spent, cuts(Confirmation))
    assert isinstance(between.fault, CodeBurnt)
    assert "this code can't be used again. Ask the sender for a new one" in between.fault.sentence
    assert Spent(spent._root).has(code), "after a restart as well"


async def test_before_its_proof_a_receiver_may_try_again(house: Running, spent: Spent) -> None:
    between, code = await unlucky(house, spent, cuts(Opening))
    assert isinstance(between.fault, Unreachable)
    assert not spent.has(code), "and after a success nothing is left"


async def test_a_receiver_whose_proof_is_never_answered_uses_the_code_no_more(
    server: Server, spent: Spent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burrowspace.client.rendezvous.meeting.MEETING_S", 1.0)
    plate, code = await offer_code(server)
    taking = asyncio.create_task(take_over(server, code, spent))
    while not (claims := await server.claims(plate, -1, 5)):
        pass
    guest = Guest(server, code, Role.SENDER)
    guest.mailbox = claims[0][1]
    await guest.agree()
    with pytest.raises(CodeBurnt):
        await taking
    assert spent.has(code)


async def test_a_receiver_whom_nobody_answers_may_try_again(
    server: Server, spent: Spent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burrowspace.client.rendezvous.meeting.MEETING_S", 0.5)
    _, code = await offer_code(server)
    with pytest.raises(GaveUp, match="try it again"):
        await take_over(server, code, spent)
    assert not spent.has(code)


async def test_a_point_that_is_none_costs_the_receiver_nothing(server: Server, spent: Spent) -> None:
    plate, code = await offer_code(server)
    taking = asyncio.create_task(take_over(server, code, spent))
    while not (claims := await server.claims(plate, -1, 5)):
        pass
    guest = Guest(server, code, Role.SENDER)
    guest.mailbox = claims[0][1]
    await guest.say(Opening(Role.SENDER, b"S" + bytes(32)))
    with pytest.raises(Tampered):
        await taking
    assert not spent.has(code)


async def test_a_receiver_that_is_killed_after_its_proof_uses_the_code_no_more(house: Running, spent: Spent) -> None:
    async with Between(house.url) as between:
        plate, code = await offer_code(between)
        there = asyncio.Event()

        async def waits(message: Meeting) -> None:
            if isinstance(message, Confirmation) and message.role is Role.RECEIVER:
                there.set()
                await asyncio.Event().wait()

        between.does = waits
        handing = asyncio.create_task(hand_over(between, plate, code, SECRET, lambda: None))
        taking = asyncio.create_task(take_over(between, code, spent))
        async with asyncio.timeout(10):
            await there.wait()
        for each in (taking, handing):
            each.cancel()
        await asyncio.gather(taking, handing, return_exceptions=True)
    assert spent.has(code)


async def test_a_sender_of_an_earlier_version_is_understood(server: Server, spent: Spent) -> None:
    plate, code = await offer_code(server)
    sending = asyncio.create_task(old_sender(server, plate.token, code, SECRET))
    async with asyncio.timeout(10):
        assert await take_over(server, code, spent) == SECRET
        await sending


def test_what_is_remembered_of_codes_is_bounded_and_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrowspace.client.state.spent.KEPT", 3)
    spent = Spent(tmp_path)
    tried = [parse_code(f"{number}-walnut-orbit") for number in range(1, 6)]
    for code in tried:
        spent.add(code)
    assert [spent.has(code) for code in tried] == [False, False, True, True, True]
    kept = tmp_path / "spent-codes.json"
    assert b"walnut" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(b"{")
    assert not spent.has(tried[-1])
    spent.add(tried[-1])
    assert spent.has(tried[-1])


# Three burnt codes


async def guess(server: Server, code: Code) -> None:
    """A wrong one."""
    with pytest.raises((WrongCode, CodeBurnt)):
        await take_over(server, another(code))


async def test_after_three_burnt_codes_the_person_decides(house: Running, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    async with Client(house.url, state=tmp_path / "state") as client:
        sending = client.send([tmp_path / "a.txt"])
        told = aiter(sending)
        ready = await renewed(told, events.Ready)
        code = parse_code(str(ready.code))
        lengths = [len(code.words)]
        for burns in (1, 2):
            await guess(server, code)
            new = await renewed(told)
            assert (new.burns, new.asks) == (burns, False)
            code = parse_code(str(new.code))
            lengths.append(len(code.words))
        assert lengths == [2, 3, 3]
        await guess(server, code)
        last = await renewed(told)
        assert (last.code, last.burns, last.asks) == (None, 3, True)
        assert "no new one is made by itself" in last.why
        assert not [row async for row in none_held(house)], "nobody waits under a number any more"

        sending.new_code()
        new = await renewed(told)
        code = parse_code(str(new.code))
        assert len(code.words) == 3
        await guess(server, code)
        last = await renewed(told)
        assert (last.code, last.burns, last.asks) == (None, 4, True)

        (tmp_path / "got").mkdir()
        await client.receive(ready.link, tmp_path / "got")
        assert (await sending).verified
    assert (tmp_path / "got" / "a.txt").read_text() == "hello"


async def none_held(house: Running) -> AsyncIterator[object]:
    from burrowspace.core.records import Nameplate

    for row in await house.app.state.read(lambda rows: rows.find(Nameplate)):
        yield row


async def renewed(told: AsyncIterator[events.Event], kind: type[events.Event] = events.NewCode) -> events.Event:
    async with asyncio.timeout(15):
        async for each in told:
            if isinstance(each, kind):
                return each
    raise AssertionError("it ended")


@pytest.mark.parametrize(("receivers", "words"), [(1, 2), (2, 3), (None, 3)])
async def test_a_code_for_several_is_longer(house: Running, tmp_path: Path, receivers: int | None, words: int) -> None:
    """Each receiver gives the server a guess."""
    (tmp_path / "a.txt").write_text("hello")
    async with Client(house.url, state=tmp_path / "state") as client:
        sending = client.send([tmp_path / "a.txt"], options=Options(receivers=receivers))
        ready = await renewed(aiter(sending), events.Ready)
        assert len(parse_code(str(ready.code)).words) == words
        await sending.close()


async def test_burnt_codes_are_counted_over_a_restart(house: Running, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    lengths = []
    for _ in range(3):
        async with Client(house.url, state=tmp_path / "state") as client:
            sending = client.send([tmp_path / "a.txt"])
            told = aiter(sending)
            code = parse_code(str((await renewed(told, events.Ready)).code))
            lengths.append(len(code.words))
            await guess(server, code)
            await renewed(told)
            await sending.close()
    assert lengths == [2, 3, 3]
    async with Client(house.url, state=tmp_path / "state") as client:
        sending = client.send([tmp_path / "a.txt"])
        told = aiter(sending)
        ready = await renewed(told, events.Ready)
        assert (ready.code, ready.asks) == (None, True)
        sending.new_code()
        assert (await renewed(told)).code
        await sending.close()


async def test_a_person_may_replace_a_code_at_any_time(house: Running, server: Server, tmp_path: Path) -> None:
    """Its receiver may have used it up, with nothing of that reaching the sender."""
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "got").mkdir()
    async with Client(house.url, state=tmp_path / "state") as client:
        sending = client.send([tmp_path / "a.txt"])
        told = aiter(sending)
        old = (await renewed(told, events.Ready)).code
        sending.new_code()
        new = await renewed(told)
        assert (new.burns, new.asks) == (0, False)
        with pytest.raises(BadCode, match="nobody waits under"):
            await take_over(server, parse_code(str(old)))
        await client.receive(new.code, tmp_path / "got")
        assert (await sending).verified


async def is_known(house: Running, code: str) -> bool:
    """Whether somebody waits under the number of the code."""
    async with house.http.get(f"/nameplates/{parse_code(code).nameplate}") as answer:
        return answer.status == 200


async def test_who_comes_with_a_code_that_was_used_hears_who_is_still_there(
    house: Running, server: Server, tmp_path: Path
) -> None:
    """While its receiver decides, and after they have left as well; a wrong guess at it costs nobody a code."""
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "got").mkdir()
    asked = asyncio.Event()

    async def thinks(*_: object) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    async def comes_late(state: str) -> None:
        async with Client(house.url, state=tmp_path / state) as client:
            for _ in range(2):
                with pytest.raises(BadCode, match="ann is still there, but this code was used already"):
                    await client.receive(code, tmp_path / "got")
            assert client.unfinished() == []

    async with Client(house.url, state=tmp_path / "ann") as ann, Client(house.url, state=tmp_path / "bob") as bob:
        sending = ann.send([tmp_path / "a.txt"], options=Options(name="ann"))
        told = aiter(sending)
        code = str((await renewed(told, events.Ready)).code)
        receiving = bob.receive(code, tmp_path / "got", accept=thinks)
        await asyncio.wait_for(asked.wait(), 20)
        await comes_late("carl")
        await receiving.close()
        new = await renewed(told)
        await comes_late("dora")
        with pytest.raises(WrongCode):
            await take_over(server, another(parse_code(code)))
        async with asyncio.timeout(20):
            while await is_known(house, code):  # until ann has seen the wrong guess
                await asyncio.sleep(0.02)
        with pytest.raises(BadCode, match="nobody waits under"):
            await take_over(server, parse_code(code))
        await bob.receive(new.code, tmp_path / "got")
        assert (await sending).verified
        with pytest.raises(BadCode, match="nobody waits under"):
            await take_over(server, parse_code(str(new.code)))


async def test_the_next_code_has_another_number(
    house: Running, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever still says the old words would burn it."""
    monkeypatch.setattr("burrowspace.server.driver.nameplates.pick", lambda taken, _: min({*range(1, 9)} - {*taken}))
    offers = Offers(server, SECRET)
    first = await offers.first()
    told: asyncio.Queue[Code | None] = asyncio.Queue()
    offering = asyncio.create_task(offers.run(lambda: None, lambda code, why, asks: told.put_nowait(code)))
    assert first is not None
    await guess(server, first)
    async with asyncio.timeout(10):
        second = await told.get()
    assert second is not None
    assert (first.nameplate, second.nameplate) == (1, 2)
    offering.cancel()
    await asyncio.gather(offering, return_exceptions=True)


async def test_an_expired_code_is_replaced_by_one_as_long_and_does_not_count(tmp_path: Path) -> None:
    async with running(tmp_path, nameplate_s=1e-9) as house, Server(house.url) as server:
        offers = Offers(server, SECRET, burns=1)
        first = await offers.first()
        assert first is not None
        lengths: list[int] = []
        enough = asyncio.Event()

        def told(code: Code | None, why: str, *, asks: bool) -> None:
            assert code is not None
            assert why == "the code's time is up"
            lengths.append(len(code.words))
            if len(lengths) == 2:
                enough.set()

        running_on = asyncio.create_task(offers.run(lambda: None, told))
        async with asyncio.timeout(15):
            await enough.wait()
        running_on.cancel()
        await asyncio.gather(running_on, return_exceptions=True)
        assert lengths == [3, 3]
        assert offers.burns == 1


async def test_pairing_ends_after_three_burnt_codes(house: Running, server: Server, tmp_path: Path) -> None:
    async with Client(house.url, state=tmp_path / "state") as client:
        told: asyncio.Queue[Code] = asyncio.Queue()
        code, waiting = await client.offer_pairing("laptop", lambda code, why: told.put_nowait(code))
        lengths = []
        for _ in range(3):
            lengths.append(len(code.words))
            await guess(server, code)
            if len(lengths) < 3:
                async with asyncio.timeout(10):
                    code = await told.get()
        with pytest.raises(CodeBurnt, match="nobody was paired"):
            await waiting
        assert lengths == [2, 3, 3]
        assert told.empty()


async def test_pairing_goes_on_after_a_wrong_guess(house: Running, server: Server, tmp_path: Path) -> None:
    async with Client(house.url, state=tmp_path / "ann") as ann, Client(house.url, state=tmp_path / "bob") as bob:
        told: asyncio.Queue[Code] = asyncio.Queue()
        code, waiting = await ann.offer_pairing("laptop", lambda code, why: told.put_nowait(code))
        await guess(server, code)
        async with asyncio.timeout(20):
            paired = await bob.pair(str(await told.get()), "phone")
            assert (await waiting).name == "phone"
        assert paired.name == "laptop"


# Without a code


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
    monkeypatch.setattr("burrowspace.client.server.api.BUSY_S", 0.05)
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
