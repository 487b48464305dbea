"""What uploads reserve: nothing for an announcement, steps as bytes arrive, counted for the caller's address.

Over both planes; the callers come over a trusted proxy, each with an address of its own.
"""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from burrowspace.core.records import Sealed, Transfer, Upload
from burrowspace.core.reserving import STEP, enough, need
from burrowspace.core.spooling import Policy
from burrowspace.server.driver.reserve import Quotas
from tests.app import Running, running
from tests.bulk.wire import Wire
from tests.machine import small_disk

pytestmark = pytest.mark.anyio

MiB, GiB = 1 << 20, 1 << 30
PIECE = bytes(MiB)
MANY, OTHER = "203.0.113.7", "198.51.100.9"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
PLANES = pytest.mark.parametrize("threads", [2, 0], ids=["kernel", "asgi"])


def world(tmp_path: Path, threads: int = 2, **settings: Any) -> Any:
    return running(tmp_path, bulk_threads=threads, trusted_proxies="127.0.0.1", **settings)


async def make(server: Running, address: str = MANY, expect: int = 200, **body: Any) -> Any:
    headers = {"X-Forwarded-For": address}
    return await server.call("POST", "/spools", expect, json={"policy": "rest", **body}, headers=headers)


async def patch(server: Running, made: Any, at: int, data: Any, **more: str) -> int:
    said = {**TUS, "Authorization": f"Bearer {made['write_token']}", "Upload-Offset": str(at), **more}
    async with server.http.patch(made["upload"], data=data, headers=said) as answer:
        return answer.status


async def offset(server: Running, made: Any) -> int:
    return int((await server.get(f"/spools/{made['transfer_id']}"))["offset"])


async def reserved(server: Running, **where: Any) -> int:
    return await server.app.state.read(lambda rows: rows.total(Upload, "reserved", **where))


async def test_announcing_takes_nothing_from_anybody(tmp_path: Path):
    async with world(tmp_path, total_quota_bytes=4 * GiB, address_quota_bytes=4 * GiB) as server:
        for _ in range(35):
            await make(server, length=2 * GiB)
        assert await reserved(server) == 0
        made = await make(server, OTHER, length=3 * GiB)
        assert await patch(server, made, 0, PIECE) == 204
        await make(server, OTHER, 507, length=5 * GiB)


@PLANES
async def test_a_long_upload_reserves_in_steps_as_its_bytes_arrive(tmp_path: Path, threads: int):
    async with world(tmp_path, threads, total_quota_bytes=100 * GiB, address_quota_bytes=100 * GiB) as server:
        server.app.driver.uploads.reserve._quotas = Quotas(100 * GiB, None, 100 * GiB)
        server.app.spool.room = _plenty  # type: ignore[method-assign]
        made = await make(server, length=50 * GiB)
        wire = await Wire.to(server)
        said = {**TUS, "Authorization": f"Bearer {made['write_token']}", "Upload_Offset": "0"}
        await wire.ask("PATCH", made["upload"], Content_Length=str(50 * GiB), **said)
        for sent, most in ((1, STEP), (15, 4 * STEP), (32, 4 * STEP), (40, 16 * STEP)):
            for _ in range(sent):
                await wire.send(PIECE)
            async with asyncio.timeout(10):
                while not STEP <= await reserved(server) <= most:
                    await asyncio.sleep(0)
        await wire.close()
        async with asyncio.timeout(10):
            while server.app.driver.uploads.is_running(made["transfer_id"]):
                await asyncio.sleep(0)
        await server.app.driver.sweep()
        assert await reserved(server) == await offset(server, made) <= 88 * MiB


@PLANES
async def test_507_in_mid_upload_keeps_what_came_and_the_upload_goes_on_later(tmp_path: Path, threads: int):
    size = 24 * MiB
    async with world(tmp_path, threads, total_quota_bytes=40 * MiB) as server:
        made = await make(server, length=size)
        wire = await Wire.to(server)
        said = {**TUS, "Authorization": f"Bearer {made['write_token']}", "Upload_Offset": "0"}
        await wire.ask("PATCH", made["upload"], Content_Length=str(size), **said)
        await wire.send(PIECE)
        async with asyncio.timeout(10):
            while await offset(server, made) < MiB:
                await asyncio.sleep(0)
        await server.app.state.write(lambda rows: rows.put(_taken("e" * 32, 24 * MiB)))
        for _ in range(23):
            await wire.send(PIECE)
        assert (await wire.get()).status == 507
        assert await offset(server, made) == STEP
        assert await patch(server, made, STEP, PIECE * 8) == 507
        await server.app.state.write(lambda rows: rows.drop(Upload, transfer_id="e" * 32))
        assert await patch(server, made, STEP, PIECE * 8) == 204
        assert (await server.get(f"/spools/{made['transfer_id']}"))["complete"]
        assert await reserved(server) == size


@PLANES
async def test_an_address_has_its_own_quota_whatever_users_it_names_and_a_restart_forgets_nothing(
    tmp_path: Path, threads: int
):
    bounds = {"address_quota_bytes": 2 * MiB, "total_quota_bytes": GiB}

    async def put(server: Running, address: str, sender: str) -> int:
        key = await server.transfer(sender, "bob")
        async with server.http.put(f"/upload/{key}", data=PIECE, headers={"X-Forwarded-For": address}) as answer:
            return answer.status

    async with world(tmp_path, threads, **bounds) as server:
        assert [await put(server, MANY, user) for user in ("ann", "bea", "cid")] == [200, 200, 507]
        await make(server, MANY, 507, length=1)
        assert await put(server, OTHER, "ann") == 200
    async with world(tmp_path, threads, **bounds) as server:
        assert (await put(server, MANY, "dan"), await put(server, OTHER, "ann")) == (507, 200)
        assert await reserved(server, address=MANY) == 2 * MiB
        async with server.http.put(f"/upload/{await server.transfer()}", data=PIECE * 3) as answer:
            assert answer.status == 200  # loopback has no limit of its own


async def test_a_spool_to_which_nothing_is_written_is_dropped_soon_and_one_that_has_a_byte_is_not(tmp_path: Path):
    async with world(tmp_path, untouched_s=0.001) as server:
        empty, begun, live = (
            await make(server, length=5),
            await make(server, length=5),
            await make(server, policy="live"),
        )
        for each in (begun, live):
            assert await patch(server, each, 0, b"x") == 204
        await server.app.driver.sweep()
        await server.get(f"/spools/{empty['transfer_id']}", 404)
        assert [await offset(server, each) for each in (begun, live)] == [1, 1]
        counts = await server.app.state.read(lambda rows: [rows.count(kind) for kind in (Sealed, Transfer, Upload)])
        assert counts == [2, 2, 2]
        assert len(await server.app.spool.keys()) == 2


async def test_a_body_that_never_comes_leaves_its_spool_untouched(tmp_path: Path):
    async with world(tmp_path, untouched_s=0.001) as server:
        made = await make(server, length=GiB)
        wire = await Wire.to(server)
        said = {**TUS, "Authorization": f"Bearer {made['write_token']}", "Upload_Offset": "0"}
        await wire.ask("PATCH", made["upload"], Content_Length=str(GiB), **said)
        async with asyncio.timeout(10):
            while not await reserved(server):
                await asyncio.sleep(0)
        await wire.close()
        async with asyncio.timeout(10):
            while server.app.driver.uploads.is_running(made["transfer_id"]):
                await asyncio.sleep(0)
        await server.app.driver.sweep()
        await server.get(f"/spools/{made['transfer_id']}", 404)
        assert await reserved(server) == 0


async def test_the_defaults_are_shares_of_the_disk_and_the_settings_win(tmp_path: Path):
    with small_disk(tmp_path / "small", 100) as place:
        async with running(place, disk_floor_bytes=20 * MiB) as server:
            limits = (await server.get("/hello"))["limits"]
            assert 60 * MiB < limits["total_quota_bytes"] <= 72 * MiB
            assert 35 * MiB < limits["address_quota_bytes"] <= 40 * MiB
            assert limits == (await server.post("/connect", {"user_id": "ann"}))["limits"]
            made = await make(server, length=20 * MiB)
            assert await patch(server, made, 0, PIECE * 20) == 204
        async with running(place, disk_floor_bytes=20 * MiB) as server:  # what is kept is counted in
            assert 60 * MiB < (await server.get("/hello"))["limits"]["total_quota_bytes"] <= 72 * MiB
        async with running(place, address_quota_bytes=5, total_quota_bytes=7) as server:
            limits = (await server.get("/hello"))["limits"]
            assert (limits["address_quota_bytes"], limits["total_quota_bytes"]) == (5, 7)


async def test_a_body_with_a_checksum_is_set_aside_within_the_quota(tmp_path: Path):
    async with world(tmp_path, address_quota_bytes=40 * MiB) as server:
        made, data = await make(server), PIECE * 24

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(24):
                yield PIECE

        said = {"Upload-Checksum": "sha256 " + b64encode(hashlib.sha256(data).digest()).decode()}
        assert await patch(server, made, 0, chunks(), **said) == 507  # 24 MiB twice
        assert (
            await patch(
                server,
                made,
                0,
                PIECE,
                **{"Upload-Checksum": "sha256 " + b64encode(hashlib.sha256(PIECE).digest()).decode()},
            )
            == 204
        )
        assert await offset(server, made) == MiB


@PLANES
async def test_a_relay_through_a_spool_reserves_what_lies_there_not_what_went_through(tmp_path: Path, threads: int):
    async with world(tmp_path, threads, address_quota_bytes=100 * MiB) as server:
        made = await make(server, policy="live-then-rest", length=90 * MiB, window=MiB)
        async with server.http.get(made["download"] + "?follow=1") as answer:
            sending = asyncio.create_task(patch(server, made, 0, PIECE * 90))
            got = 0
            async for piece in answer.content.iter_any():
                got += len(piece)
        assert (got, await sending) == (90 * MiB, 204)
        found = await server.get(f"/spools/{made['transfer_id']}")
        assert await reserved(server) == 90 * MiB - found["first"]


def test_a_step_is_a_few_times_what_came_and_bounded():
    assert need(0, 5, 5) == (5, 5)
    assert need(0, None, None).most == STEP
    assert need(GiB, 100 * GiB, 100 * GiB).most == 2 * GiB
    assert need(0, GiB, 0) == (GiB, 0)
    assert not enough(0, 0, 1, 1)
    assert enough(0, 0, 0, 0)


def _taken(key: str, size: int) -> Upload:
    return Upload(key, "x", None, size, None, Policy.REST, True, False, 0.0, 1e12)


async def _plenty() -> int:
    return 1 << 50
