"""The rules of HTTP/1.1 on the bulk path, over raw sockets: under asyncio and uvloop, by kernel and by ASGI."""

import asyncio
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from burrowspace.server.bulk import serve
from tests.app import Running, running
from tests.bulk.wire import Wire

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 2048  # 512 KiB
TUS = {"Tus_Resumable": "1.0.0", "Content_Type": "application/offset+octet-stream"}


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest):
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path, bulk_threads=request.param, grace_s=1) as server:
        yield server


@pytest.fixture
async def wires(server: Running):
    made: list[Wire] = []

    async def make() -> Wire:
        made.append(await Wire.to(server))
        return made[-1]

    yield make
    for wire in made:
        await wire.close()


async def held(server: Running, key: str) -> bytes:
    async with server.http.get(f"/download/{key}") as answer:
        assert answer.status == 200
        return await answer.read()


async def test_the_loop_is_the_one_that_was_asked_for(anyio_backend, server: Running):
    wanted = anyio_backend[1]["use_uvloop"]
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop) is wanted


async def test_a_kept_connection_serves_bulk_and_others_in_turn(server: Running, wires):
    keys, wire = [await server.transfer() for _ in range(3)], await wires()
    for key in keys:
        await wire.ask("PUT", f"/upload/{key}", DATA)
        assert (await wire.get()).status == 200
        await wire.ask("GET", "/status")
        assert (await wire.get()).status == 200
        await wire.ask("GET", f"/download/{key}")
        assert (await wire.get()).body == DATA
        await wire.ask("GET", f"/download/{key}", Range="bytes=1-3")
        assert (await wire.get()).body == DATA[1:4]


async def test_a_body_that_waits_for_its_invitation_is_invited(server: Running, wires):
    key, wire = await server.transfer(), await wires()
    await wire.ask("PUT", f"/upload/{key}", Expect="100-continue", Content_Length=str(len(DATA)))
    assert (await wire.get()).status == 100
    await wire.send(DATA)
    assert (await wire.get()).status == 200
    assert await held(server, key) == DATA


async def test_a_body_that_is_refused_is_not_invited(server: Running, wires):
    wire = await wires()
    await wire.ask("PUT", f"/upload/{'0' * 32}", Expect="100-continue", Content_Length=str(len(DATA)))
    assert (await wire.get()).status == 404


async def test_a_refusal_reaches_a_sender_in_full_flight_and_the_connection_ends(server: Running, wires):
    wire = await wires()
    await wire.ask("PUT", f"/upload/{'0' * 32}", DATA, Content_Length=str(1 << 30))
    got = await wire.get()
    assert (got.status, b"no such transfer" in got.body) == (404, True)
    with pytest.raises(ConnectionError):
        await wire.pour(DATA, 1 << 30)


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 600000\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 600000",
        "Content-Length: 600000\r\nContent-Length: 600001",
        "Content-Length: 600000, 600001",
        "Content-Length: +600000",
        "Content-Length: 0x99999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ],
)
async def test_conflicting_or_odd_lengths_are_refused_and_nothing_behind_them_is_served(server, wires, lengths):
    key, wire = await server.transfer(), await wires()
    hidden = b"0\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n"
    await wire.send(f"PUT /upload/{key} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n".encode() + hidden)
    wire.writer.write_eof()
    assert b"server_id" not in await wire.closed()
    async with server.http.get(f"/download/{key}") as answer:
        assert answer.status == 400


async def test_a_request_behind_one_whose_bytes_move_is_never_half_served(server: Running, wires):
    key, wire = await server.transfer(), await wires()
    await wire.ask("PUT", f"/upload/{key}", DATA)
    assert (await wire.get()).status == 200
    ask = f"GET /download/{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    await wire.send(ask + ask + ask)
    assert (await wire.get()).body == DATA
    rest = await wire.closed() if server.app.bulk.movers else b""
    assert rest == b""
    with capture_logs() as said:  # whose asker has left ends quietly, the one behind it does not begin
        await wire.close()
        async with asyncio.timeout(20):
            while any("run_asgi" in repr(task.get_coro()) for task in asyncio.all_tasks()):
                await asyncio.sleep(0.01)
    assert said == []


async def test_a_request_that_came_with_the_end_of_a_body_does_not_become_part_of_the_file(server, wires):
    key, wire = await server.transfer(), await wires()
    await wire.ask("PUT", f"/upload/{key}", DATA[:-3], Content_Length=str(len(DATA)))
    await wire.send(DATA[-3:] + b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.get()).status == 200
    assert b"server_id" in (await wire.get()).body
    assert await held(server, key) == DATA


async def test_half_a_resumable_body_is_kept_and_half_a_form_is_not(server: Running, wires):
    key, wire = await server.transfer(), await wires()
    await wire.ask("POST", f"/upload/{key}", Tus_Resumable="1.0.0", Upload_Length=str(len(DATA)))
    assert (await wire.get()).status == 201
    await wire.ask("PATCH", f"/upload/{key}", DATA[:300_000], **TUS, Upload_Offset="0", Content_Length=str(len(DATA)))
    await arrived(server, key, 300_000)
    other = await wires()
    await other.ask("HEAD", f"/upload/{key}", Tus_Resumable="1.0.0")
    assert (await other.get()).headers["upload-offset"] == "300000"
    await other.ask("PATCH", f"/upload/{key}", DATA[300_000:], **TUS, Upload_Offset="300000")
    assert (await other.get()).status == 204
    assert await held(server, key) == DATA
    shape = "multipart/form-data; boundary=B"
    formed, wire = await server.transfer(), await wires()
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    await wire.ask("POST", f"/upload/{formed}", head + DATA * 4, Content_Type=shape, Content_Length=str(1 << 30))
    await arrived(server, formed, 1)
    wire.writer.close()
    await gone(server, formed)
    assert formed not in await server.app.spool.keys()


async def test_a_new_request_of_an_upload_takes_over_from_a_connection_that_hangs(server: Running, wires):
    key, hung = await server.transfer(), await wires()
    await hung.ask("PUT", f"/upload/{key}", DATA[:200_000], Content_Length=str(len(DATA)))
    await arrived(server, key, 200_000)
    wire = await wires()
    await wire.ask("HEAD", f"/upload/{key}")
    assert (await wire.get()).headers["upload-offset"] == "200000"
    assert (await hung.get()).status == 409


async def test_the_draft_learns_early_where_it_can_resume(server: Running, wires):
    if not server.app.bulk.movers:
        return  # ASGI has no interim answers, and the draft does not ask for them
    key, wire = await server.transfer(), await wires()
    await wire.ask("PUT", f"/upload/{key}", DATA, Upload_Complete="?1", Upload_Draft_Interop_Version="8")
    early = await wire.get()
    assert (early.status, early.headers["location"]) == (104, key)
    assert early.headers["upload-draft-interop-version"] == "8"
    assert (await wire.get()).headers["upload-complete"] == "?1"
    for more in ({}, {"Upload_Draft_Interop_Version": "6"}):  # the draft forbids it to a client of another version
        key, wire = await server.transfer(), await wires()
        await wire.ask("PUT", f"/upload/{key}", DATA, Upload_Complete="?1", **more)
        assert (await wire.get()).status == 200


async def test_the_draft_hears_how_far_its_upload_has_come(server: Running, wires, monkeypatch):
    if not server.app.bulk.movers:
        return
    monkeypatch.setattr(serve, "_TELL_S", 0.05)
    key, wire = await server.transfer(), await wires()
    said = {"Upload_Complete": "?1", "Upload_Draft_Interop_Version": "8", "Content_Length": str(len(DATA))}
    await wire.ask("PUT", f"/upload/{key}", DATA[:300_000], **said)
    assert "location" in (await wire.get()).headers
    seen = 0
    while seen < 300_000:
        told = await wire.get()
        assert (told.status, "location" in told.headers) == (104, False)
        assert seen < int(told.headers["upload-offset"])
        seen = int(told.headers["upload-offset"])
    await wire.send(DATA[300_000:])
    while (told := await wire.get()).status == 104:
        pass
    assert (told.status, await held(server, key)) == (200, DATA)


async def test_a_page_of_another_origin_may_read_and_not_write(server: Running, wires):
    key, wire = await server.transfer(), await wires()
    await wire.ask("PUT", f"/upload/{key}", DATA, Origin="https://evil.example")
    got = await wire.get()
    assert (got.status, "access-control-allow-origin" in got.headers) == (403, False)
    wire = await wires()
    await wire.ask("PUT", f"/upload/{key}", DATA, Origin="http://localhost:3000")
    got = await wire.get()
    assert (got.status, got.headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
    await wire.ask("GET", f"/download/{key}", Origin="http://localhost:3000")
    assert (await wire.get()).headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_a_receiver_that_stops_reading_stops_its_live_sender(server: Running, wires):
    key, sender, receiver = await server.transfer(), await wires(), await wires()
    await receiver.ask("GET", f"/download/{key}?follow=1")
    size = 256 << 20
    await sender.ask("PUT", f"/upload/{key}", Burrow_Policy="live", Content_Length=str(size))
    receiver.reader._transport.pause_reading()  # type: ignore[attr-defined]
    sent = await sender.pour(DATA, size, 1.5)
    assert sent < 64 << 20, "a window, and what the sockets hold"


async def arrived(server: Running, key: str, size: int) -> None:
    """Waits until so many bytes of the upload are here."""
    async with asyncio.timeout(10):
        while (lane := server.app.driver.lanes.find(key)) is None or lane.size < size:
            await asyncio.sleep(0.01)


async def gone(server: Running, key: str) -> None:
    async with asyncio.timeout(10):
        while server.app.driver.uploads.is_running(key):
            await asyncio.sleep(0.01)
