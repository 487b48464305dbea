"""Terminals and pages of an earlier commit and of today understand each other, in both directions, by both ways.

The earlier client is a wheel beside this file; make_wheel.py says what is in it and how it was made.
"""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import shutil
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.cli.program import Person, Program, environment
from tests.e2e.files import digest, make
from tests.e2e.served import ROOT, Served, served

pytestmark = pytest.mark.anyio

[WHEEL] = Path(__file__).parent.glob("*.whl")
MB = 1_000_000
SIZE = 12 * MB
BURROW = "import sys; from burrowspace.cli.main import main; sys.argv[0] = 'burrow'; main()"
NOW, BEFORE = "today's", "the earlier"


class Ends:
    """One server of today, and people with programs of either time."""

    def __init__(self, home: Path, server: Served, before: Path) -> None:
        self.home, self.server, self.before = home, server, before
        self.people = {name: Person(home / name) for name in ("ann", "bob")}
        self._started: list[Program] = []

    async def terminal(self, which: str, who: str, *args: str | Path) -> Program:
        person = self.people[who]
        if which == NOW:
            return await person.burrow(*args, "--json")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BURROW, *map(str, args), "--json",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment(person.state, PYTHONPATH=str(WHEEL)), cwd=person.folder,
        )  # fmt: skip
        return self._watched(process)

    async def page(self, which: str, what: str, *args: str | Path, **how: Any) -> Program:
        script = (ROOT if which == NOW else self.before) / "tests" / "web" / "wire" / "device.mjs"
        process = await asyncio.create_subprocess_exec(
            shutil.which("node") or "node", script, what, self.server.url, json.dumps(how), *map(str, args),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=dict(os.environ),
        )  # fmt: skip
        return self._watched(process)

    def _watched(self, process: asyncio.subprocess.Process) -> Program:
        self._started.append(program := Program(process))
        return program

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in (*self.people.values(), *self._started)))


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    before = tmp_path / "before"
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(before / "src")
    (before / "tests" / "web" / "wire").mkdir(parents=True)
    shutil.move(before / "src" / "device.mjs", before / "tests" / "web" / "wire" / "device.mjs")
    async with served(tmp_path / "data") as server:
        made = Ends(tmp_path, server, before)
        try:
            yield made
        finally:
            await made.close()


async def finished(program: Program, seconds: float = 60) -> dict[str, Any]:
    with contextlib.suppress(TimeoutError):
        await program.ended(seconds)
    assert program.events, program.said
    assert program.events[-1]["event"] == "finished", (program.events[-3:], program.said)
    return program.events[-1]


def test_the_wheel_is_of_the_earlier_commit_and_small() -> None:
    assert WHEEL.stat().st_size < 500_000
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        assert b"_hear_offer" in wheel.read("burrowspace/client/receiving.py")
    assert "burrowspace/core/consent.py" not in names
    assert not [name for name in names if "/server/" in name]


def test_what_the_earlier_client_imports_is_installed() -> None:
    [earlier] = importlib.metadata.distributions(name="burrowspace", path=[str(WHEEL)])
    for line in earlier.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            assert wanted.specifier.contains(importlib.metadata.version(wanted.name)), line


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
@pytest.mark.parametrize(("sends", "takes"), [(BEFORE, NOW), (NOW, BEFORE)])
async def test_a_terminal_of_each_time_sends_to_the_other(
    ends: Ends, sends: str, takes: str, way: tuple[str, ...]
) -> None:
    film = make(ends.people["ann"].folder / "film.bin", SIZE)
    sender = await ends.terminal(sends, "ann", "send", film, "--server", ends.server.url, *way)
    code = (await sender.event("ready"))["code"]
    receiver = await ends.terminal(takes, "bob", "receive", code, "--server", ends.server.url, *way)
    got = await finished(receiver)
    sent = await finished(sender)
    assert digest(ends.people["bob"].folder / "film.bin") == digest(film)
    assert got["verified"]
    assert sent["verified"]
    assert set(got["shares"]) == ({"relay"} if way else {"tcp"})


@pytest.mark.parametrize(("sends", "takes"), [(BEFORE, NOW), (NOW, BEFORE)])
async def test_what_one_left_on_the_server_the_other_fetches(ends: Ends, sends: str, takes: str) -> None:
    film = make(ends.people["ann"].folder / "film.bin", SIZE)
    sender = await ends.terminal(sends, "ann", "send", film, "--server", ends.server.url, "--store")
    assert (await finished(sender))["resting"]
    receiver = await ends.terminal(takes, "bob", "receive", sender.events[0]["link"])
    assert (await finished(receiver))["verified"]
    assert digest(ends.people["bob"].folder / "film.bin") == digest(film)


@pytest.mark.parametrize(("terminal", "page"), [(BEFORE, NOW), (NOW, BEFORE)])
async def test_a_terminal_sends_to_a_page_of_the_other_time(ends: Ends, terminal: str, page: str) -> None:
    film = make(ends.people["ann"].folder / "film.bin", SIZE)
    sender = await ends.terminal(terminal, "ann", "send", film, "--server", ends.server.url)
    into = ends.people["bob"].folder
    receiver = await ends.page(page, "receive", (await sender.event("ready"))["link"], into)
    await receiver.event("finished")
    await finished(sender)
    assert digest(into / "film.bin") == digest(film)


@pytest.mark.parametrize(("terminal", "page"), [(BEFORE, NOW), (NOW, BEFORE)])
async def test_a_page_sends_to_a_terminal_of_the_other_time(ends: Ends, terminal: str, page: str) -> None:
    film = make(ends.people["ann"].folder / "film.bin", SIZE)
    sender = await ends.page(page, "send", film)
    receiver = await ends.terminal(terminal, "bob", "receive", (await sender.event("ready"))["link"])
    assert (await finished(receiver))["verified"]
    await sender.event("finished")
    assert digest(ends.people["bob"].folder / "film.bin") == digest(film)


def some(folder: Path) -> Path:
    top = folder / "top"
    top.mkdir()
    for name in "abc":
        make(top / name, 2 * MB)
    return top


async def failed(program: Program) -> tuple[int, dict[str, Any]]:
    code = await program.ended()
    assert program.events[-1]["event"] == "error", (program.events[-3:], program.said)
    return code, program.events[-1]


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
@pytest.mark.parametrize(("sends", "takes"), [(BEFORE, NOW), (NOW, BEFORE)])
async def test_a_file_that_vanishes_ends_it_with_a_sentence_where_one_end_is_older(
    ends: Ends, sends: str, takes: str, way: tuple[str, ...]
) -> None:
    top = some(ends.people["ann"].folder)
    sender = await ends.terminal(sends, "ann", "send", top, "--server", ends.server.url, *way)
    link = (await sender.event("ready"))["link"]
    (top / "b").unlink()
    receiver = await ends.terminal(takes, "bob", "receive", link, *way)
    code, error = await failed(sender)
    assert (code, error["code"]) == (1, "changed")
    assert error["error"].startswith("top/b ")
    code, error = await failed(receiver)
    assert (code, error["code"]) == (3, "cancelled")
    assert "top/b " in error["error"]
    assert not list(ends.people["bob"].folder.iterdir())


async def test_an_earlier_client_keeps_nothing_of_what_was_left_on_the_server_without_a_file(ends: Ends) -> None:
    top = some(ends.people["ann"].folder)
    sender = await ends.terminal(
        NOW, "ann", "send", top, "--server", ends.server.url, "--store", "--limit-rate", "1M"
    )  # fmt: skip
    link = (await sender.event("ready"))["link"]
    (top / "c").unlink()
    assert (await finished(sender))["incomplete"]
    receiver = await ends.terminal(BEFORE, "bob", "receive", link)
    code, error = await failed(receiver)
    assert (code, error["code"]) == (5, "mismatch")
    assert error["error"].startswith("top/c: ")
    assert not (ends.people["bob"].folder / "top").exists()


async def test_an_earlier_page_hears_which_file_vanished(ends: Ends) -> None:
    """It knows no marks, so the transfer ends for it; a cancel names the file."""
    top = some(ends.people["ann"].folder)
    sender = await ends.terminal(NOW, "ann", "send", top, "--server", ends.server.url)
    link = (await sender.event("ready"))["link"]
    (top / "b").unlink()
    receiver = await ends.page(BEFORE, "receive", link, ends.people["bob"].folder)
    code, error = await failed(sender)
    assert (code, error["code"]) == (1, "changed")
    error = await receiver.event("error")
    assert error["code"] == "cancelled"
    assert "top/b disappeared while it was being sent" in error["sentence"]


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "page"])
async def test_an_earlier_receiver_hears_which_file_a_page_cannot_read_any_more(ends: Ends, terminal: bool) -> None:
    top, into = some(ends.people["ann"].folder), ends.people["bob"].folder
    sender = await ends.page(NOW, "send", *sorted(top.iterdir()))
    link = (await sender.event("ready"))["link"]
    make(top / "b", MB)
    if terminal:
        receiver = await ends.terminal(BEFORE, "bob", "receive", link)
        _, error = await failed(receiver)
        said = error["error"]
    else:
        receiver = await ends.page(BEFORE, "receive", link, into)
        error = await receiver.event("error")
        said = error["sentence"]
    assert error["code"] == "cancelled"
    assert "b changed, or can no longer be read; an older version receives it, so send it again" in said
    error = await sender.event("error")
    assert (error["code"], error["sentence"].split(",")[0]) == ("changed", "b changed")
    if terminal:
        assert not list(into.iterdir())
