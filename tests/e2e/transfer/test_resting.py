"""What cannot be brought now rests sealed on the server; each end may leave, come back, be killed, in any order."""

from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.transfer.pair import MB, frugal, kill, leaves, link_of, pair, paths, reaches, well

pytestmark = pytest.mark.anyio

SIZE = 20 * MB
SLOW = ("--limit-rate", "8M")


@pytest.mark.parametrize("how", ["leaves", pytest.param("killed", marks=pytest.mark.proof)])
async def test_the_receiver_gone_the_rest_waits_on_the_server_and_the_sender_may_leave(
    tmp_path: Path, how: str
) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", *SLOW)
        link = await link_of(sender)
        receiver = await two.receive(link)
        await reaches(receiver, SIZE // 3)
        await (leaves if how == "leaves" else kill)(receiver)
        sent = await well(sender, 60)
        assert sent["resting"]
        frugal(sent, SIZE, changes=1)
        assert sum(sent["shares"].values()) < SIZE * 1.01 + 33 * 262_144
        await two.server.kill()
        await two.server.start()
        again = await two.receive(link)
        got = await well(again)
        two.same("a.bin")
    assert paths(again) == ["store"]
    assert sum(got["shares"].values()) < SIZE * 3 / 4, "what had arrived was sent again"


async def test_a_sender_killed_while_it_brings_the_rest_goes_on_with_it(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", *SLOW)
        link = await link_of(sender)
        receiver = await two.receive(link)
        await reaches(receiver, SIZE // 4)
        await leaves(receiver)
        await sender.event("path", path="store")
        await sender.until(lambda p: any(e["event"] == "progress" and e["path"] == "store" for e in p.events))
        await kill(sender)
        sender = await two.send("a.bin", *SLOW)
        assert await link_of(sender) == link
        sent = await well(sender)
        assert sent["resting"]
        frugal(sent, SIZE, changes=1)
        again = await two.receive(link)
        await well(again)
        two.same("a.bin")


async def test_a_receiver_that_comes_back_while_the_rest_is_brought_takes_it_at_once(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", "--limit-rate", "4M")
        link = await link_of(sender)
        receiver = await two.receive(link)
        await reaches(receiver, SIZE // 6)
        await leaves(receiver)
        await sender.event("path", path="store")
        again = await two.receive(link)
        got, sent = await well(again), await well(sender)
        two.same("a.bin")
    assert sent["verified"]
    frugal(sent, SIZE, changes=1)
    frugal(got, SIZE)


async def test_with_nobody_there_it_rests_and_the_link_fetches_it_later(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", "--store")
        sent = await well(sender)
        assert sent["resting"]
        await two.server.stop()
        await two.server.start()
        got = await well(await two.receive(await link_of(sender)))
        two.same("a.bin")
    assert set(got["shares"]) == {"store"}
    assert got["first_byte"] < 2


async def test_a_sender_killed_on_its_way_to_the_store_leaves_all_of_it_there_in_the_end(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", "--store", *SLOW)
        await reaches(sender, SIZE // 3)
        await kill(sender)
        sent = await well(await two.send("a.bin", "--store", *SLOW))
        assert sent["resting"]
        assert sum(sent["shares"].values()) < SIZE * 0.75, "what lay there was sent again"
        await well(await two.receive(await link_of(sender)))
        two.same("a.bin")


async def test_a_transfer_that_has_ended_says_so_to_whoever_comes_late(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", MB)
        sender = await two.send("a.bin")
        link = await link_of(sender)
        await well(await two.receive(link))
        await well(sender)
        late = await two.receive(link)
        assert await late.ended(10) == 4
    assert "the sender has ended this transfer" in late.said


async def test_no_store_keeps_nothing_and_waits_for_the_receiver(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", "--no-store", *SLOW)
        link = await link_of(sender)
        receiver = await two.receive(link)
        await reaches(receiver, SIZE // 4)
        await leaves(receiver)
        await sender.until(lambda p: any(e["event"] == "waiting" for e in p.events))
        spools = list((two.server.data / "spool").rglob("*")) if (two.server.data / "spool").exists() else []
        assert sum(each.stat().st_size for each in spools if each.is_file()) == 0
        got, sent = await well(await two.receive(link)), await well(sender)
        two.same("a.bin")
    frugal(sent, SIZE, changes=1)
    frugal(got, SIZE)
