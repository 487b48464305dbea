"""What `burrow` remembers is for its owner alone; what a person asked for is as their umask says."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import people
from tests.e2e.served import served

pytestmark = pytest.mark.anyio

MB = 1_000_000


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    was = os.umask(request.param)
    yield request.param
    os.umask(was)


def open_to_others(root: Path) -> list[str]:
    return [
        f"{each.relative_to(root.parent)} {stat.S_IMODE(each.lstat().st_mode):o}"
        for each in (root, *root.rglob("*"))
        if each.lstat().st_mode & 0o077
    ]


async def test_what_an_unfinished_transfer_keeps_is_closed_and_what_arrives_is_as_the_umask_says(
    tmp_path: Path, umask: int
) -> None:
    async with served(tmp_path / "data", stun_servers="") as server, people(tmp_path, "ann", "bob") as [ann, bob]:
        (ann.folder / "a.bin").write_bytes(os.urandom(6 * MB))
        (ann.folder / "a.bin").chmod(0o666)
        plain = ("--server", server.url, "--json", "--limit-rate", "3M")
        # a process of its own, and not one that was forked with another umask
        sender = await ann.burrow("send", "a.bin", *plain, stdin=None)
        link = (await sender.event("ready"))["link"]
        receiver = await bob.burrow("receive", link, "--json", stdin=None)
        await receiver.until(lambda p: any(e["event"] == "progress" and e["done"] > MB for e in p.events))
        receiver.interrupt()
        assert await receiver.ended() == 130
        assert [each for each in (bob.state / "transfers").rglob("*") if each.is_file()]
        assert open_to_others(bob.state) == open_to_others(ann.state) == []
        again = await bob.burrow("receive", link, "--json", stdin=None)
        assert await again.ended() == 0, again.said
        assert stat.S_IMODE((bob.folder / "a.bin").stat().st_mode) == 0o666 & ~umask
        await sender.ended()
        assert open_to_others(bob.state) == open_to_others(ann.state) == []


async def test_a_server_of_our_own_and_a_pairing_are_closed_to_others(tmp_path: Path, umask: int) -> None:
    async with people(tmp_path, "ann") as [ann]:
        (ann.folder / "a.bin").write_bytes(b"a")
        sender = await ann.burrow("send", "a.bin", "--quiet", stdin=None)
        await sender.until(lambda p: p.out)
        assert (ann.state / "own").is_dir()
        assert open_to_others(ann.state) == []
        sender.interrupt()
        await sender.ended()
        listed = await ann.burrow("devices", stdin=None)
        assert await listed.ended() == 0
        assert open_to_others(ann.state) == []


async def test_a_state_folder_that_was_open_to_others_is_closed_and_that_is_said_once(tmp_path: Path) -> None:
    async with people(tmp_path, "ann") as [ann]:
        await ann.run("devices")
        ann.state.chmod(0o755)
        (ann.state / "devices.json").chmod(0o644)
        said = (await ann.run("history")).said
        assert said.count("open to other users") == 1
        assert str(ann.state) in said
        assert open_to_others(ann.state) == []
        assert "open to other users" not in (await ann.run("history")).said


async def test_a_state_folder_with_other_things_in_it_keeps_its_mode(tmp_path: Path) -> None:
    async with people(tmp_path, "ann") as [ann]:
        ann.state.mkdir(mode=0o755)
        (ann.state / "letters").mkdir()
        said = (await ann.run("history")).said
        assert "folder of its own" in said
        assert stat.S_IMODE(ann.state.stat().st_mode) == 0o755
