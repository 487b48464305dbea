"""Standard streams that are closed, pipes with a name, files that the kernel makes, names with a dash, no colours:
fresh processes, as a shell starts them."""

import asyncio
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import BURROW, Person, Program, Screen, environment
from tests.e2e.served import Served

pytestmark = pytest.mark.anyio


def shell(person: Person, line: str) -> "subprocess.CompletedProcess[bytes]":
    """A line of bash to its end; `burrow` in it is this program."""
    words, env = ["bash", "-c", _meant(line)], environment(person.state)
    return subprocess.run(words, env=env, cwd=person.folder, capture_output=True, timeout=60, check=False)


def _meant(line: str) -> str:
    return re.sub(r"(?<![\w/])burrow (?=\w)", lambda _: f"{shlex.quote(BURROW)} ", line)


async def begun(person: Person, line: str) -> Program:
    """A line of bash that sends with --json."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", _meant(line),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(person.state), cwd=person.folder,
    )  # fmt: skip
    program = Program(process)
    person.watch(program)
    return program


async def link_of(program: Program) -> str:
    return str((await program.event("ready"))["link"])


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_a_closed_stream_keeps_nobody_from_receiving(server: Served, pair: list[Person], closed: str) -> None:
    ann, bob = pair
    (ann.folder / "a.bin").write_bytes(b"whole" * 100_000)
    sender = await ann.burrow("send", "a.bin", "--json", "--server", server.url)
    ended = await asyncio.to_thread(shell, bob, f"burrow receive '{await link_of(sender)}' {closed}")
    assert ended.returncode == 0, ended.stderr
    assert (bob.folder / "a.bin").read_bytes() == b"whole" * 100_000
    assert await sender.ended() == 0
    assert [each.name for each in bob.folder.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
async def test_a_closed_stream_keeps_nobody_from_sending(server: Served, pair: list[Person], closed: str) -> None:
    ann, bob = pair
    (ann.folder / "a.bin").write_bytes(b"whole")
    sender = await begun(ann, f"burrow send a.bin --json --server {server.url} {closed}")
    receiver = await bob.run("receive", await link_of(sender))
    assert receiver.process.returncode == 0, receiver.said
    assert await sender.ended() == 0
    assert (bob.folder / "a.bin").read_bytes() == b"whole"


async def test_what_needs_a_closed_stream_says_so_and_does_nothing(pair: list[Person]) -> None:
    ann, _ = pair
    sending = await asyncio.to_thread(shell, ann, "burrow send - --own-server <&-")
    assert (sending.returncode, b"stdin is closed" in sending.stderr) == (2, True), sending.stderr
    receiving = await asyncio.to_thread(shell, ann, "burrow receive 'http://127.0.0.1:9/r#x' -o - >&-")
    assert (receiving.returncode, b"stdout is closed" in receiving.stderr) == (2, True), receiving.stderr
    for words in ("--help", "history", "devices --json", "receive -"):
        ended = await asyncio.to_thread(shell, ann, f"burrow {words} <&- >&-")
        assert b"Traceback" not in ended.stderr, ended.stderr
        assert b"should not happen" not in ended.stderr, ended.stderr


@pytest.mark.parametrize(
    "line",
    [
        "printf 'from a pipe' | burrow send /dev/stdin {}",
        "burrow send <(printf 'from a pipe') {}",
        "mkfifo fifo; printf 'from a pipe' > fifo & burrow send fifo {}",
    ],
)
async def test_a_pipe_with_a_name_is_sent_like_stdin(server: Served, pair: list[Person], line: str) -> None:
    ann, bob = pair
    sender = await begun(ann, line.format(f"--json --stdin-name said.txt --server {server.url}"))
    receiver = await bob.run("receive", await link_of(sender))
    assert receiver.process.returncode == 0, receiver.said
    assert (bob.folder / "said.txt").read_bytes() == b"from a pipe"
    assert await sender.ended() == 0


async def test_a_file_on_stdin_keeps_its_name(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    (ann.folder / "notes.txt").write_bytes(b"notes")
    sender = await begun(ann, f"burrow send /dev/stdin --json --server {server.url} < notes.txt")
    assert (await bob.run("receive", await link_of(sender))).process.returncode == 0
    assert (bob.folder / "notes.txt").read_bytes() == b"notes"


async def test_a_file_of_proc_arrives_whole(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    sender = await ann.burrow("send", "/proc/version", "/proc/sys/kernel", "--json", "--server", server.url)
    receiver = await bob.run("receive", await link_of(sender))
    assert receiver.process.returncode == 0, receiver.said
    assert (bob.folder / "version").read_bytes() == Path("/proc/version").read_bytes() != b""
    assert (bob.folder / "kernel" / "ostype").read_bytes() == b"Linux\n"
    assert await sender.ended() == 0


@pytest.mark.parametrize("name", ["-x.txt", "-t.txt", "--x.txt"])
async def test_who_names_a_file_with_a_dash_is_told_how(pair: list[Person], name: str) -> None:
    ann, _ = pair
    (ann.folder / name).write_bytes(b"x")
    ended = await ann.run("send", name)
    assert ended.process.returncode == 2
    assert f"If you mean the file {name}, write ./{name}" in ended.said.replace("\n", " ")


async def test_no_color_means_no_bold_and_no_dim(server: Served, pair: list[Person]) -> None:
    ann, _ = pair
    (ann.folder / "a.bin").write_bytes(b"whole")

    async def raw(**more: str) -> str:
        screen = Screen()
        process = await asyncio.create_subprocess_exec(
            BURROW, "send", "a.bin", "--server", server.url, stdin=screen.theirs, stdout=screen.theirs,
            stderr=screen.theirs, env=environment(ann.state, TERM="xterm-256color", **more), cwd=ann.folder,
        )  # fmt: skip
        said = ""
        asyncio.get_running_loop().remove_reader(screen._ours)
        while "receive 'http" not in re.sub(r"\x1b\[[0-9;?]*m", "", said):
            said += (await asyncio.to_thread(os.read, screen._ours, 1 << 16)).decode(errors="replace")
        process.kill()
        await process.wait()
        os.close(screen._ours)
        os.close(screen.theirs)
        return said

    assert re.search(r"\x1b\[[0-9;]*m", await raw())
    assert not re.search(r"\x1b\[[0-9;]*m", await raw(NO_COLOR="1"))
