"""A file with holes between two real programs: what is a hole does not travel, takes no room, and is checked."""

import os
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.client.test_holes import MB, on_disk, sparse
from tests.e2e.transfer.pair import link_of, pair

pytestmark = pytest.mark.anyio
GB = 1 << 30


async def both(sender: Program, receiver: Program) -> dict[str, object]:
    assert await receiver.ended(120) == 0, receiver.said
    assert await sender.ended() == 0, sender.said
    return receiver.events[-1]


async def test_ten_gigabytes_of_hole_cost_as_much_as_what_they_hold(tmp_path: Path) -> None:
    data = os.urandom(MB)
    async with pair(tmp_path) as two:
        disk = sparse(two.ann.folder / "disk.img", 10 * GB, (3 * GB, data))
        sender = await two.send(disk.name)
        receiver = await two.bob.burrow("receive", await link_of(sender), "--json")
        end = await both(sender, receiver)
        got = two.bob.folder / "disk.img"
        assert end["verified"]
        assert sum(end["network"].values()) < 40 * MB  # type: ignore[attr-defined]  # what was asked before a leap
        assert set(end["shares"]) == {"tcp"}  # type: ignore[call-overload]  # a leap is no standstill
        assert (got.stat().st_size, on_disk(got) < 2 * MB) == (10 * GB, True)
        with got.open("rb") as file:
            file.seek(3 * GB)
            assert file.read(MB) == data


@pytest.mark.parametrize("way", [("--relay-only",), ("--store",)], ids=["relay", "store"])
async def test_through_the_server_holes_arrive_as_holes(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with pair(tmp_path) as two:
        disk = sparse(two.ann.folder / "disk.img", 90 * MB, (30 * MB, os.urandom(MB)), (80 * MB, b"end"))
        sender = await two.send(disk.name, *way)
        link = await link_of(sender)
        if way == ("--store",):
            assert await sender.ended() == 0
        receiver = await two.bob.burrow("receive", link, "--json")
        assert (await both(sender, receiver))["verified"]
        got = two.bob.folder / "disk.img"
        assert got.read_bytes() == disk.read_bytes()
        assert on_disk(got) < 3 * MB


async def test_an_output_gets_the_zeros(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        disk = sparse(two.ann.folder / "disk.img", 40 * MB, (30 * MB, b"data"))
        sender = await two.send(disk.name)
        with (tmp_path / "out").open("wb") as out:
            receiver = await two.bob.burrow("receive", await link_of(sender), "-o", "-", stdout=out)
            assert await receiver.ended() == 0, receiver.said
        assert await sender.ended() == 0
        assert (tmp_path / "out").read_bytes() == disk.read_bytes()


async def test_who_is_killed_in_a_file_with_holes_goes_on(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        pieces = [(n * 10 * MB, os.urandom(3 * MB)) for n in range(6)]
        disk = sparse(two.ann.folder / "disk.img", 70 * MB, *pieces)
        sender = await two.send(disk.name, "--limit-rate", "4M")
        link = await link_of(sender)
        receiver = await two.bob.burrow("receive", link, "--json")
        await receiver.until(lambda p: any(event.get("done", 0) > 25 * MB for event in p.events))
        receiver.process.kill()
        await receiver.ended()
        again = await two.bob.burrow("receive", link, "--json")
        end = await both(sender, again)
        assert end["verified"]
        assert (two.bob.folder / "disk.img").read_bytes() == disk.read_bytes()
        assert on_disk(two.bob.folder / "disk.img") < 20 * MB
