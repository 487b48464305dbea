"""SIGTERM: what runs gets a few seconds, nothing holds the server up, and it ends with 0."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.device import devices
from tests.e2e.served import MiB, calling, served

pytestmark = pytest.mark.anyio

BOUND_S = 10.0


def form(body: AsyncIterator[bytes]) -> aiohttp.MultipartWriter:
    made = aiohttp.MultipartWriter("form-data")
    part = made.append(body, {"Content-Type": "application/octet-stream"})
    part.set_content_disposition("form-data", name="file", filename="up.bin")
    return made


async def test_nothing_holds_it_up(tmp_path: Path):
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(served(tmp_path / "data"))
        api = await stack.enter_async_context(calling(server))
        pair = await stack.enter_async_context(devices(server, "ann", "bob"))
        await asyncio.gather(*(device.arrive() for device in pair))
        # a polling client whose GET waits
        where = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with api.http.get(where) as answer:
            sid = (await answer.text())[1:].split('"sid":"')[1].split('"')[0]
        polling = asyncio.create_task(api.http.get(f"{where}&sid={sid}"))
        # a connection that says nothing, one that says half a head, and one that keeps quiet in a body
        for start in (b"", b"GET /status HT", b"POST /connect HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(writer.close)
            writer.write(start)
        # an upload that never ends
        started, never = asyncio.Event(), asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * MiB
            started.set()
            await never.wait()

        transfer = await api.transfer()
        uploading = asyncio.create_task(api.http.post(f"{server.url}/upload/{transfer}", data=form(endless())))
        await started.wait()
        # and a download that nobody reads
        big = await api.transfer()
        await api.call("POST", f"/upload/{big}", data={"file": io.BytesIO(bytes(64 * MiB))})
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        stack.callback(writer.close)
        writer.write(f"GET /download/{big} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        at = time.perf_counter()
        server.terminate()
        assert await server.ended() == 0
        print(f"\nended after {time.perf_counter() - at:.1f} s")
        assert time.perf_counter() - at < BOUND_S
        for task in (polling, uploading):
            task.cancel()
        await asyncio.gather(polling, uploading, return_exceptions=True)
        for device in pair:
            await device.hears("$disconnect")

        # what was not acknowledged has left nothing, and the same data serve again
        await server.start()
        assert (await api.get(f"/transfer-status/{transfer}"))["status"] == "transferring"
        assert await api.get(f"/download/{transfer}", expect=400)
        spooled = [path.name for path in (server.data / "spool").glob("??/*")]
        assert spooled == [big]


async def test_an_idle_server_ends_at_once(tmp_path: Path):
    async with served(tmp_path / "data", fresh=True) as server, devices(server, "ann") as (ann,):
        await ann.arrive()
        at = time.perf_counter()
        assert await server.stop() == 0
        assert time.perf_counter() - at < 3


async def test_an_upload_that_can_end_in_time_does(tmp_path: Path):
    async with served(tmp_path / "data") as server, calling(server) as api:
        started, stopping = asyncio.Event(), asyncio.Event()

        async def held() -> AsyncIterator[bytes]:
            yield b"1" * MiB
            started.set()
            await stopping.wait()
            for _ in range(8):
                yield b"2" * MiB

        transfer = await api.transfer()

        async def upload() -> int:
            async with api.http.post(f"{server.url}/upload/{transfer}", data=form(held())) as answer:
                assert (await answer.json())["status"] == "completed"
                return answer.status

        uploading = asyncio.create_task(upload())
        await started.wait()
        server.terminate()
        await server.logged("stopping")
        stopping.set()
        assert await uploading == 200
        assert await server.ended() == 0
        await server.start()
        async with api.http.get(f"{server.url}/download/{transfer}") as answer:
            assert await answer.read() == b"1" * MiB + b"2" * MiB * 8


async def test_a_relay_that_runs_loses_nothing(tmp_path: Path):
    """Twice the server is stopped and started amid the chunks; both ends come back by themselves and go on."""
    size, chunk = 16 * MiB, 64 * 1024
    async with served(tmp_path / "data") as server, devices(server, "ann", "bob") as (ann, bob):
        await asyncio.gather(ann.arrive(), bob.arrive())
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(bytes(range(256)) * (size // 256))
        session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
        await bob.do("receive_chunks", path=str(target), size=size, chunk=chunk)
        more = {"session": session, "path": str(source), "chunk": chunk, "as": "binary"}
        sending = ann.begin("send_chunks", **more, window=8)
        for part in (1, 2):
            await bob.do("reached", count=size // chunk * part // 3)
            assert await server.stop() == 0
            await server.start()
        async with asyncio.timeout(30):
            assert set(await sending) <= {"success", "queued"}
        report = await bob.do("received", seconds=30)
        assert (report["first"], report["disorder"]) == (size // chunk, 0)
        assert target.read_bytes() == source.read_bytes()


async def test_a_server_that_leaves_a_balancer_says_so_first_and_closes_its_sockets_a_few_at_a_time(tmp_path: Path):
    async with served(tmp_path / "data", drain_s=2) as server, calling(server) as api:
        assert (await api.get("/healthz"), await api.get("/readyz")) == ({"status": "alive"}, {"status": "ready"})
        where = f"{server.url}/socket.io/?EIO=4&transport=websocket"
        sockets = [await api.http.ws_connect(where) for _ in range(8)]
        closings = [asyncio.create_task(closing(socket)) for socket in sockets]
        server.terminate()
        await server.logged("leaving: /readyz says no, sockets are closed a few at a time")
        assert (await api.get("/readyz", expect=503))["error"] == "this server is about to stop"
        await api.get("/healthz")
        _, waiting = await asyncio.wait(closings, return_when=asyncio.FIRST_COMPLETED)
        assert waiting, "all at once"
        await api.connect("ann")  # it serves whoever still comes
        assert {await each for each in closings} == {1012}
        assert await server.ended() == 0


async def test_who_stops_it_twice_does_not_wait(tmp_path: Path):
    async with served(tmp_path / "data", drain_s=3600, fresh=True) as server:
        server.terminate()
        await server.logged("leaving: /readyz says no, sockets are closed a few at a time")
        server.terminate()
        assert await server.ended() == 0


async def closing(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code that the server closes it with."""
    async for _ in socket:
        pass
    return socket.close_code
