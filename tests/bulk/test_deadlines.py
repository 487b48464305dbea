"""Who makes no progress is closed, on both planes; who waits for the other side is not. With small settings."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from burrowspace.server.bulk.front import BulkFront
from tests.app import Running, running
from tests.bulk.test_http import TUS, arrived
from tests.bulk.wire import Wire

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 2048
STALL_S = 0.4


@pytest.fixture(
    params=[{"bulk_threads": 2}, {"bulk_threads": 0}, {"bulk_threads": 0, "tls": "self-signed"}],
    ids=["kernel", "asgi", "tls"],
)
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path, **request.param, stall_s=STALL_S, follow_wait_s=5) as server:
        yield server


async def test_a_silent_body_is_closed_and_keeps_what_arrived(server: Running):
    key, wire = await server.transfer(), await Wire.to(server)
    await wire.ask("POST", f"/upload/{key}", Tus_Resumable="1.0.0", Upload_Length="1000000")
    assert (await wire.get()).status == 201
    await wire.ask("PATCH", f"/upload/{key}", DATA, **TUS, Upload_Offset="0", Content_Length="1000000")
    await wire.closed()
    other = await Wire.to(server)
    await other.ask("HEAD", f"/upload/{key}", Tus_Resumable="1.0.0")
    assert (await other.get()).headers["upload-offset"] == str(len(DATA))
    await other.close()


async def test_a_silent_reader_is_closed(server: Running):
    key, wire = await server.transfer(), await Wire.to(server)
    await server.call("PUT", f"/upload/{key}", data=DATA * 64)
    wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await wire.ask("GET", f"/download/{key}")
    await asyncio.sleep(4 * STALL_S)
    wire.reader._transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await wire.closed()) < len(DATA) * 64


async def test_a_follower_outlives_the_pauses_of_its_sender(server: Running):
    key, wire = await server.transfer(), await Wire.to(server)
    half = {"Tus_Resumable": "1.0.0", "Upload_Length": str(2 * len(DATA))}
    async with server.http.post(f"/upload/{key}", headers={k.replace("_", "-"): v for k, v in half.items()}):
        pass
    await wire.ask("GET", f"/download/{key}?follow=1")
    for at in (0, len(DATA)):
        await asyncio.sleep(2 * STALL_S)
        said = {"Tus-Resumable": "1.0.0", "Content-Type": TUS["Content_Type"], "Upload-Offset": str(at)}
        async with server.http.patch(f"/upload/{key}", data=DATA, headers=said) as answer:
            assert answer.status == 204
    assert (await wire.get()).body == DATA * 2
    await wire.close()


async def test_a_body_that_pauses_is_followed_to_its_last_byte(tmp_path: Path):
    async with running(tmp_path, stall_s=2) as server:
        key, wire = await server.transfer(), await Wire.to(server)
        await wire.ask("PUT", f"/upload/{key}", DATA[:10_000], Content_Length=str(len(DATA)))
        async with asyncio.timeout(20), server.http.get(f"/download/{key}?follow=1") as answer:
            for at in range(0, 30_000, 10_000):  # less than the kernel is asked to wake us for
                assert await answer.content.readexactly(10_000) == DATA[at : at + 10_000]
                await asyncio.sleep(STALL_S / 8)
                await wire.send(DATA[at + 10_000 : at + 20_000])
            assert await answer.content.readexactly(10_000) == DATA[30_000:40_000]
            await wire.send(DATA[40_000:])
            assert await answer.content.read() == DATA[40_000:]
        await wire.close()


@pytest.mark.parametrize("threads", [2, 0])
async def test_a_trickle_below_the_least_rate_is_closed(tmp_path: Path, threads: int):
    async with running(tmp_path, bulk_threads=threads, stall_s=STALL_S, min_bytes_per_s=100_000) as server:
        key, wire = await server.transfer(), await Wire.to(server)
        await wire.ask("PUT", f"/upload/{key}", b"x", Content_Length=str(1 << 30))
        await arrived(server, key, 1)
        sent = 0
        while not wire.reader.at_eof() and sent < 200:
            try:
                await wire.send(b"x")
            except ConnectionError:
                break
            sent += 1
            await asyncio.sleep(STALL_S / 10)
        assert 5 < sent < 100
        await wire.close()


@pytest.mark.parametrize("threads", [2, 0])
async def test_a_reader_below_the_least_rate_is_closed(tmp_path: Path, threads: int):
    async with running(tmp_path, bulk_threads=threads, stall_s=STALL_S, min_bytes_per_s=4_000_000) as server:
        key = await server.transfer()
        await server.call("PUT", f"/upload/{key}", data=DATA * 64)
        loop, took = asyncio.get_running_loop(), 0
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            slow.setblocking(False)
            await loop.sock_connect(slow, ("127.0.0.1", server.app.reach.port))
            await loop.sock_sendall(slow, f"GET /download/{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    while got := await loop.sock_recv(slow, 20_000):
                        took += len(got)
                        await asyncio.sleep(STALL_S / 20)
        assert took < len(DATA) * 64


async def test_one_address_has_so_many_connections_and_places_become_free(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(BulkFront, "client_address", lambda _: "203.0.113.7")
    async with running(tmp_path, connections_per_address=2) as server:
        first, second, third = [await Wire.to(server) for _ in range(3)]
        for wire in (first, second):
            await wire.ask("GET", "/status")
            assert (await wire.get()).status == 200
        assert await third.closed() == b""
        await first.close()
        async with asyncio.timeout(20):
            while True:
                again = await Wire.to(server)
                try:
                    await again.ask("GET", "/status")
                    assert (await again.get()).status == 200
                    break
                except (ConnectionError, asyncio.IncompleteReadError):
                    await again.close()
        for wire in (again, second):
            await wire.close()


async def test_loopback_has_as_many_connections_as_it_likes(tmp_path: Path):
    async with running(tmp_path, connections_per_address=2) as server:
        wires = [await Wire.to(server) for _ in range(4)]
        for wire in wires:
            await wire.ask("GET", "/status")
            assert (await wire.get()).status == 200
            await wire.close()
