"""What a command has loaded when it first speaks to the server. No clock: a machine may be busy, a list cannot be.

A one-byte transfer is two starts of Python and little else. When a test here fails, something is loaded too early: load
it where it is used, and say why there.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Person, environment
from tests.e2e.served import Served

pytestmark = pytest.mark.anyio

# Of other people: Click reads the command line, msgspec the journals, and with cryptography and blake3 come the keys.
PACKAGES = {"click", "msgspec", "blake3", "cryptography", "_cffi_backend", "_openssl", "typing_extensions"}
# Parts of the standard library that cost as much: another HTTP, mail, databases, test and build tools.
HEAVY = {
    "http",
    "email",
    "urllib.request",
    "tempfile",
    "tomllib",
    "sqlite3",
    "multiprocessing",
    "xml",
    "unittest",
    "pdb",
}
SENDER = {
    f"burrowspace.{name}"
    for name in (
        "cli.send",
        "client.session.sender",
        "client.session.outgoing",
        "client.session.remote_receiver",
        "client.files.source",
    )
}
RECEIVER = {
    f"burrowspace.{name}"
    for name in (
        "cli.receive",
        "client.session.incoming",
        "client.session.receiver",
        "client.session.routes",
        "client.session.opener",
    )
}
# Only for some transfers: by code, with paired devices, by WebRTC, with what was left on a server, as one's own server.
RARE = {
    f"burrowspace.{name}"
    for name in (
        "client.rendezvous.meeting",
        "client.rendezvous.hosting",
        "client.state.devices",
        "client.rendezvous.pairing",
        "client.state.shelf",
        "client.session.take_back",
        "client.relay.relay_stream",
        "client.links.webrtc_datachannel",
        "client.links.webrtc_aiortc",
        "doctor",
        "config",
        "server",
    )
}

HOOK = """
import atexit, json, sys
from pathlib import Path

port, told, words = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
found = {}

def hears(event, args):
    if event == "socket.connect" and "first" not in found and args[1][1] == port:
        found["first"] = sorted(sys.modules)
        tcp_has_time()

# WebRTC is begun where TCP does not answer within a blink (core/paths.py, tested there). A busy machine blinks slowly.
def tcp_has_time():
    from dataclasses import replace
    from burrowspace.core.paths import PATHS, Path
    PATHS[Path.WEBRTC] = replace(PATHS[Path.WEBRTC], after=60.0)

def ends():
    found["end"] = sorted(sys.modules)
    told.write_text(json.dumps(found))

atexit.register(ends)
sys.addaudithook(hears)
sys.argv = ["burrow", *words]
from burrowspace.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What an interpreter of this environment loads by itself."""
    code = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


class Loaded:
    """The modules of one run: at its first call to the server, and at its end."""

    def __init__(self, told: Path, bare: set[str]) -> None:
        found = json.loads(told.read_text())
        self.first, self.end = set(found["first"]) - bare, set(found["end"]) - bare


def foreign(modules: set[str]) -> set[str]:
    """The packages among them that are neither ours nor Python's."""
    tops = {name.partition(".")[0] for name in modules}
    return tops - sys.stdlib_module_names - {"burrowspace"}


def of(modules: set[str], names: set[str]) -> set[str]:
    """Those of these names, and what is in them."""
    return {each for each in modules for name in names if each == name or each.startswith(f"{name}.")}


async def start(person: Person, server: Served, told: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HOOK, str(server.port), str(told), *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        cwd=person.folder,
        env=environment(person.state),
    )


async def one_byte(server: Served, pair: list[Person], bare: set[str], *how: str) -> tuple[Loaded, Loaded]:
    ann, bob = pair
    (ann.folder / "one").write_bytes(b"1")
    told = ann.folder / "told", bob.folder / "told"
    sender = await start(ann, server, told[0], "send", "one", "--server", server.url, "--quiet", *how)
    try:
        assert sender.stdout is not None
        word = (await sender.stdout.readline()).decode().strip()
        receiver = await start(bob, server, told[1], "receive", word, "--server", server.url, "--yes")
        async with asyncio.timeout(60):
            assert (await receiver.wait(), await sender.wait()) == (0, 0)
    finally:
        if sender.returncode is None:
            sender.kill()
            await sender.wait()
    assert (bob.folder / "one").read_bytes() == b"1"
    return Loaded(told[0], bare), Loaded(told[1], bare)


async def test_by_a_link_each_end_loads_what_it_needs(server: Served, pair: list[Person], bare: set[str]) -> None:
    sender, receiver = await one_byte(server, pair, bare, "--no-code")
    for end, other in ((sender, RECEIVER), (receiver, SENDER)):
        assert foreign(end.first) - PACKAGES == set()
        assert of(end.first, HEAVY | RARE | other) == set()
        assert foreign(end.end) - PACKAGES == set()  # to its end: no rich, no SPAKE2, no NaCl, no WebRTC
        assert of(end.end, other) == set()


async def test_by_a_code_spake2_is_loaded_once_the_two_ends_meet(
    server: Served, pair: list[Person], bare: set[str]
) -> None:
    sender, receiver = await one_byte(server, pair, bare)
    for end, other in ((sender, RECEIVER), (receiver, SENDER)):
        assert foreign(end.first) - PACKAGES == set()
        assert of(end.first, HEAVY | other) == set()
        assert foreign(end.end) - PACKAGES == {"spake2"}


def loads(tmp_path: Path, bare: set[str], *words: str) -> set[str]:
    told = tmp_path / "told"
    done = subprocess.run(
        [sys.executable, "-c", HOOK, "0", str(told), *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(told.read_text())["end"]) - bare


def test_the_help_page_loads_no_command(tmp_path: Path, bare: set[str]) -> None:
    found = loads(tmp_path, bare, "--help")
    assert foreign(found) == {"click"}
    assert of(found, SENDER | RECEIVER | RARE | HEAVY) == set()


def test_the_help_of_a_command_loads_that_command_alone(tmp_path: Path, bare: set[str]) -> None:
    found = of(loads(tmp_path, bare, "send", "--help"), {"burrowspace.cli"})
    others = {"resume", "take_back", "pair", "devices", "servers", "history", "doctor", "serve", "receive"}
    assert "burrowspace.cli.send" in found
    assert found & {f"burrowspace.cli.{name}" for name in others} == set()


def test_the_help_of_serve_loads_the_settings_and_no_server(tmp_path: Path, bare: set[str]) -> None:
    found = loads(tmp_path, bare, "serve", "--help")
    assert "burrowspace.config" in found
    assert of(found, {"burrowspace.server", "burrowspace.client", "sqlalchemy", "fastapi", "uvicorn"}) == set()
