"""Connections that say nothing, or half of it, or a byte a second: they are closed in time, and the server serves on.

`make proof` measures a normal transfer beside 500 of them (BURROW_PROOF_SLOW); the suite counts that they are closed.
"""

import asyncio
import contextlib
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import aiohttp
import pytest

from burrowspace.socketio import front
from tests.app import running
from tests.e2e.big import Film, Line, Watcher, asked_for, gib
from tests.e2e.served import MiB, Served, calling, served

pytestmark = pytest.mark.anyio

KINDS = ("silent", "half-head", "half-body", "trickle")


class Attack:
    """So many connections, of all kinds in turn; one that is closed is replaced where `again` is set."""

    def __init__(self, port: int, keys: list[str], count: int, *, again: bool) -> None:
        self.port, self.keys, self.count, self.again = port, keys, count, again
        self.open = 0
        self.closed: Counter[str] = Counter()

    async def __aenter__(self) -> "Attack":
        self._tasks = [asyncio.create_task(self._one(number)) for number in range(self.count)]
        async with asyncio.timeout(30):
            while self.open < self.count and not self.closed:
                await asyncio.sleep(0.05)
        return self

    async def stands(self) -> None:
        """Waits until the server has taken in all of them: what is measured is what they cost while they are there."""
        async with asyncio.timeout(60), aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as http:
            for key in self.keys[2::4] + self.keys[3::4]:
                while True:
                    async with http.get(f"/transfer-status/{key}") as answer:
                        if (await answer.json())["status"] == "transferring":
                            break
                    await asyncio.sleep(0.05)

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, number: int) -> None:
        kind, key = KINDS[number % 4], self.keys[number]
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.open += 1
            try:
                await self._be(kind, key, reader, writer)
            except ConnectionError:
                pass
            finally:
                self.open -= 1
                writer.transport.abort()
            self.closed[kind] += 1
            if not self.again:
                return

    async def _be(self, kind: str, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Behaves badly until the server closes."""
        head = f"PUT /upload/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n".encode()
        if kind == "half-head":
            writer.write(head)
        elif kind != "silent":
            writer.write(head + b"\r\n" + bytes(100_000))
        ended = asyncio.create_task(self._end(reader))
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=1)
                if kind == "trickle":
                    writer.write(b"x")
        finally:
            ended.cancel()

    async def _end(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass


def _besiege(port: int, keys: list[str]) -> None:
    async def attack() -> None:
        async with Attack(port, keys, len(keys), again=True):
            await asyncio.Event().wait()

    asyncio.run(attack())


@contextlib.asynccontextmanager
async def besieged(port: int, keys: list[str]) -> AsyncIterator[None]:
    """Under attack from a process of its own, which takes nothing from the one that measures but its share of the
    machine; the server has taken in every connection."""
    process = multiprocessing.get_context("spawn").Process(target=_besiege, args=(port, keys))
    process.start()
    try:
        await Attack(port, keys, len(keys), again=True).stands()
        yield
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def put(port: int, key: str, film: Film) -> float:
    """MB/s of a normal upload."""
    began = time.perf_counter()
    with Line(port) as line:
        line.ask("PUT", f"/upload/{key}", Content_Length=film.size)
        line.send(film, 0, film.size)
        assert line.answer()[0] == 200
    return film.size / 1e6 / (time.perf_counter() - began)


def get(port: int, key: str, film: Film) -> float:
    """MB/s of a normal download, its bytes compared."""
    began = time.perf_counter()
    digest = Watcher(port, key, film, [], follow=False).watch()
    took = time.perf_counter() - began
    assert digest == film.digest()
    return film.size / 1e6 / took


async def test_slow_connections_are_closed_in_time_and_the_server_serves_meanwhile(tmp_path: Path, monkeypatch):
    count, film = 40, Film(8 * MiB)
    monkeypatch.setattr(front, "HEAD_SECONDS", 1.0)
    async with running(tmp_path, stall_s=1, min_bytes_per_s=100) as server:
        port, keys = server.app.reach.port, [await server.transfer() for _ in range(count)]
        async with Attack(port, keys, count, again=False) as attack:
            key = await server.transfer()
            assert await asyncio.to_thread(put, port, key, film)
            assert await asyncio.to_thread(get, port, key, film)
            assert attack.open
            async with asyncio.timeout(10):
                while attack.closed.total() < count:
                    await asyncio.sleep(0.1)
        assert attack.closed == dict.fromkeys(KINDS, count // 4)
        assert await asyncio.to_thread(get, port, key, film)


@pytest.mark.proof
@pytest.mark.timeout(900)
async def test_an_attack_by_slow_clients_leaves_four_fifths_of_a_transfers_speed(tmp_path: Path):
    count, film, draw = int(asked_for("SLOW", 500)), Film(gib("SLOW_GIB", 1), seed=7), random.Random(7)
    quiet: dict[str, list[float]] = {"up": [], "down": []}
    loud: dict[str, list[float]] = {"up": [], "down": []}
    film.digest()
    async with served(tmp_path) as server, calling(server) as api:
        await measured(server, await api.transfer(), film, {"up": [], "down": []})  # warms up, not counted
        for _ in range(5):
            for rates in draw.sample((quiet, loud), 2):
                key = await api.transfer()
                if rates is quiet:
                    await calm(server)
                    await measured(server, key, film, quiet)
                else:
                    async with besieged(server.port, [await api.transfer() for _ in range(count)]):
                        await calm(server)
                        await measured(server, key, film, loud)
                await api.post(f"/cancel-transfer/{key}")
    for way in ("up", "down"):
        ratio = median(loud[way]) / median(quiet[way])
        print(f"\n| {way} alone, and beside {count} slow clients, MB/s | {median(quiet[way]):.0f} ", end="")
        print(f"| {median(loud[way]):.0f} | {ratio:.2f} |")
        assert ratio >= 0.8


async def calm(server: Served) -> None:
    """Waits until the server has nothing to do but to wait."""
    async with asyncio.timeout(60):
        used = -1.0
        while server.cpu() - used > 0.01:
            used = server.cpu()
            await asyncio.sleep(0.3)


async def measured(server: Served, key: str, film: Film, rates: dict[str, list[float]]) -> None:
    rates["up"].append(await asyncio.to_thread(put, server.port, key, film))
    rates["down"].append(await asyncio.to_thread(get, server.port, key, film))
