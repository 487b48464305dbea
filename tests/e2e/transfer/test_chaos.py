"""Anything may happen, in any order: programs and server killed, lines cut and mended, people leaving and returning.

BURROW_PROOF_SIZE (bytes), BURROW_PROOF_KILLS and BURROW_PROOF_SEED size the `proof` version.
"""

import os
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.files import make
from tests.e2e.transfer.land import Land, land
from tests.e2e.transfer.pair import (
    MB,
    Pair,
    draw,
    kill,
    leaves,
    link_of,
    moved,
    overlap,
    pair,
    through,
    well,
    well_or_over,
)

pytestmark = pytest.mark.anyio

THINGS = (
    "sender killed",
    "sender leaves",
    "receiver killed",
    "receiver leaves",
    "server killed",
    "no direct path",
    "direct path reset",
    "open",
)


async def chaos(two: Pair, ground: Land, size: int, rate: int, times: int, seed: int, *way: str) -> None:
    chance = draw(seed)
    make(two.ann.folder / "a.bin", size)
    words = ("a.bin", "--limit-rate", str(rate), *way)
    sender = await two.send(*words)
    link = await link_of(sender)
    receiver = await two.receive(link, *way)
    for number in range(times):
        await moved(receiver, chance.uniform(0, size / rate / times))
        thing = chance.choice(THINGS)
        print(f"{number}: {thing}")
        who, _, what = thing.partition(" ")
        stop = kill if what == "killed" else leaves
        if who == "server":
            await two.server.kill()
            await two.server.start()
        elif who == "sender":
            if sender.process.returncode is None:
                await stop(sender)
                if through(sender):
                    continue
                await moved(receiver, chance.uniform(0, 2))
                sender = await two.send(*words)
                assert await link_of(sender) == link
        elif who == "receiver":
            if receiver.process.returncode is None:
                await stop(receiver)
                if through(receiver):
                    continue
                await moved(sender, chance.uniform(0, 2))
                receiver = await two.receive(link, *way)
        else:
            ground.let(thing)
    ground.let("open")
    await ended_well(two, sender, receiver, 0 if way else overlap(times))


async def ended_well(two: Pair, sender: Program, receiver: Program, again: int) -> None:
    if not through(receiver):
        await well_or_over(receiver, 600)
    if not through(sender):
        await well(sender, 600)
    assert sender.events[-1]["again"] <= again
    two.same("a.bin")


@pytest.mark.parametrize(("seed", "way"), [(1, ()), (2, ("--relay-only",))], ids=["any way", "relay only"])
async def test_whatever_happens_it_arrives(tmp_path: Path, seed: int, way: tuple[str, ...]) -> None:
    with land() as ground:
        async with pair(tmp_path, ground) as two:
            await chaos(two, ground, 20 * MB, 5 * MB, 4, seed, *way)


@pytest.mark.proof
@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["any way", "relay only"])
async def test_whatever_happens_a_large_file_arrives(tmp_path: Path, way: tuple[str, ...]) -> None:
    size, times = int(os.environ.get("BURROW_PROOF_SIZE", 1000 * MB)), int(os.environ.get("BURROW_PROOF_KILLS", 20))
    with land() as ground:
        async with pair(tmp_path, ground) as two:
            await chaos(two, ground, size, 25 * MB, 2 * times, int(os.environ.get("BURROW_PROOF_SEED", 5)), *way)
