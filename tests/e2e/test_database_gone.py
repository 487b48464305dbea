"""The database disappears under a running server: it is noticed, said with the cure, and nothing is pretended.

SQLite itself goes on in a file that was deleted. The server is a process of its own; `fiu-run` makes its disk fail.
"""

import asyncio
import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.e2e.served import Served, calling, served
from tests.e2e.test_failing_disk import FIU, fails
from tests.machine import small_disk

pytestmark = pytest.mark.anyio

DOWN = "the database does not work"


def database(server: Served) -> Path:
    return server.data / "burrowspace.db"


async def refused(server: Served, expect: int = 503) -> str:
    """Calls that read and calls that write are refused with a sentence. What it says."""
    async with calling(server) as api:
        wrote = await api.post("/connect", {"user_id": "eve"}, expect=expect)
        assert wrote["code"] == ("unavailable" if expect == 503 else "no-space")
        if expect == 503:
            assert (await api.get("/status", expect=503))["code"] == "unavailable"
            assert (await api.get("/peers", expect=503))["code"] == "unavailable"
        return str(wrote["error"])


async def told(server: Served) -> dict[str, Any]:
    """The one line of the log, which has the cure; there is no traceback and no second one."""
    said = await server.logged(DOWN)
    assert said["todo"]
    assert said["database"] == str(database(server))
    assert len([line for line in server.log if line["event"] == said["event"]]) == 1, server.log
    assert not any("exception" in line for line in server.log)
    return said


@pytest.fixture
async def server(tmp_path: Path):
    async with served(tmp_path / "data") as server:
        server.excused = (DOWN, "the server ends", "the folder for files does not work")
        yield server


async def test_a_deleted_database_is_noticed_without_a_call_and_refuses_all_that_needs_it(server: Served) -> None:
    async with calling(server) as api:
        peer = await api.connect("ann")
    database(server).unlink()
    assert "put it back" in (await told(server))["todo"]
    assert "its file is gone" in await refused(server)
    async with calling(server) as api:
        assert (await api.post(f"/heartbeat/{peer}", expect=503))["code"] == "unavailable"
        assert (await api.get("/hello"))["server_id"]
    assert await server.stop() == 0


async def test_a_deleted_log_of_the_database_is_noticed_too(server: Served) -> None:
    async with calling(server) as api:
        await api.connect("ann")
    database(server).with_name("burrowspace.db-wal").unlink()
    await told(server)
    await refused(server)


async def test_a_folder_that_went_away_and_came_back_works_again(server: Served) -> None:
    async with calling(server) as api:
        await api.connect("ann")
        away = server.data.with_name("away")
        server.data.rename(away)
        await told(server)
        await refused(server)
        away.rename(server.data)
        await server.logged("the database works again")
        await api.connect("bob")
        assert {peer["user_id"] for peer in (await api.get("/peers"))["peers"].values()} == {"ann", "bob"}


async def test_another_file_in_its_place_ends_the_server_so_that_it_starts_with_that(server: Served) -> None:
    async with calling(server) as api:
        await api.connect("ann")
    copy = server.data / "copy"
    shutil.copy(database(server), copy)
    copy.rename(database(server))
    assert await server.ended() == 1
    [end] = [line for line in server.log if line["event"] == "the server ends"]
    assert "another file took its place" in end["why"]
    assert "start the server again" in end["why"]


async def test_a_socket_hears_a_sentence_as_its_ack(server: Served) -> None:
    async with calling(server) as api:
        peer = await api.connect("ann")
    async with socketio.AsyncSimpleClient() as socket:
        await socket.connect(server.url, transports=["websocket"])
        database(server).unlink()
        answer = await socket.call("register_socket", {"peer_id": peer})
    assert answer["status"] == "error"
    assert "cannot use its database" in answer["message"]


async def test_a_full_disk_refuses_what_stores_and_takes_it_again_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        async with served(disk / "data") as server:
            server.excused = (DOWN,)
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
            async with calling(server) as api:
                answers = [
                    await api.http.post(f"{server.url}/connect", json={"user_id": f"u{n}" * 20}) for n in range(60)
                ]
                assert {answer.status for answer in answers} <= {200, 507}
                assert answers[-1].status == 507
                assert "full" in (await answers[-1].json())["error"]
                assert (await api.get("/status"))["status"] == "online"  # what is there can be read
                filler.unlink()
                async with asyncio.timeout(10):
                    while (await api.http.post(f"{server.url}/connect", json={"user_id": "ann"})).status != 200:
                        await asyncio.sleep(0.05)  # how much room there is, is looked up now and then
            assert not any("exception" in line for line in server.log)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO], ids=["read-only", "broken"])
async def test_a_disk_that_refuses_writes_is_503_and_works_again_when_it_does(tmp_path: Path, number: int) -> None:
    async with served(tmp_path / "data", under=(FIU[0], "-x", "-f", str(tmp_path / "fiu"))) as server:
        server.excused = (DOWN,)
        async with calling(server) as api:
            await api.connect("ann")
            await fails(server, f"enable name=posix/io/rw/pwrite,failinfo={number}")
            refusal = await api.post("/connect", {"user_id": "bob"}, expect=503)
            await fails(server, "disable name=posix/io/rw/pwrite")
            assert "cannot use its database" in refusal["error"]
            await server.logged(DOWN)
            await api.connect("bob")
            await server.logged("the database works again")
