"""Small machines: 256 MB of memory, a read-only file system, a user without rights. Real programs, real limits."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.client.carry import tree, write
from tests.e2e.confined import NOBODY, bounded_memory, read_only_but
from tests.e2e.files import digest
from tests.e2e.served import Served
from tests.e2e.transfer.pair import Machine, Pair, link_of

pytestmark = pytest.mark.anyio
MB = 1_000_000
SMALL = 256  # MiB of memory for each program


def long_file(path: Path, size: int) -> Path:
    piece = os.urandom(MB)
    with path.open("wb") as file:
        for number in range(size // MB):
            file.write(number.to_bytes(8) + piece[8:])
    return path


@contextlib.asynccontextmanager
async def running(server: Served, ann: Machine, bob: Machine) -> AsyncIterator[Pair]:
    try:
        yield Pair(await server.start(), ann, bob)
    finally:
        await asyncio.gather(ann.close(), bob.close())
        await server.close()


async def test_the_limit_is_one(tmp_path: Path) -> None:
    with bounded_memory(SMALL) as words:
        greedy = await asyncio.create_subprocess_exec(*words, "python3", "-c", f"bytearray({SMALL + 50} << 20)")
        assert await greedy.wait() == -9


@pytest.mark.parametrize("way", [(), ("--relay-only",), ("--store",)], ids=["direct", "relay", "store"])
async def test_a_server_and_two_terminals_with_256_mb_each_move_300_mb(tmp_path: Path, way: tuple[str, ...]) -> None:
    with bounded_memory(SMALL) as one, bounded_memory(SMALL) as two, bounded_memory(SMALL) as three:
        server = Served(tmp_path / "data")
        server.within = one
        async with running(server, Machine(tmp_path / "ann", two), Machine(tmp_path / "bob", three)) as pair:
            film = long_file(pair.ann.folder / "film.bin", 300 * MB)
            sender = await pair.send("film.bin", *way)
            link = await link_of(sender)
            if way == ("--store",):
                assert await sender.ended(120) == 0, sender.said
            receiver = await pair.receive(link, *(way if way == ("--relay-only",) else ()))
            assert await receiver.ended(120) == 0, receiver.said
            assert await sender.ended() == 0, sender.said
            ways = {(): "tcp", ("--relay-only",): "relay", ("--store",): "store"}
            assert set(receiver.events[-1]["shares"]) == {ways[way]}
            assert digest(pair.bob.folder / "film.bin") == digest(film)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="burrow-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
async def test_nobody_serves_sends_and_receives_on_a_read_only_file_system(
    elsewhere: Path, way: tuple[str, ...]
) -> None:
    homes = [elsewhere / name for name in ("server", "ann", "bob")]
    for home in homes:
        home.mkdir()
    server = Served(homes[0] / "data")
    server.within = read_only_but(homes[0])
    ann, bob = (Machine(home, read_only_but(home)) for home in homes[1:])
    rest = {"a.bin": os.urandom(5 * MB), "deep/b": b"b"}
    write(ann.folder / "top", rest.items())
    for each in (*homes, *elsewhere.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    async with running(server, ann, bob) as pair:
        assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY
        sender = await pair.send("top", *way)
        receiver = await pair.receive(await link_of(sender), *way)
        assert await receiver.ended() == 0, receiver.said
        assert await sender.ended() == 0, sender.said
        got = {name: data for name, data in tree(bob.folder / "top").items() if data is not None}
        assert got == rest
        text = await pair.ann.burrow("send", "-", "--server", server.url, "--json", stdin=asyncio.subprocess.PIPE)
        assert isinstance(text.process, asyncio.subprocess.Process)
        assert text.process.stdin is not None
        text.process.stdin.write(b"from stdin")
        text.process.stdin.close()
        receiver = await pair.receive(await link_of(text), "-o", "stdin.txt")
        assert await receiver.ended() == 0, receiver.said
        assert await text.ended() == 0, text.said
        assert (bob.folder / "stdin.txt").read_bytes() == b"from stdin"


async def test_what_may_not_be_written_there_is_said_in_a_sentence(elsewhere: Path) -> None:
    home = elsewhere / "bob"
    bob = Machine(home, read_only_but(home))
    os.chown(home, NOBODY, NOBODY)
    try:
        refused = await bob.run("receive", "7-walnut-orbit", "-o", "/var/here", "--server", "http://127.0.0.1:1")
        assert refused.process.returncode == 2
        assert refused.said.startswith("burrow: the disk of /var is read-only; choose another place with -o")
    finally:
        await bob.close()
