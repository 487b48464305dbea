"""What the two people are told while bytes go slowly, or not at all."""

import asyncio
import time
from pathlib import Path

import pytest

from burrowspace.client import events
from tests.e2e.files import make
from tests.e2e.transfer.land import land
from tests.e2e.transfer.pair import link_of, pair, reaches, well
from tests.e2e.transfer.test_consent import MB, Two, two
from tests.netns import run

__all__ = ["two"]
pytestmark = pytest.mark.anyio


async def yes(*_: object) -> bool:
    return True


@pytest.mark.parametrize("way", [{}, {"relay_only": True}], ids=["direct", "relay"])
async def test_the_sender_of_a_slow_receiver_sees_what_has_arrived_every_second(two: Two, way: dict[str, bool]) -> None:
    make(two.file, MB)
    sending, link = await two.send(**way)
    began = time.monotonic()
    receiving = two.receive(link, yes, limit_rate=100_000, **way)
    seen: list[tuple[float, int]] = []
    while not sending.of(events.Verified):
        await asyncio.sleep(0.1)
        if (progress := sending.of(events.Progress)) and (not seen or progress[-1].done != seen[-1][1]):
            seen.append((time.monotonic() - began, progress[-1].done))
    await asyncio.gather(receiving.transfer, sending.transfer)
    assert time.monotonic() - began > 6, "the receiver's limit is kept"
    assert len(seen) >= 3, seen  # a megabyte is four blocks
    assert all(done <= 100_000 * at + 2 * 262_144 for at, done in seen), (
        f"it shows what has left, not what arrived: {seen}"
    )
    assert sending.of(events.Waiting) == []
    two.same()


async def test_who_is_cut_off_from_the_server_is_told_so(two: Two) -> None:
    make(two.file, 24 * MB)  # a window of 9 MB may be on its way while one of them is cut off
    sending, link = await two.send(relay_only=True, limit_rate=2 * MB, store=False)
    receiving = two.receive(link, yes, relay_only=True)
    await receiving.until(lambda event: isinstance(event, events.Progress) and event.done > MB)
    offline = "the server cannot be reached; still trying"
    async with two.bob.silence():
        told = await receiving.until(lambda event: isinstance(event, events.Waiting), 20)
        assert told.why == offline
    await receiving.until(lambda event: isinstance(event, events.Progress) and event.done > 4 * MB)
    async with two.ann.silence():
        await sending.until(lambda _: any(e.why == offline for e in sending.of(events.Waiting)), 25)
    await asyncio.gather(receiving.transfer, sending.transfer)
    two.same()


async def test_on_a_slow_line_to_the_server_something_is_there_soon_and_a_standstill_is_told(two: Two) -> None:
    """A proxy that passes on only what is whole shows the first piece as soon as it is whole: it is a small one."""
    make(two.file, 12 * MB)
    sending, _ = await two.send(store_now=True, limit_rate=400_000)
    await sending.until(lambda event: isinstance(event, events.Progress) and event.done > 0, 6)
    async with two.ann.silence():
        told = await sending.until(lambda event: isinstance(event, events.Waiting) and "line" in event.why, 12)
        assert told.why == "the line to the server is slow; nothing more has arrived there yet"
    seen = len(sending.of(events.Progress))
    await sending.until(lambda _: sending.of(events.Progress)[seen:] and sending.of(events.Progress)[-1].done > MB, 12)
    await sending.transfer.close()
    done = [event.done for event in sending.of(events.Progress)]
    assert done == sorted(done)


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_who_has_no_network_is_told_so_and_hears_nothing_of_the_other_side(tmp_path: Path, who: str) -> None:
    """Their cable is pulled out: no open connection hears of it."""
    with land() as ground:
        ground.let("no direct path")
        async with pair(tmp_path, ground) as two:
            make(two.ann.folder / "a.bin", 20 * MB)
            sender = await two.send("a.bin", "--limit-rate", "4M", "--relay-only", "--no-store")
            receiver = await two.receive(await link_of(sender), "--relay-only")
            await reaches(receiver, 4 * MB)
            program, wire = (sender, "ann0") if who == "ann" else (receiver, "bob1")
            run(*ground.within(who), "ip", "link", "set", wire, "down")
            told = await program.event("waiting")
            assert told["why"] == "this device is offline; it goes on when the network is back"
            run(*ground.within(who), "ip", "link", "set", wire, "up")
            hub = {"ann": "198.18.1.1", "bob": "198.18.2.1"}[who]
            run(*ground.within(who), "ip", "route", "add", "default", "via", hub)
            await program.event("waiting", why="the network is back")
            await well(receiver)
            await well(sender)
            two.same("a.bin")
