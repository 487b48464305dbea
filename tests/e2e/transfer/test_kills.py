"""Either program may be killed -9 at any moment; the same command goes on, and what was verified is not sent again.

BURROW_PROOF_SIZE (bytes) and BURROW_PROOF_KILLS size the `proof` versions.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.transfer.pair import (
    CREDIT,
    MB,
    SEALED,
    Pair,
    blocks,
    draw,
    kill,
    link_of,
    moved,
    overlap,
    pair,
    through,
    well,
    well_or_over,
)

pytestmark = pytest.mark.anyio

PROOF_SIZE = int(os.environ.get("BURROW_PROOF_SIZE", 1000 * MB))
PROOF_KILLS = int(os.environ.get("BURROW_PROOF_KILLS", 20))
WAYS = {"direct": (), "relay": ("--relay-only",)}


async def receiver_killed(two: Pair, size: int, kills: int, rate: int, way: tuple[str, ...]) -> None:
    chance = draw(3)
    make(two.ann.folder / "a.bin", size)
    sender = await two.send("a.bin", "--limit-rate", str(rate), *way)
    link = await link_of(sender)
    for _ in range(kills):
        receiver = await two.receive(link, *way)
        await moved(receiver, chance.uniform(0, 1.6 * size / rate / (kills + 1)))
        await kill(receiver)
        if through(receiver):
            break
    else:
        receiver = await two.receive(link, *way)
        await well_or_over(receiver, 600)
    sent = await well(sender)
    two.same("a.bin")
    assert sent["again"] <= (0 if way else overlap(kills))
    whole = size // 262_144 + 2
    print(f"{kills} kills of the receiver: {blocks(sent)} blocks sent of {whole}")
    assert blocks(sent) <= whole + kills * (CREDIT + 1)


async def sender_killed(two: Pair, size: int, kills: int, rate: int, way: tuple[str, ...]) -> None:
    chance = draw(4)
    make(two.ann.folder / "a.bin", size)
    receiver = link = None
    for left in reversed(range(kills + 1)):
        sender = await two.send("a.bin", "--limit-rate", str(rate), *way)
        again = await link_of(sender)
        if link not in (None, again):  # the one before was through and had not said so yet: this is another transfer
            await kill(sender)
            break
        link = again
        receiver = receiver or await two.receive(link, *way)
        if left:
            await moved(sender, chance.uniform(0, size / rate / (kills + 1)))
            await kill(sender)
            if through(sender):
                break
    assert receiver is not None
    got = await well(receiver, 600)
    sent = await well(sender) if sender.process.returncode in (None, 0) else {"again": 0}
    two.same("a.bin")
    print(f"{kills} kills of the sender: {got['again']} blocks came twice")
    assert sent["again"] <= (0 if way else overlap(kills))
    assert got["again"] <= (0 if way else overlap(kills))
    assert sum(got["shares"].values()) <= size + (size // 262_144 + 4) * (SEALED - 262_144) + 300_000


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_receiver_killed_again_and_again_loses_nothing(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with pair(tmp_path) as two:
        await receiver_killed(two, 30 * MB, 3, 10 * MB, way)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_sender_killed_again_and_again_loses_nothing(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with pair(tmp_path) as two:
        await sender_killed(two, 30 * MB, 3, 10 * MB, way)


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_receiver_killed_20_times_in_a_gigabyte(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with pair(tmp_path) as two:
        await receiver_killed(two, PROOF_SIZE, PROOF_KILLS, 25 * MB, way)


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_sender_killed_20_times_in_a_gigabyte(tmp_path: Path, way: tuple[str, ...]) -> None:
    async with pair(tmp_path) as two:
        await sender_killed(two, PROOF_SIZE, PROOF_KILLS, 25 * MB, way)
