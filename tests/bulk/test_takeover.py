"""An offset that was told is the one that is taken, whatever a line that is gone had brought: over both planes."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from burrowspace.core.upload import Write
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.driver.upload_writer import UploadWriter
from tests.app import Running, running
from tests.bulk.test_protocols import BODY, DATA, TUS, create, get, send

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path, bulk_threads=request.param) as server:
        yield server


class Gate:
    """Holds the first that comes until it is opened."""

    def __init__(self) -> None:
        self.came, self.open = asyncio.Event(), asyncio.Event()

    async def through(self) -> None:
        if not self.came.is_set():
            self.came.set()
            await self.open.wait()


@pytest.fixture
def decided(server: Running, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Where a request waits that was decided upon and has not begun."""
    gate, uploads = Gate(), server.app.driver.uploads
    begin = uploads.begin

    async def late(claim: UploadClaim, write: Write, token: str | None) -> UploadWriter:
        if not write.fresh:
            await gate.through()
        return await begin(claim, write, token)

    monkeypatch.setattr(uploads, "begin", late)
    return gate


@contextlib.asynccontextmanager
async def held_at(gate: Gate, request: Any) -> "AsyncIterator[asyncio.Task[Any]]":
    """The request while it waits at the gate; afterwards it went on to its answer."""
    held = asyncio.create_task(request)
    try:
        async with asyncio.timeout(10):
            await gate.came.wait()
        yield held
    finally:
        gate.open.set()
        await asyncio.wait([held])


async def standing(server: Running, key: str) -> int:
    return int((await send(server, "HEAD", key, 204, **TUS))["upload-offset"])


async def test_what_was_asked_for_before_the_offset_was_told_moves_no_byte(server: Running, decided: Gate):
    key = await create(server)
    old = server.call("PATCH", f"/upload/{key}", 409, data=DATA, headers={**BODY, "Upload-Offset": "0"})
    async with held_at(decided, old) as refused:
        assert await standing(server, key) == 0
    assert (await refused)["code"] == "busy"
    assert await standing(server, key) == 0
    await send(server, "PATCH", key, 204, DATA, **BODY, Upload_Offset="0")
    assert (await get(server, key))[0] == DATA


async def test_a_rest_that_was_decided_upon_elsewhere_is_refused_where_the_upload_stands_by_now(
    server: Running, decided: Gate
):
    key, half = await create(server), len(DATA) // 2
    said = {"Content-Range": f"bytes 0-{half - 1}/{len(DATA)}"}
    put = server.call("PUT", f"/upload/{key}", 409, data=DATA[:half], headers=said)
    async with held_at(decided, put) as refused:
        await server.call("PUT", f"/upload/{key}", 202, data=DATA[:half], headers=said)
    assert (await refused)["held"] == half
    await send(server, "PATCH", key, 204, DATA[half:], **BODY, Upload_Offset=str(half))
    assert (await get(server, key))[0] == DATA


async def test_bytes_that_a_thread_writes_when_the_offset_is_asked_for_are_in_it(
    server: Running, monkeypatch: pytest.MonkeyPatch
):
    """And also where a follower keeps the lane, whose count they must be in."""
    key = await create(server)
    writes, goes_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
    append, stop = server.app.spool._append, UploadWriter.stop  # type: ignore[attr-defined]

    def slow(*args: Any) -> int:
        loop.call_soon_threadsafe(writes.set)
        assert goes_on.wait(10)
        return int(append(*args))

    async def stopping(writer: UploadWriter, *args: Any, **more: Any) -> None:
        loop.call_later(0.05, goes_on.set)  # who does not wait for the thread has answered by then
        await stop(writer, *args, **more)

    monkeypatch.setattr(server.app.spool, "_append", slow)
    monkeypatch.setattr(UploadWriter, "stop", stopping)
    async with server.http.get(f"/download/{key}?follow=1") as follower:
        said = {**BODY, "Upload-Offset": "0"}
        old = asyncio.create_task(server.call("PATCH", f"/upload/{key}", 409, data=DATA, headers=said))
        await writes.wait()
        held = await standing(server, key)
        assert held > 0
        assert (await old)["code"] == "busy"
        await send(server, "PATCH", key, 204, DATA[held:], **BODY, Upload_Offset=str(held))
        assert await follower.read() == DATA
