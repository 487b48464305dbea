"""Whole programs as on macOS and on Windows: a server, a sender and a receiver, the three ways, every byte compared."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.program import Person, people
from tests.e2e.served import MiB, Served, served
from tests.systems.as_on import LOOPS, under

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("system", "loop"), LOOPS)]


@pytest.fixture
async def server(system: str, loop: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data", under=under(system, loop)) as server:
        yield server


@pytest.fixture
async def pair(system: str, loop: str, tmp_path: Path) -> AsyncIterator[list[Person]]:
    async with people(tmp_path, "ann", "bob") as pair:
        for each in pair:
            each.within = under(system, loop)
        yield pair


def make(folder: Path) -> dict[str, bytes]:
    """A folder of files, small, large, empty and read-only, one with line ends that Windows would change."""
    kept = {
        "day 1/large.bin": hashlib.shake_128(b"large").digest(9 * MiB),
        "day 1/lines.txt": b"\n\r\n\x1a\n" * 20_000,
        "empty.txt": b"",
        **{f"many/{number}.txt": b"%d\n" % number for number in range(30)},
    }
    for name, data in kept.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "day 1" / "lines.txt").chmod(0o444)
    return kept


def found(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", ["direct", "relay", "store"])
async def test_a_folder_arrives_byte_for_byte(
    server: Served, pair: list[Person], way: str, system: str, loop: str
) -> None:
    ann, bob = pair
    kept = make(ann.folder / "holiday")
    how = {"direct": ["--direct-only"], "relay": ["--relay-only"], "store": ["--store"]}[way]
    sender = await ann.burrow("send", "holiday", "--server", server.url, "--json", *how)
    link = (await sender.event("ready"))["link"]
    if way == "store":
        assert await sender.ended() == 0, sender.said
    receiver = await bob.run("receive", link, "--json", *(how if way != "store" else []))
    assert receiver.process.returncode == 0, receiver.said
    if way != "store":
        assert await sender.ended() == 0, sender.said
    assert found(bob.folder / "holiday") == kept
    shares = receiver.events[-1]["shares"]
    assert set(shares) == {way if way != "direct" else next(iter(shares))}
    for program in (sender, receiver):
        assert "Traceback" not in program.said


async def test_without_a_server_the_sender_is_one(pair: list[Person], system: str, loop: str) -> None:
    ann, bob = pair
    kept = make(ann.folder / "holiday")
    sender = await ann.burrow("send", "holiday")
    line = await sender.until(lambda p: next((x for x in p.said.splitlines() if "--server http" in x), None))
    receiver = await bob.run(*line.split()[1:])
    assert receiver.process.returncode == 0, receiver.said
    assert await sender.ended() == 0, sender.said
    assert found(bob.folder / "holiday") == kept
    assert list((ann.state / "own").iterdir()) == []
    assert "Traceback" not in sender.said + receiver.said


async def test_interrupted_at_both_ends_the_same_commands_go_on(
    server: Served, pair: list[Person], system: str, loop: str
) -> None:
    ann, bob = pair
    kept = make(ann.folder / "holiday")
    sender = await ann.burrow("send", "holiday", "--server", server.url, "--json", "--limit-rate", "3M")
    link = (await sender.event("ready"))["link"]
    receiver = await bob.burrow("receive", link, "--json")
    await receiver.until(lambda p: any(e["event"] == "progress" and e["done"] > 2 * MiB for e in p.events))
    sender.interrupt()
    receiver.interrupt()
    assert await sender.ended() == await receiver.ended() == 130
    sender = await ann.burrow("send", "holiday", "--server", server.url, "--json")
    await sender.event("ready")
    receiver = await bob.run("resume", "--json")
    assert (receiver.process.returncode, await sender.ended()) == (0, 0), receiver.said + sender.said
    assert found(bob.folder / "holiday") == kept
    assert sum(receiver.events[-1]["shares"].values()) < 8 * MiB, "what had arrived was sent again"
    for each in pair:
        left = each.state / "transfers"
        assert not list(left.iterdir()), "the folder of a transfer that has ended stays"
