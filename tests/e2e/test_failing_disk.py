"""A disk that fails under a server of its own process: errors are clear, others go on, the space comes back.

`fiu-run` (Debian fiu-utils) makes the system call itself fail, SQLite's too; the full disk is a small tmpfs.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.big import PATCH, TUS, Film, Line, Watcher, create, standing
from tests.e2e.served import Api, MiB, Served, calling, served
from tests.machine import small_disk

pytestmark = pytest.mark.anyio

FIU = shutil.which("fiu-run") or "fiu-run", shutil.which("fiu-ctrl") or "fiu-ctrl"  # scripts/test_parts.sh


def put(port: int, key: str, film: Film) -> int:
    """The status of the answer."""
    with Line(port) as line:
        line.ask("PUT", f"/upload/{key}", Content_Length=film.size)
        with contextlib.suppress(ConnectionError):
            line.send(film, 0, film.size)
        return line.answer()[0]


async def fetched(server: Served, key: str, film: Film) -> bool:
    return await asyncio.to_thread(Watcher(server.port, key, film, [], follow=False).watch) == film.digest()


async def test_a_failing_fsync_is_an_answer_and_harms_no_other_transfer(tmp_path: Path):
    film, other = Film(8 * MiB, seed=3), Film(4 * MiB, seed=4)
    async with served(tmp_path / "data", under=(FIU[0], "-x", "-f", str(tmp_path / "fiu"))) as server:
        server.excused = ("a bulk request failed", "space could not")
        async with calling(server) as api:
            good, bad, late = await api.transfer(), await api.transfer(), await api.transfer()
            assert await asyncio.to_thread(put, server.port, good, other) == 200
            create(server.port, bad, film.size)
            with Line(server.port) as line:
                line.ask("PATCH", f"/upload/{bad}", **PATCH, Upload_Offset=0, Content_Length=film.size)
                line.send(film, 0, film.size // 2)
                await taken(tmp_path / "data", bad, film.size // 2)
                await fails(server, "enable name=posix/io/sync/fsync,onetime")
                line.send(film, film.size // 2, film.size)
                status, _ = await asyncio.to_thread(line.answer)
                said = b"".join(bytes(piece) for piece in line.body(int(_["content-length"])))
            assert status == 500, said
            assert b"damaged" in said
            assert (await api.get(f"/transfer-status/{bad}"))["status"] == "transferring"
            with Line(server.port) as line:
                line.ask("HEAD", f"/upload/{bad}", **TUS)
                assert line.answer()[0] == 404  # nothing of it is pretended to be here
            assert not list((tmp_path / "data").rglob(bad))
            assert await fetched(server, good, other)
            assert await asyncio.to_thread(put, server.port, late, other) == 200
            assert await asyncio.to_thread(put, server.port, bad, film) == 200  # from its start, and now it is fine
            assert await fetched(server, bad, film)


async def taken(data: Path, key: str, size: int) -> None:
    """Waits until so much of the upload lies on the disk."""
    async with asyncio.timeout(10):
        while not any(path.stat().st_size >= size for path in data.rglob(key)):
            await asyncio.sleep(0.01)


async def fails(server: Served, how: str) -> None:
    process = await asyncio.create_subprocess_exec(
        FIU[1], "-f", str(server.data.parent / "fiu"), "-c", how, str(server.pid)
    )
    assert await process.wait() == 0


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB."""
    with small_disk(tmp_path / "tiny", 64) as place:
        yield place


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
async def test_a_disk_that_fills_stops_one_upload_and_a_cancelled_one_gives_its_space_back(tiny: Path):
    small, large = Film(16 * MiB, seed=5), Film(30 * MiB, seed=6)
    async with served(tiny) as server, calling(server) as api:
        rests, grows, waits = await api.transfer(), await api.transfer(), await api.transfer()
        assert await asyncio.to_thread(put, server.port, rests, small) == 200
        create(server.port, grows, large.size)
        free = shutil.disk_usage(tiny).free
        following = asyncio.create_task(
            asyncio.to_thread(Watcher(server.port, rests, small, [MiB, 5 * MiB], follow=False).watch)
        )
        with Line(server.port) as line:
            line.ask("PUT", f"/upload/{waits}", Content_Length=free + 1)
            status, headers = line.answer()
            said = b"".join(bytes(piece) for piece in line.body(int(headers["content-length"])))
        assert status == 507  # before its body: it can never fit
        assert b"room" in said
        stranger = tiny / "stranger"
        with Line(server.port) as line:
            line.ask("PATCH", f"/upload/{grows}", **PATCH, Upload_Offset=0, Content_Length=large.size)
            line.send(large, 0, 8 * MiB)
            await taken(tiny, grows, 8 * MiB)
            left = shutil.disk_usage(tiny).free
            await asyncio.to_thread(stranger.write_bytes, bytes(left - 2 * MiB))  # somebody else takes the room away
            with contextlib.suppress(ConnectionError):
                await asyncio.to_thread(line.send, large, 8 * MiB, large.size)
            assert line.answer()[0] == 507
        held = standing(server.port, grows)
        assert 4 * MiB < held < large.size
        assert await following == small.digest()
        stranger.unlink()
        await finished(server, grows, large, held)
        assert await fetched(server, grows, large)
        await cancelled(api, tiny, [rests, grows, waits], free)


async def finished(server: Served, key: str, film: Film, at: int) -> None:
    """What did not fit goes on where it stood."""
    with Line(server.port) as line:
        line.ask("PATCH", f"/upload/{key}", **PATCH, Upload_Offset=at, Content_Length=film.size - at)
        await asyncio.to_thread(line.send, film, at, film.size)
        assert line.answer()[0] == 204


async def cancelled(api: Api, disk: Path, keys: list[str], free: int) -> None:
    for key in keys:
        await api.post(f"/cancel-transfer/{key}")
    async with asyncio.timeout(10):
        while shutil.disk_usage(disk).free < free:
            await asyncio.sleep(0.05)
