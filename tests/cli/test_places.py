"""A wrong `-o` is refused before the code is used up, and can be corrected at any time: real programs."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from burrowspace.client.files.source import Source
from burrowspace.client.files.target import retarget, why_not
from burrowspace.core.errors import BadRequest
from tests.cli.program import BURROW, Person, Program, Screen, environment
from tests.client.carry import begin, carry, reopen, tree, write
from tests.e2e.files import make
from tests.e2e.served import Served
from tests.machine import small_disk

pytestmark = pytest.mark.anyio
MB = 1_000_000


async def code_of(program: Program) -> str:
    return str((await program.event("ready"))["code"])


async def test_a_place_that_cannot_be_is_refused_before_the_code_is_used(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    (bob.folder / "file").write_bytes(b"")
    sender = await ann.burrow("send", "a.bin", "--json", "--server", server.url)
    code = await code_of(sender)
    refused = await bob.run("receive", code, "--server", server.url, "-o", "file/photos")
    assert refused.process.returncode == 2
    assert "file is not a folder" in refused.said
    assert "with -o" in refused.said
    again = await bob.run("receive", code, "--server", server.url, "-o", "photos/")
    assert again.process.returncode == 0, again.said
    assert await sender.ended() == 0
    assert (bob.folder / "photos" / "a.bin").stat().st_size == MB


@pytest.mark.parametrize("how", ["receive", "resume"])
async def test_what_has_begun_goes_on_in_another_place(server: Served, pair: list[Person], how: str) -> None:
    ann, bob = pair
    film = make(ann.folder / "film.bin", 12 * MB)
    sender = await ann.burrow("send", "film.bin", "--json", "--server", server.url, "--limit-rate", "4M")
    code = await code_of(sender)
    wrong = await bob.burrow("receive", code, "--json", "--server", server.url, "-o", "wrong/")
    await wrong.until(lambda p: any(event.get("done", 0) > 3 * MB for event in p.events))
    wrong.interrupt()
    await wrong.ended()
    words = ("receive", code, "--server", server.url) if how == "receive" else ("resume",)
    right = await bob.run(*words, "-o", "right/", "--json")
    assert right.process.returncode == 0, right.said
    assert await sender.ended() == 0
    assert (bob.folder / "right" / "film.bin").read_bytes() == film.read_bytes()
    assert list((bob.folder / "wrong").iterdir()) == []
    assert [each.name for each in (bob.folder / "right").iterdir()] == ["film.bin"]
    assert sum(right.events[-1]["network"].values()) < 10 * MB  # what had arrived was not sent again


async def test_resume_asks_where_to_when_the_earlier_place_is_gone(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    film = make(ann.folder / "film.bin", 12 * MB)
    sender = await ann.burrow("send", "film.bin", "--json", "--server", server.url, "--limit-rate", "4M")
    wrong = await bob.burrow("receive", await code_of(sender), "--json", "--server", server.url, "-o", "stick/photos/")
    await wrong.until(lambda p: any(event.get("done", 0) > 3 * MB for event in p.events))
    wrong.interrupt()
    await wrong.ended()
    (bob.folder / "stick").rename(bob.folder / "away")
    (bob.folder / "stick").write_bytes(b"not a folder any more")
    alone = await bob.run("resume")
    assert alone.process.returncode == 2
    assert "stick is not a folder" in alone.said
    screen = Screen()
    process = await asyncio.create_subprocess_exec(
        BURROW, "resume", stdin=screen.theirs, stdout=screen.theirs, stderr=screen.theirs,
        env=environment(bob.state, TERM="dumb"), cwd=bob.folder,
    )  # fmt: skip
    try:
        await screen.until("stick is not a folder")
        await screen.until("Where to")
        screen.type("stick/again\n")
        await screen.until("is not a folder")
        screen.type("elsewhere\n")
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        screen.close()
    assert (bob.folder / "elsewhere").read_bytes() == film.read_bytes()
    assert await sender.ended() == 0


def test_what_arrived_moves_to_another_disk(tmp_path: Path) -> None:
    data = os.urandom(5 * 262_144)
    top = write(tmp_path / "top", [("a", data), ("b/c", b"c")])
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "wrong", upto=4)
    staging.close()
    elsewhere = Path("/dev/shm") / f"burrow-{os.getpid()}-{tmp_path.name}"
    assert elsewhere.parent.stat().st_dev != tmp_path.stat().st_dev
    elsewhere.mkdir()
    try:
        with pytest.raises(BadRequest, match="leave out -o"), open(os.devnull, "wb") as sink:  # noqa: PTH123
            retarget(tmp_path / "state", sink)
        retarget(tmp_path / "state", elsewhere)
        staging = reopen(tmp_path / "state")
        assert staging.held == 4
        carry(source, staging, None)
        staging.finish()
        assert tree(elsewhere / "top") == {"a": data, "b": None, "b/c": b"c"}
        assert list((tmp_path / "wrong").iterdir()) == []
    finally:
        shutil.rmtree(elsewhere)


def test_why_a_place_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert why_not(tmp_path) is None
    assert why_not(tmp_path / "file") is None  # a name that is taken
    assert why_not(tmp_path / "new" / "deeper") is None
    assert "file is not a folder" in str(why_not(tmp_path / "file" / "x"))
    with small_disk(tmp_path / "disk", 1) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert "is read-only" in str(why_not(disk / "new"))


async def test_where_the_current_folder_cannot_be_written_that_is_said_before_anything_is_asked(
    server: Served, pair: list[Person], tmp_path: Path
) -> None:
    ann, bob = pair
    film = make(ann.folder / "film.bin", MB)
    sender = await ann.burrow("send", "film.bin", "--json", "--server", server.url)
    code = await code_of(sender)
    with small_disk(tmp_path / "disk", 1) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        screen = Screen()
        process = await asyncio.create_subprocess_exec(
            BURROW, "receive", code, "--server", server.url,
            stdin=screen.theirs, stdout=screen.theirs, stderr=screen.theirs,
            env=environment(bob.state, TERM="dumb"), cwd=disk,
        )  # fmt: skip
        try:
            await screen.until("Only a text can be received here.*is read-only; choose another place with -o")
            await screen.until("burrow: .*is read-only; choose another place with -o")
            async with asyncio.timeout(30):
                assert await process.wait() == 2
            assert "Take it?" not in screen.shown
        finally:
            screen.close()
        again = await asyncio.create_subprocess_exec(
            BURROW, "receive", code, "--server", server.url, "-o", bob.folder, "--yes",
            env=environment(bob.state), cwd=disk, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(60):
            assert await again.wait() == 0
    assert (bob.folder / "film.bin").read_bytes() == film.read_bytes()
    assert await sender.ended() == 0


@pytest.mark.parametrize("way", ["read-only", "gone"])
async def test_a_text_needs_no_folder(server: Served, pair: list[Person], tmp_path: Path, way: str) -> None:
    ann, bob = pair
    sender = await ann.burrow("send", "--text", "the door is 4711", "--json", "--server", server.url)
    code = await code_of(sender)
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "here").mkdir()
        leave = "rmdir ../here" if way == "gone" else f"mount -o remount,ro '{disk}'"
        process = await asyncio.create_subprocess_shell(
            f"cd '{disk}/here' && {leave} && exec '{BURROW}' receive '{code}' --server {server.url}",
            env=environment(bob.state), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert out == b"the door is 4711\n"
    assert b"choose another place with -o" in err
    assert await sender.ended() == 0


async def test_a_relative_place_in_a_folder_that_is_gone_is_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    process = await asyncio.create_subprocess_shell(
        f"cd '{tmp_path}/gone' && rmdir ../gone && exec '{BURROW}' receive 7-walnut-orbit -o photos",
        env=environment(tmp_path / "state"), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err == b"burrow: the current folder is gone; choose another place with -o, as a path from /\n"
