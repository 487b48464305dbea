"""What a person may choose of the way, and what may go it."""

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from tests.e2e.files import digest, make
from tests.e2e.transfer.pair import MB, Machine, Pair, frugal, kill, leaves, link_of, pair, paths, reaches, well

pytestmark = pytest.mark.anyio

COUNT = int(os.environ.get("BURROW_PROOF_FILES", 1000))  # small files


def on_the_server(two: Pair) -> int:
    """Bytes of blocks."""
    spool = two.server.data / "spool"
    return sum(each.stat().st_size for each in spool.rglob("*") if each.is_file())


async def test_three_receivers_of_one_link_one_of_them_slow(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        names = ("bob", "carl", "dora")
        people = [Machine(tmp_path / f"more-{name}") for name in names]
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--receivers", "3")
        link = await link_of(sender)
        runs = [
            await two.receive(link, *(("--limit-rate", "5M") if who is people[0] else ()), who=who) for who in people
        ]
        for run in runs:
            await well(run)
        sent = await well(sender)
        for who in people:
            two.same("a.bin", who)
    assert sum(event["event"] == "verified" for event in sender.events) == 3
    frugal(sent, 20 * MB, changes=sum(len(paths(run)) - 1 for run in runs), receivers=3)


async def test_three_receivers_by_relay(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        people = [Machine(tmp_path / f"more-{name}") for name in range(3)]
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--receivers", "3", "--relay-only")
        link = await link_of(sender)
        runs = [await two.receive(link, "--relay-only", who=who) for who in people]
        for run in runs:
            assert set((await well(run))["shares"]) <= {"relay", "store"}
        sent = await well(sender)
        for who in people:
            two.same("a.bin", who)
    frugal(sent, 20 * MB, receivers=3)


async def test_direct_only_never_touches_the_servers_disk(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--direct-only", "--limit-rate", "10M")
        link = await link_of(sender)
        receiver = await two.receive(link)
        await reaches(receiver, 5 * MB)
        await leaves(receiver)
        await sender.event("waiting")
        assert on_the_server(two) == 0
        receiver = await two.receive(link, "--direct-only")
        got, sent = await well(receiver), await well(sender)
        two.same("a.bin")
    assert paths(receiver) == ["tcp"]
    assert set(got["shares"]) == set(sent["shares"]) == {"tcp"}
    frugal(sent, 20 * MB, changes=1)


async def test_a_limit_is_kept_on_every_path(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        for way in ((), ("--relay-only",)):
            make(two.ann.folder / "a.bin", 6 * MB, seed=len(way))
            (two.bob.folder / "a.bin").unlink(missing_ok=True)
            sender = await two.send("a.bin", "--limit-rate", "2M", *way)
            began = time.monotonic()
            await well(await two.receive(await link_of(sender), *way))
            assert time.monotonic() - began > 2.5
            await well(sender)
            two.same("a.bin")


async def test_nothing_at_all_and_thousands_of_files_arrive_as_they_are(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        top = two.ann.folder / "top"
        (top / "empty folder").mkdir(parents=True)
        (top / "empty").touch()
        for number in range(COUNT):
            if number % 100 == 0:
                (top / f"d{number}").mkdir()
            (top / f"d{number // 100 * 100}" / f"f{number}").write_bytes(b"%d" % number * (number % 50))
        (top / "d100").chmod(0o750)
        (top / "d0" / "f1").chmod(0o400)
        os.utime(top / "d0", ns=(10**18, 10**18))
        sender = await two.send("top")
        await well(await two.receive(await link_of(sender)))
        await well(sender)

        def all_of(root: Path) -> dict[str, tuple[int, int, bytes]]:
            found = {}
            for each in root.rglob("*"):
                seen = each.stat()
                data = each.read_bytes() if each.is_file() else b""
                found[str(each.relative_to(root))] = (stat.S_IMODE(seen.st_mode), seen.st_mtime_ns, data)
            return found

        assert all_of(two.bob.folder / "top") == all_of(top)


@pytest.mark.parametrize(
    "size", [0, 5 * MB + 7, pytest.param(1, marks=pytest.mark.proof), pytest.param(262_144, marks=pytest.mark.proof)]
)
async def test_a_stream_of_any_length_goes_through(tmp_path: Path, size: int) -> None:
    async with pair(tmp_path) as two:
        source = make(two.ann.folder / "a.bin", size)
        for way in ((), ("--relay-only",), ("--store",)):
            with source.open("rb") as stream:
                sender = await two.send("-", *way, stdin=stream)
                link = await link_of(sender)
                if way == ("--store",):
                    await well(sender)
                taken = await two.bob.burrow("receive", link, "-o", "-", *[each for each in way if each != "--store"])
                assert await taken.ended() == 0, taken.said
                assert bytes(taken.out) == source.read_bytes()
                await well(sender)


async def test_an_empty_file_an_empty_folder_and_a_text(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        (two.ann.folder / "nothing").touch()
        (two.ann.folder / "hollow").mkdir()
        sender = await two.send("nothing", "hollow")
        await well(await two.receive(await link_of(sender)))
        await well(sender)
        assert (two.bob.folder / "nothing").stat().st_size == 0
        assert list((two.bob.folder / "hollow").iterdir()) == []
        sender = await two.send("--text", "the door is 4711 – Grüße")
        receiver = await two.receive(await link_of(sender))
        await well(receiver)
        await well(sender)
        assert next(e["text"] for e in receiver.events if e["event"] == "text") == "the door is 4711 – Grüße"


async def paired(two: Pair) -> None:
    first = await two.ann.burrow("pair", "--name", "ann", "--json", "--server", two.server.url)
    code = (await first.event("ready"))["code"]
    await two.bob.run("pair", code, "--name", "bob", "--server", two.server.url)
    assert await first.ended() == 0


async def test_a_paired_device_that_was_off_takes_it_when_it_is_on(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        await paired(two)
        make(two.ann.folder / "a.bin", 5 * MB)
        sent = await well(await two.send("a.bin", "--to", "bob"))
        assert sent["resting"]
        receiver = await two.bob.run("receive", "--yes", "--server", two.server.url)
        assert receiver.process.returncode == 0, receiver.said
        two.same("a.bin")


async def test_paired_devices_killed_in_the_middle_go_on_with_the_same_words(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        await paired(two)
        make(two.ann.folder / "a.bin", 20 * MB)
        words = ("receive", "--yes", "--json", "--server", two.server.url)
        sender = await two.send("a.bin", "--to", "bob", "--limit-rate", "8M")
        receiver = await two.bob.burrow(*words)
        await reaches(receiver, 4 * MB)
        await kill(receiver)
        await kill(sender)
        receiver = await two.bob.burrow(*words)
        sender = await two.send("a.bin", "--to", "bob", "--limit-rate", "8M")
        got, sent = await well(receiver), await well(sender)
        frugal(sent, 20 * MB)
        frugal(got, 20 * MB)
        two.same("a.bin")
        make(two.ann.folder / "b.bin", MB)
        receiver = await two.bob.burrow(*words)  # it waits for the next one, not for what is over
        await well(await two.send("b.bin", "--to", "bob"))
        await well(receiver)
        two.same("b.bin")


async def test_a_file_that_changed_between_two_attempts_is_noticed_and_the_receiver_is_told(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--limit-rate", "5M")
        receiver = await two.receive(await link_of(sender))
        await reaches(receiver, 3 * MB)
        await leaves(sender)
        with (two.ann.folder / "a.bin").open("r+b") as file:
            file.write(b"something else")
        sender = await two.send("a.bin")
        assert await sender.ended(20) == 1
        assert "a.bin changed since this transfer began" in sender.said
        assert await receiver.ended(20) == 3
        assert "changed" in receiver.said
        assert not (two.bob.folder / "a.bin").exists()


async def test_a_file_that_changes_while_it_is_sent_ends_it_at_both_ends(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        sender = await two.send("a.bin", "--limit-rate", "5M")
        receiver = await two.receive(await link_of(sender))
        await reaches(receiver, 3 * MB)
        with (two.ann.folder / "a.bin").open("r+b") as file:
            file.write(b"other")
        assert await sender.ended(20) == 1
        assert await receiver.ended(20) == 3
        assert "changed" in sender.said
        assert "changed" in receiver.said
        assert not (two.bob.folder / "a.bin").exists()


async def test_a_full_disk_is_a_sentence_and_with_room_it_goes_on(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", 20 * MB)
        small = tmp_path / "small"
        small.mkdir()
        mount = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small))
        assert await mount.wait() == 0
        try:
            sender = await two.send("a.bin", "--limit-rate", "8M")
            link = await link_of(sender)
            receiver = await two.receive(link, "-o", small)
            await reaches(receiver, 4 * MB)
            (small / "ballast").write_bytes(bytes(12 * MB))
            assert await receiver.ended(30) == 7, receiver.said
            assert "the disk is full" in receiver.said
            (small / "ballast").unlink()
            again = await two.receive(link, "-o", small)
            await well(again)
            sent = await well(sender)
            assert digest(small / "a.bin") == digest(two.ann.folder / "a.bin")
            frugal(sent, 20 * MB, changes=1)
        finally:
            done = await asyncio.create_subprocess_exec("umount", str(small))
            await done.wait()
