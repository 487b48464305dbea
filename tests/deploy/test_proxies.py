"""Behind Caddy, nginx and haproxy, with the files of deploy/: all that travels gets through, and at once."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import socketio

from tests.app import Running, running
from tests.deploy.proxies import NAMES, proxy

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 4 * 20 * 1024  # 20 MiB
SIGNAL = {"type": "offer", "sdp": "v=0\r\n" * 300}


@pytest.mark.parametrize("name", NAMES)
async def test_all_that_travels_gets_through(name: str, tmp_path: Path):
    async with (
        running(tmp_path / "data") as server,
        proxy(name, server.app.reach.port, tmp_path) as (url, trust),
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=trust)) as http,
    ):
        through = Running(server.app, http)
        status = await through.get("/status")
        assert status["server_id"] == server.app.driver.server_id
        await a_file_comes_back_whole(through)
        await an_upload_is_followed_while_it_runs(through)
        await a_long_poll_hears_at_once(through)
        await a_signal_reaches_its_peer(through, url, http)


@pytest.mark.parametrize("name", NAMES)
async def test_a_strangers_own_headers_lift_no_bound(name: str, tmp_path: Path):
    """All of them append to X-Forwarded-For, and pass on a Forwarded that they do not write."""
    settings = {"trusted_proxies": "127.0.0.1", "max_nameplates_per_address": 1}
    async with (
        running(tmp_path / "data", **settings) as server,
        proxy(name, server.app.reach.port, tmp_path) as (url, trust),
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=trust)) as http,
    ):
        through = Running(server.app, http)
        answers = set()
        for number in range(6):
            invented = {"Forwarded": f"for=192.0.2.{number}", "X-Forwarded-For": f"192.0.2.{number}"}
            async with through.http.post("/nameplates", headers=invented) as answer:
                answers.add((number > 0, answer.status))
        assert answers == {(False, 200), (True, 429)}


async def a_file_comes_back_whole(through: Running) -> None:
    key = await through.transfer()
    await through.call("PUT", f"/upload/{key}", data=DATA)
    async with through.http.get(f"/download/{key}") as answer:
        assert answer.status == 200
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(DATA).digest()


async def an_upload_is_followed_while_it_runs(through: Running) -> None:
    """The second half is sent only when the first has arrived: a proxy that collects anything would never end."""
    key, half, seen = await through.transfer(), len(DATA) // 2, asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield DATA[:half]
        await seen.wait()
        yield DATA[half:]

    async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
        length = {"Content-Length": str(len(DATA))}
        tasks.create_task(through.call("PUT", f"/upload/{key}", data=body(), headers=length))
        async with through.http.get(f"/download/{key}?follow=1") as answer:
            got = await answer.content.readexactly(half)
            seen.set()
            assert got + await answer.content.read() == DATA


async def a_long_poll_hears_at_once(through: Running) -> None:
    box = "b" * 32
    async with through.http.put(f"/mailboxes/{box}") as answer:
        assert answer.status == 200, await answer.text()
    waits = through.app.driver.notifier
    async with asyncio.timeout(40):
        waiting = asyncio.create_task(through.get(f"/mailboxes/{box}?after=-1&wait=25"))
        while not len(waits):
            await asyncio.sleep(0.01)
        async with through.http.post(f"/mailboxes/{box}", data=b"hello") as answer:
            assert answer.status == 200, await answer.text()
        assert len((await waiting)["messages"]) == 1


async def a_signal_reaches_its_peer(through: Running, url: str, http: aiohttp.ClientSession) -> None:
    heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    peers = [await through.connect(user) for user in ("ann", "bob")]
    sockets = [socketio.AsyncClient(http_session=http, reconnection=False) for _ in peers]
    sockets[1].on("peer_signal", heard.set_result)
    async with asyncio.timeout(40):
        for peer, each in zip(peers, sockets, strict=True):
            await each.connect(url, transports=["websocket"])
            assert (await each.call("register_socket", {"peer_id": peer}))["status"] == "success"
        said = {"target_peer_id": peers[1], "sender_peer_id": peers[0], "signal": SIGNAL}
        assert (await sockets[0].call("peer_signal", said))["status"] == "success"
        assert await heard == {"sender_peer_id": peers[0], "signal": SIGNAL}
    for each in sockets:
        await each.disconnect()
