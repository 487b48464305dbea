"""Links and codes end; whoever comes then is told, with the exit code for it, and nothing stays behind."""

import asyncio
import secrets
import time
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.core.links import format_link
from tests.e2e.files import make
from tests.e2e.transfer.pair import MB, Machine, kill, leaves, link_of, pair, reaches, well

pytestmark = pytest.mark.anyio


async def test_an_unknown_link_is_a_sentence_and_exit_4_and_resume_has_nothing(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        receiver = await two.receive(format_link(two.server.url, secrets.token_bytes(32)))
        assert await receiver.ended(10) == 4
        assert "nothing is offered under this link" in receiver.said
        again = await two.bob.run("resume")
        assert "Nothing is unfinished" in again.said


async def test_a_used_link_and_one_that_was_taken_back_end_with_exit_4(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", MB)
        sender = await two.send("a.bin")
        link = await link_of(sender)
        await well(await two.receive(link))
        await well(sender)
        late = await two.receive(link)
        assert await late.ended(10) == 4
        assert "the sender has ended this transfer: everybody who was to have it has it" in late.said
        make(two.ann.folder / "b.bin", MB)
        sender = await two.send("b.bin", "--store")
        await well(sender)
        await two.ann.run("take-back")
        late = await two.receive(await link_of(sender))
        assert await late.ended(10) == 4
        assert "the sender took it back" in late.said
        assert "Nothing is unfinished" in (await two.bob.run("resume")).said


async def test_store_shows_no_code_for_it_would_end_with_the_command(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", MB)
        sender = await two.send("a.bin", "--store")
        await well(sender)
        ready = sender.events[0]
        assert ready["code"] is None
        assert ready["why"] == "a code works only while this program runs"
        await well(await two.receive(ready["link"]))


async def test_a_stream_that_ended_early_cannot_come_back_and_its_receiver_is_told(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        source = make(two.ann.folder / "a.bin", 20 * MB)
        with source.open("rb") as stream:
            sender = await two.send("-", "--no-store", "--limit-rate", "4M", stdin=stream)
            receiver = await two.receive(await link_of(sender))
            await reaches(receiver, 4 * MB)
            await leaves(sender)
        assert await receiver.ended(10) == 3
        assert "it came from the sender's standard input, which cannot be read again" in receiver.said
        assert "Nothing is unfinished" in (await two.bob.run("resume")).said


async def test_who_loses_the_race_for_a_code_is_told_within_two_seconds(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 30 * MB)
        sender = await two.send("a.bin", "--limit-rate", "3M")
        code = (await sender.event("ready"))["code"]
        racers = [Machine(tmp_path / f"racer-{number}") for number in range(3)]
        words = ("receive", code, "--json", "--server", two.server.url)
        runs = await asyncio.gather(*(who.burrow(*words) for who in racers))
        await sender.event("met")
        began = time.monotonic()
        told = [asyncio.create_task(run.process.wait()) for run in runs]
        done: set[asyncio.Task[int]] = set()
        async with asyncio.timeout(10):
            while len(done) < 2:
                more, _ = await asyncio.wait(set(told) - done, return_when=asyncio.FIRST_COMPLETED)
                done |= more
        assert time.monotonic() - began < 4, "they start at about the same time, and two seconds are enough"
        assert [task.result() for task in done] == [4, 4], [run.said for run in runs]
        for who in racers:
            await who.close()


async def test_a_full_server_in_the_middle_of_a_store_is_exit_7(tmp_path: Path) -> None:
    async with pair(tmp_path, total_quota_bytes=70_000_000) as two:
        source = make(two.ann.folder / "a.bin", 90 * MB)
        with source.open("rb") as stream:
            sender = await two.send("-", "--store", stdin=stream)
            assert await sender.ended(60) == 7, sender.said


async def test_what_rests_never_goes_back_though_the_sender_is_cut_off(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--store", "--limit-rate", "5M")
        await reaches(sender, 4 * MB)
        await two.server.kill()
        await two.server.start()
        await well(sender)
    done = [event["done"] for event in sender.events if event["event"] == "progress"]
    assert done == sorted(done)
    assert done[-1] > 10 * MB


async def test_a_killed_sender_whose_link_rests_is_no_unknown_link(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--limit-rate", "4M")
        link = await link_of(sender)
        await kill(sender)
        receiver = await two.receive(link)
        await receiver.event("waiting")
        sender = await two.send("a.bin")
        await well(receiver)
        await well(sender)


async def test_who_dies_at_the_prompt_costs_a_code_and_the_sender_shows_another(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", MB)
        sender = await two.send("a.bin")
        code = (await sender.event("ready"))["code"]
        asked = asyncio.Event()

        async def thinks(*_: object) -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

        async with Client(two.server.url, state=tmp_path / "carl") as client:
            receiving = client.receive(code, tmp_path, accept=thinks, options=Options(name="carl"))
            await asyncio.wait_for(asked.wait(), 20)
            await receiving.close()
        renewed = await sender.event("new-code")
        assert renewed["why"] == "carl left without taking it, and their code is used up"
        again = await two.bob.burrow("receive", code, "--json", "--server", two.server.url)
        assert await again.ended(10) == 4
        assert "is still there, but this code was used already" in again.events[-1]["error"]
        other = await two.bob.burrow("receive", renewed["code"], "--json", "--server", two.server.url)
        await well(other)
        assert next(e for e in other.events if e["event"] == "offered")["name"] == "a.bin"
        await well(sender)
        two.same("a.bin")
