"""What is Windows' own: names that it keeps for itself, its consoles, its folders, and what is open and cannot go."""

import subprocess
import sys
from pathlib import Path

import pytest

from burrowspace.core.names import safe_name
from burrowspace.system.long_paths import prefixed
from tests.cli.program import people
from tests.e2e.served import served
from tests.systems.as_on import LINUX, as_on, under

pytestmark = pytest.mark.anyio

TAKEN = [
    "CON",
    "nul.txt",
    "com1.tar.gz",
    "ends with a dot.",
    "ends with a space ",
    "a:b",
    'what "is" this?',
    "lpt¹",
    "CONIN$",
    "conout$.txt",
]


@pytest.mark.skipif(not LINUX, reason="Windows itself cannot make files of these names, which are then sent")
async def test_names_that_windows_does_not_take_arrive_under_others(tmp_path: Path) -> None:
    async with served(tmp_path / "data") as server, people(tmp_path, "ann", "bob") as (ann, bob):
        bob.within = under("win32")
        for number, name in enumerate(TAKEN):
            (ann.folder / "odd").mkdir(exist_ok=True)
            (ann.folder / "odd" / name).write_bytes(b"%d" % number)
        sender = await ann.burrow("send", "odd", "--server", server.url, "--json")
        receiver = await bob.run("receive", (await sender.event("ready"))["link"], "--json")
        assert receiver.process.returncode == 0, receiver.said
        assert await sender.ended() == 0
        got = {path.name: path.read_bytes() for path in (bob.folder / "odd").iterdir()}
        assert got == {safe_name(name): b"%d" % number for number, name in enumerate(TAKEN)}


async def test_a_console_without_a_character_shows_another_and_nothing_fails(tmp_path: Path) -> None:
    async with (
        served(tmp_path / "data", under=(*under("win32"), *(("PYTHONIOENCODING=cp1252",) if LINUX else ()))) as server,
        people(tmp_path, "ann", "bob") as (ann, bob),
    ):
        ann.within = bob.within = under("win32")
        (ann.folder / "Ferien «日本» ✓.txt").write_bytes(b"\n")
        sender = await ann.burrow("send", "Ferien «日本» ✓.txt", "--server", server.url, PYTHONIOENCODING="cp1252")
        line = await sender.until(lambda p: next((x for x in p.said.splitlines() if "burrow receive" in x), None))
        code = line.split()[line.split().index("receive") + 1]
        receiver = await bob.run("receive", code, "--server", server.url, PYTHONIOENCODING="cp1252")
        assert (receiver.process.returncode, await sender.ended()) == (0, 0), receiver.said + sender.said
        assert (bob.folder / "Ferien «日本» ✓.txt").read_bytes() == b"\n"
        assert "UnicodeEncodeError" not in sender.said + receiver.said


@pytest.mark.skipif(not LINUX, reason="a real Windows asks its registry and not the environment")
def test_what_a_person_keeps_lies_where_windows_keeps_it() -> None:
    ask = "from burrowspace.system.folders import config_home, state_home; print(state_home({}), config_home({}))"
    kept = {name: value for name, value in as_on("win32").items() if not name.startswith("XDG_")}
    env = kept | {"LOCALAPPDATA": "/local", "APPDATA": "/roaming"}
    done = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.replace("\\", "/").split() == ["/local/burrow", "/roaming/burrow"]


@pytest.mark.parametrize("way", ["direct", "store"])
async def test_paths_of_more_than_260_characters_are_sent_and_received(tmp_path: Path, way: str) -> None:
    async with (
        served(tmp_path / "data", under=under("win32")) as server,
        people(tmp_path, "ann", "bob") as (ann, bob),
    ):
        ann.within = bob.within = under("win32")
        deep = Path("top", *(f"{number} {'long' * 12}" for number in range(10)))
        kept = {deep / "a.bin": b"a" * 700_000, deep / "b" / "c.txt": b"c\n", Path("top", "near.txt"): b"n"}
        assert len(str(ann.folder / deep)) > 500
        for name, data in kept.items():
            place = Path(prefixed(str(ann.folder / name))) if not LINUX else ann.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        how = ("--store",) if way == "store" else ()
        sender = await ann.burrow("send", "top", "--server", server.url, "--json", *how)
        link = (await sender.event("ready"))["link"]
        if how:
            assert await sender.ended() == 0, sender.said
        receiver = await bob.run("receive", link, "--json")
        assert receiver.process.returncode == 0, receiver.said
        assert await sender.ended() == 0, sender.said
        assert receiver.events[-1]["left_out"] == []
        for name, data in kept.items():
            place = Path(prefixed(str(bob.folder / name))) if not LINUX else bob.folder / name
            assert place.read_bytes() == data
        assert [each.name for each in bob.folder.iterdir()] == ["top"]


@pytest.mark.skipif(not LINUX, reason="what is taken away is taken away here")
def test_the_stand_in_refuses_a_long_path_without_the_prefix(tmp_path: Path) -> None:
    name = tmp_path / ("n" * 200) / ("m" * 100)
    ask = (
        "import os, sys; from burrowspace.system import long_paths\n"
        "for path in (sys.argv[1], long_paths.reaching(sys.argv[1])):\n"
        "    print(os.path.exists(path))\n"
    )
    name.parent.mkdir()
    name.write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", ask, str(name)], env=as_on("win32"), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
