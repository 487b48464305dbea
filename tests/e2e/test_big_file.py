"""A file larger than any memory goes up, down and through, over a line that breaks twenty times each way.

`make proof` moves 20 GiB (BURROW_PROOF_FILE_GIB); the suite a small one. The server's disk holds the file once.
"""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.big import PATCH, Film, Line, Watcher, create, gib, standing
from tests.e2e.files import Meter
from tests.e2e.served import Api, GiB, MiB, calling, served

pytestmark = pytest.mark.anyio

BREAKS = 20
GROWTH = 32 * MiB  # of the server's memory, however large the file
LARGE = gib("FILE_GIB", 20)
PROOF = pytest.param(LARGE, id="large", marks=[pytest.mark.proof, pytest.mark.timeout(3600)])


def cuts(size: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(1, size) for _ in range(BREAKS)]


def send_by_tus(port: int, key: str, film: Film, breaks: list[int]) -> int:
    """Uploads over a line that is reset when so much was sent; how often it went on."""
    at, resumed = standing(port, key), 0
    for cut in [*sorted(breaks), film.size]:
        if cut <= at:
            continue
        with Line(port) as line:
            line.ask("PATCH", f"/upload/{key}", **PATCH, Upload_Offset=at, Content_Length=film.size - at)
            line.send(film, at, cut)
            if cut == film.size:
                assert line.answer()[0] == 204
                return resumed
            line.cut()
        held = standing(port, key)
        assert at <= held <= cut
        at, resumed = held, resumed + 1
    raise AssertionError("the upload never came to its end")


def put(port: int, key: str, film: Film, policy: str) -> None:
    with Line(port) as line:
        line.ask("PUT", f"/upload/{key}", Content_Length=film.size, Burrow_Policy=policy)
        line.send(film, 0, film.size)
        assert line.answer()[0] == 200


async def disk_of(data: Path) -> int:
    def used() -> int:
        blocks = 0
        for path in data.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # renamed or dropped meanwhile
                blocks += path.stat().st_blocks if path.is_file() else 0
        return blocks * 512

    return await asyncio.to_thread(used)


async def in_thread(work: Callable[..., Any], *args: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(asyncio.to_thread(work, *args))


@pytest.mark.parametrize("size", [96 * MiB, PROOF])
async def test_a_large_file_goes_up_and_down_and_is_resumed_twenty_times(tmp_path: Path, size: int):
    free = shutil.disk_usage(tmp_path).free
    assert free > size + GiB, f"this proof needs {size + GiB} bytes of free disk, and {free} are there"
    film = Film(size)
    async with served(tmp_path) as server, calling(server) as api:
        key = await api.transfer()
        create(server.port, key, size)
        with Meter(server, "up by tus and followed, 20 breaks each", size) as meter:
            follower = Watcher(server.port, key, film, cuts(size, 1), follow=True)
            following = await in_thread(follower.watch)
            resumed = await asyncio.to_thread(send_by_tus, server.port, key, film, cuts(size, 2))
            followed = await following
        assert followed == film.digest()
        assert resumed > BREAKS // 2
        assert follower.lines > BREAKS // 2
        assert meter.growth < GROWTH
        with Meter(server, "down, 20 breaks", size) as meter:
            watcher = Watcher(server.port, key, film, cuts(size, 3), follow=False)
            assert await asyncio.to_thread(watcher.watch) == film.digest()
        assert meter.growth < GROWTH
        await gone(api, tmp_path, key)


async def gone(api: Api, data: Path, key: str) -> None:
    """Called off, and the disk has its space back."""
    await api.post(f"/cancel-transfer/{key}")
    async with asyncio.timeout(60):
        while await disk_of(data) > 16 * MiB:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("policy", ["live", "live-then-rest"])
@pytest.mark.parametrize("size", [96 * MiB, PROOF])
async def test_a_large_file_goes_through_live_and_where_it_may_rest_its_reader_loses_its_line_twenty_times(
    tmp_path: Path, size: int, policy: str
):
    film, most = Film(size, seed=2), 0
    breaks = cuts(size, 4) if policy == "live-then-rest" else []
    async with served(tmp_path, live_window_bytes=16 * MiB) as server, calling(server) as api:
        key = await api.transfer()
        with Meter(server, f"{policy}, its reader's line breaks {len(breaks)} times", size) as meter:
            watcher = Watcher(server.port, key, film, breaks, follow=True)
            watching = await in_thread(watcher.watch)
            sending = await in_thread(put, server.port, key, film, policy)
            while not sending.done() and not watching.done():
                most = max(most, await disk_of(tmp_path))
                await asyncio.wait([sending, watching], timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
            await sending
            assert await watching == film.digest()
        assert watcher.lines > len(breaks) // 2
        assert meter.growth < GROWTH
        if policy == "live":
            assert most < 128 * MiB  # the window, and what sockets hold
        await gone(api, tmp_path, key)
