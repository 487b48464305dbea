"""`python server.py` as on macOS and on Windows, there with both event loops: it starts, answers, keeps, stops."""

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

from tests.e2e.served import MiB, served
from tests.systems.as_on import LOOPS, under

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("system", "loop"), LOOPS)]


async def agreed(client: httpx.AsyncClient) -> str:
    """Ann asks Bob, who says yes: the transfer's id."""
    for each in ("ann", "bob"):
        await client.post("/connect", json={"user_id": each})
    asked = {"sender_id": "ann", "receiver_id": "bob", "filename": "a.bin"}
    request = (await client.post("/request-transfer", json=asked)).json()["request_id"]
    return str((await client.post(f"/approve-transfer/{request}")).json()["transfer_id"])


async def test_it_answers_and_stops_when_it_is_told_to(system: str, loop: str, tmp_path: Path):
    async with served(tmp_path / "data", under=under(system, loop)) as server, httpx.AsyncClient() as client:
        answer = await client.get(f"{server.url}/hello")
        assert (answer.status_code, answer.json()["features"] != []) == (200, True)
        assert await server.stop() == 0
        assert server.log[-1]["event"] == "stopped"


async def test_a_second_one_on_its_folder_is_refused(system: str, loop: str, tmp_path: Path):
    async with served(tmp_path / "data", under=under(system, loop)) as first:
        second = type(first)(tmp_path / "data", under=under(system, loop))
        with pytest.raises(AssertionError, match="another BurrowSpace server runs on"):
            await second.start()
        await second.ended()


async def test_a_second_one_on_its_port_is_refused_and_one_after_it_is_not(system: str, loop: str, tmp_path: Path):
    async with served(tmp_path / "data", under=under(system, loop)) as first, httpx.AsyncClient() as client:
        await client.get(f"{first.url}/hello")  # a connection that the server will have closed
        second = type(first)(tmp_path / "other", under=under(system, loop))
        second.port = first.port
        with pytest.raises(AssertionError, match=f"[Pp]ort {first.port}"):
            await second.start()
        await second.ended()
        assert await first.stop() == 0
        await first.start()


async def test_a_file_rests_and_comes_back_whole(system: str, loop: str, tmp_path: Path):
    """By the path that does without splice, with every line end in it that Windows would change."""
    data = hashlib.shake_128(b"rest").digest(8 * MiB) + b"\n\r\n\x1a" * 1000
    async with served(tmp_path / "data", under=under(system, loop)) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            transfer = await agreed(client)
            sent = await client.post(f"/upload/{transfer}", files={"file": ("a.bin", data)})
            assert sent.json()["status"] == "completed"
            assert (await client.get(f"/download/{transfer}")).content == data
        assert await server.stop() == 0
        await server.start()
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get(f"/download/{transfer}")).content == data
            assert (await client.post(f"/cancel-transfer/{transfer}")).status_code == 200
        assert not list((server.data / "spool").glob("??/*"))


async def test_a_download_that_runs_keeps_its_file_and_the_next_one_finds_none(system: str, loop: str, tmp_path: Path):
    """Windows removes no file that is open."""
    data = hashlib.shake_128(b"gone").digest(32 * MiB)
    async with (
        served(tmp_path / "data", under=under(system, loop)) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        transfer = await agreed(client)
        await client.post(f"/upload/{transfer}", files={"file": ("a.bin", data)})
        async with client.stream("GET", f"/download/{transfer}") as taking:
            pieces = taking.aiter_raw(1 << 16)
            await anext(pieces)
            assert (await client.post(f"/cancel-transfer/{transfer}")).status_code == 200
            assert (await client.get(f"/download/{transfer}")).status_code == 404
        async with asyncio.timeout(20):
            while list((server.data / "spool").glob("??/*")):
                await client.get("/hello")
