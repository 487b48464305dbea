"""A server whose database is PostgreSQL: the same calls, and the same after a restart."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from burrowspace.adapters import state_postgres
from burrowspace.faults import CannotStart
from burrowspace.server import readiness
from tests.app import running
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


async def test_what_was_there_is_there_after_a_restart(tmp_path: Path, postgres: Postgres) -> None:
    url, box = postgres.database(), "a" * 32
    async with running(tmp_path, database_url=url) as house:
        key = await house.transfer("ann", "bob", "a.bin")
        async with house.http.post(f"/upload/{key}", data={"file": io.BytesIO(BODY)}) as answer:
            assert answer.status == 200, await answer.text()
        await house.call("POST", f"/mailboxes/{box}", data=b"hello")
        server_id = (await house.get("/hello"))["server_id"]
    assert not list(tmp_path.glob("*.db"))
    async with running(tmp_path, database_url=url) as house:
        assert (await house.get("/hello"))["server_id"] == server_id
        async with house.http.get(f"/download/{key}") as answer:
            assert await answer.read() == BODY
        [message] = (await house.get(f"/mailboxes/{box}?after=-1"))["messages"]
        assert (message["number"], message["body"]) == (0, "aGVsbG8=")


async def test_two_servers_do_not_share_a_database(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.database()
    async with running(tmp_path / "one", database_url=url) as house:
        with pytest.raises(CannotStart, match="another BurrowSpace server uses it"):
            async with running(tmp_path / "two", database_url=url):
                pass
        await house.connect("ann")
    async with running(tmp_path / "two", database_url=url) as house:
        await house.connect("bob")


async def test_a_server_without_its_database_wants_no_calls(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_postgres, "PATIENCE_S", 0.0)
    monkeypatch.setattr(readiness, "FRESH_S", 0.0)
    async with running(tmp_path, database_url=postgres.database()) as house:
        assert await house.get("/readyz") == {"status": "ready"}
        await asyncio.to_thread(postgres.stop)
        try:
            refusal = await house.get("/readyz", 503)
            assert refusal["code"] == "unavailable"
            assert await house.get("/healthz") == {"status": "alive"}
        finally:
            await asyncio.to_thread(postgres.start)
        assert await house.get("/readyz") == {"status": "ready"}
