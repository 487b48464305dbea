"""A sender that reads its standard input: what it keeps of it is bounded, and once killed it cannot come back."""

import asyncio
import os
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.client import events
from burrowspace.client.files.contents import FREE
from burrowspace.core.errors import Gone, NoSpace
from tests.e2e.files import make
from tests.e2e.served import served
from tests.e2e.transfer.pair import kill, link_of, pair
from tests.e2e.transfer.test_consent import MB, Told
from tests.machine import small_disk
from tests.web.test_interop import page

HASTY = Path(__file__).parents[2] / "web" / "wire" / "hasty.mjs"
pytestmark = pytest.mark.anyio


async def test_what_is_kept_of_stdin_leaves_room_on_the_disk_and_both_ends_hear_of_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 180) as disk:
        async with (
            served(tmp_path / "data") as server,
            Client(server.url, state=disk / "state") as ann,
            Client(server.url, state=tmp_path / "bob") as bob,
        ):
            with Path("/dev/zero").open("rb", buffering=0) as endless:
                sending = Told(ann.send(stream=endless, with_code=False))  # type: ignore[arg-type]
                link = (await sending.until(lambda event: isinstance(event, events.Ready))).link
                receiving = bob.receive(link, tmp_path)
                with pytest.raises(NoSpace, match="the disk has no more room for it; free some space, or send a file"):
                    await asyncio.wait_for(sending.transfer, 60)
            found = os.statvfs(disk)
            assert found.f_bavail * found.f_frsize > FREE
            with pytest.raises(Exception, match="what comes on the standard input is kept until it has arrived"):
                await asyncio.wait_for(receiving, 30)
            assert ann.unfinished() == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrowspace.core.silence.ASK_AT", (0.5, 1.0, 2.0))
    monkeypatch.setattr("burrowspace.core.silence.END_AT", 4.0)


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
@pytest.mark.usefixtures("hasty")
async def test_who_receives_from_the_stdin_of_a_killed_sender_is_told_and_does_not_wait_for_ever(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    async with pair(tmp_path) as two:
        source = make(two.ann.folder / "a.bin", 40 * MB)
        with source.open("rb") as stream:
            sender = await two.send("-", "--no-store", "--limit-rate", "4M", *way, stdin=stream)
            async with Client(None, state=tmp_path / "carl") as carl:
                receiving = Told(carl.receive(await link_of(sender), tmp_path, options=Options(relay_only=bool(way))))
                await receiving.until(lambda event: isinstance(event, events.Progress) and event.done > 4 * MB)
                await kill(sender)
                with pytest.raises(Gone, match="it cannot come back if it was stopped; ask for it again"):
                    await asyncio.wait_for(receiving.transfer, 60)
                assert carl.unfinished() == []
            assert "Nothing is unfinished" in (await two.ann.run("resume")).said


async def test_a_page_is_told_so_as_well(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        source = make(two.ann.folder / "a.bin", 40 * MB)
        with source.open("rb") as stream:
            sender = await two.send("-", "--no-store", "--limit-rate", "4M", stdin=stream)
            link = await link_of(sender)
            async with page("receive", two.server, {}, link, tmp_path, first=HASTY) as bob:  # type: ignore[arg-type]
                await bob.done(4 * MB)
                await kill(sender)
                error = await bob.error()
    assert error["code"] == "gone"
    assert error["sentence"].endswith("it cannot come back if it was stopped; ask for it again")


@pytest.mark.usefixtures("hasty")
async def test_a_slow_pipe_is_no_silence_for_its_sender_answers(tmp_path: Path) -> None:
    async with served(tmp_path / "data") as server, Client(server.url, state=tmp_path / "ann") as ann:
        out, into = os.pipe()
        with os.fdopen(out, "rb", buffering=0) as reader, os.fdopen(into, "wb", buffering=0) as writer:
            how = Options(relay_only=True)
            sending = Told(ann.send(stream=reader, with_code=False, options=how))  # type: ignore[arg-type]
            link = (await sending.until(lambda event: isinstance(event, events.Ready))).link
            async with Client(server.url, state=tmp_path / "bob") as bob:
                receiving = Told(bob.receive(link, tmp_path, options=how))
                await receiving.until(lambda event: isinstance(event, events.Offered))
                await asyncio.sleep(8)  # whoever writes to the pipe thinks, for twice as long as silence may last
                writer.write(b"at last")
                writer.close()
                await asyncio.wait_for(receiving.transfer, 30)
                await asyncio.wait_for(sending.transfer, 30)
    assert (tmp_path / "stdin").read_bytes() == b"at last"
