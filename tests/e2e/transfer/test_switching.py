"""A transfer changes its path in the middle and nobody need know: the direct one cut and back, the server killed.

BURROW_PROOF_SIZE (bytes) sizes the `proof` versions.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.transfer.land import land
from tests.e2e.transfer.pair import MB, Machine, blocks, frugal, link_of, overlap, pair, paths, reaches, takes, well

pytestmark = pytest.mark.anyio

SIZES = [
    pytest.param(20 * MB, "5M", id="small"),
    pytest.param(int(os.environ.get("BURROW_PROOF_SIZE", 1000 * MB)), "60M", id="large", marks=pytest.mark.proof),
]


# The direct path is tried again after 1 s and after 3 s more: so long the relay must still have something to carry.
@pytest.mark.parametrize(("size", "rate"), [pytest.param(16 * MB, "2M", id="small"), SIZES[1]])
async def test_a_direct_path_that_is_cut_gives_way_to_the_relay_and_comes_back(
    tmp_path: Path, size: int, rate: str
) -> None:
    with land() as ground:
        async with pair(tmp_path, ground) as two:
            make(two.ann.folder / "a.bin", size)
            sender = await two.send("a.bin", "--limit-rate", rate)
            receiver = await two.receive(await link_of(sender))
            await takes(receiver, "tcp")
            await reaches(receiver, size // 6)
            ground.let("direct path reset")
            n = await takes(receiver, "relay")
            ground.let("open")
            await takes(receiver, "tcp", n)
            got, sent = await well(receiver), await well(sender)
            two.same("a.bin")
    assert paths(receiver)[:3] == ["tcp", "relay", "tcp"]
    assert set(got["shares"]) == {"tcp", "relay"}
    assert sent["again"] <= overlap(2)
    assert not any(event["event"] == "error" for event in receiver.events + sender.events)
    assert blocks(sent) <= size // 262144 + 3 * 32


@pytest.mark.parametrize(("size", "rate"), SIZES)
async def test_the_server_killed_and_started_again_in_the_middle_of_a_relay_costs_nothing_but_time(
    tmp_path: Path, size: int, rate: str
) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", size)
        sender = await two.send("a.bin", "--relay-only", "--limit-rate", rate)
        receiver = await two.receive(await link_of(sender), "--relay-only")
        for part in (4, 2):
            await reaches(receiver, size // part)
            await two.server.kill()
            await two.server.start()
        got, sent = await well(receiver), await well(sender)
        two.same("a.bin")
    assert set(got["shares"]) == {"relay"}
    frugal(sent, size, changes=2)


@pytest.mark.parametrize(("size", "rate"), SIZES)
async def test_without_a_direct_path_what_began_goes_by_the_relay_when_the_line_falls_silent(
    tmp_path: Path, size: int, rate: str
) -> None:
    with land() as ground:
        async with pair(tmp_path, ground) as two:
            make(two.ann.folder / "a.bin", size)
            sender = await two.send("a.bin", "--limit-rate", rate)
            receiver = await two.receive(await link_of(sender))
            await takes(receiver, "tcp")
            await reaches(receiver, size // 6)
            ground.let("no direct path")
            await takes(receiver, "relay")
            _, sent = await well(receiver), await well(sender)
            two.same("a.bin")
    assert paths(receiver) == ["tcp", "relay"]
    assert sent["again"] <= overlap(1)


async def test_a_leg_stays_for_one_receiver_when_another_leaves_it_for_a_direct_path(tmp_path: Path) -> None:
    with land() as ground:
        async with pair(tmp_path, ground) as two:
            ground.let("no direct path")
            carl = Machine(tmp_path / "carl", two.bob.within)
            make(two.ann.folder / "a.bin", 20 * MB)
            sender = await two.send("a.bin", "--receivers", "2", "--limit-rate", "5M")
            link = await link_of(sender)
            one = await two.receive(link, "--relay-only")
            other = await two.receive(link, who=carl)
            await takes(one, "relay")
            await takes(other, "relay")
            await reaches(other, 2 * MB)
            ground.let("open")
            await takes(other, "tcp")
            await well(other)
            got, sent = await well(one), await well(sender)
            two.same("a.bin")
            two.same("a.bin", carl)
            await carl.close()
    assert set(got["shares"]) == {"relay"}
    assert sent["again"] <= overlap(1)
