"""A full disk, a failing disk, a killed server: errors are clear, others go on, nothing is pretended."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.app import running
from tests.bulk.test_protocols import BODY, TUS, create, get, send
from tests.e2e.served import calling, served
from tests.machine import small_disk

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 2048  # 512 KiB


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight MiB."""
    with small_disk(tmp_path / "tiny", 8) as place:
        yield place


@pytest.mark.parametrize("threads", [2, 0])
async def test_a_full_disk_refuses_what_does_not_fit_and_harms_nobody_else(tiny: Path, threads: int):
    async with running(tiny, bulk_threads=threads) as server:
        held = await server.transfer()
        await server.call("PUT", f"/upload/{held}", data=DATA)
        big = await server.transfer()
        refusal = await server.call("PUT", f"/upload/{big}", 507, data=DATA * 20)
        assert "no room" in refusal["error"]
        (tiny / "other").write_bytes(b"x" * (5 << 20))
        running_over = await server.transfer()

        async def chunks():
            for _ in range(20):
                yield DATA

        async with server.http.put(f"/upload/{running_over}", data=chunks()) as answer:
            assert answer.status == 507
        assert (await get(server, held))[0] == DATA
        (tiny / "other").unlink()
        again = await server.transfer()
        await server.post(f"/cancel-transfer/{running_over}")
        await server.call("PUT", f"/upload/{again}", data=DATA * 4)
        assert (await get(server, again))[0] == DATA * 4


async def test_a_disk_that_fills_under_the_kernels_hands_keeps_what_arrived(tiny: Path, monkeypatch):
    async with running(tiny, total_quota_bytes=1 << 40) as server:
        monkeypatch.setattr(type(server.app.spool), "room", _plenty)
        key = await create(server, len(DATA) * 20)
        said = {**BODY, "Upload-Offset": "0"}
        async with server.http.patch(f"/upload/{key}", data=DATA * 20, headers=said) as answer:
            assert (answer.status, (await answer.json())["code"]) == (507, "no-space")
        held = int((await send(server, "HEAD", key, 204, **TUS))["upload-offset"])
        assert 4 << 20 < held <= 8 << 20
        async with server.http.get(f"/download/{key}?follow=1") as answer:
            assert await answer.content.readexactly(held) == (DATA * 20)[:held]


async def _plenty(_: object) -> int:
    return 1 << 40


@pytest.mark.parametrize("threads", [2, 0])
async def test_a_failing_fsync_is_an_error_and_is_never_retried_as_if_fine(tmp_path: Path, monkeypatch, threads: int):
    async with running(tmp_path, bulk_threads=threads) as server:
        key, other = await server.transfer(), await server.transfer()
        real, failing = os.fsync, True

        def fsync(file: int) -> None:
            if failing and key in str(Path(f"/proc/self/fd/{file}").readlink()):
                raise OSError(5, "Input/output error")
            real(file)

        monkeypatch.setattr(os, "fsync", fsync)
        refusal = await server.call("PUT", f"/upload/{key}", 500, data=DATA)
        assert refusal["code"] == "damaged"
        assert await server.app.spool.keys() == []
        assert (await server.get(f"/transfer-status/{key}"))["status"] == "transferring"
        await server.call("PUT", f"/upload/{other}", data=DATA)
        failing = False
        await server.call("PUT", f"/upload/{key}", data=DATA)
        assert (await get(server, key))[0] == DATA


async def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path):
    data, at = DATA * 16, 0
    async with served(tmp_path) as server, calling(server) as api:
        key = await api.transfer()
        creation = {**TUS, "Upload-Length": str(len(data))}
        async with api.http.post(f"{server.url}/upload/{key}", headers=creation) as answer:
            assert answer.status == 201
        url = f"{server.url}/upload/{key}"
        for part in (100_000, 900_000, 3_000_000):
            said = {**BODY, "Upload-Offset": str(at)}
            async with api.http.patch(url, data=data[at : at + part], headers=said) as answer:
                assert answer.status == 204
                at = int(answer.headers["upload-offset"])
            rest = data[at:]

            async def cut_off(rest: bytes = rest) -> AsyncIterator[bytes]:
                yield rest[: len(rest) // 2]
                await server.kill()
                yield rest[len(rest) // 2 :]

            with pytest.raises(aiohttp.ClientError):
                await api.http.patch(url, data=cut_off(), headers={**BODY, "Upload-Offset": str(at)})
            await server.start()
            async with api.http.head(url, headers=TUS) as answer:
                assert int(answer.headers["upload-offset"]) >= at
                at = int(answer.headers["upload-offset"])
        said = {**BODY, "Upload-Offset": str(at)}
        async with api.http.patch(url, data=data[at:], headers=said) as answer:
            assert answer.status == 204
        async with api.http.get(f"{server.url}/download/{key}") as answer:
            assert await answer.read() == data
