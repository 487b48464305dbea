"""Three servers behind haproxy with the settings of deploy/cluster: people notice nothing of it."""

import asyncio
import base64
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.cluster import balanced, cluster
from tests.e2e.device import devices
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


async def test_people_behind_a_balancer_notice_nothing_of_three_servers(tmp_path: Path, postgres: Postgres) -> None:
    async with (
        cluster(tmp_path, postgres, 3, trusted_proxies="127.0.0.1") as three,
        balanced(three) as url,
        aiohttp.ClientSession() as http,
        devices(three.one, "ann", "bob", "eve") as (ann, bob, eve),
    ):

        async def call(method: str, path: str, **more: Any) -> Any:
            async with http.request(method, url + path, **more) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()

        box, octets = secrets.token_hex(16), {"Content-Type": "application/octet-stream"}
        for number in range(9):  # round robin: a call and the next one are never on one server
            reading = (
                asyncio.create_task(call("GET", f"/mailboxes/{box}?wait=50&after={number - 1}")) if number else None
            )
            await call("POST", f"/mailboxes/{box}", data=b"sealed", headers=octets)
            if reading is not None:
                async with asyncio.timeout(15):
                    assert [each["number"] for each in (await reading)["messages"]] == [number]
        plate = await call("POST", "/nameplates")
        claimed = [(await call("POST", f"/nameplates/{plate['nameplate']}/claim"))["mailbox"] for _ in range(3)]
        owner = {"Authorization": f"Bearer {plate['token']}"}
        said = (await call("GET", f"/nameplates/{plate['nameplate']}/claims", headers=owner))["claims"]
        assert [each["mailbox"] for each in said] == claimed

        await ann.arrive(url=url, transports=["polling"])
        await bob.arrive(url=url)
        await eve.arrive(url=three.nodes[2].url, transports=["polling", "websocket"])
        for sender, target in ((ann, bob), (bob, eve), (eve, ann)):
            asked = {"target_peer_id": target.peer, "sender_peer_id": sender.peer, "signal": {"type": "offer"}}
            assert await sender.ask("peer_signal", asked) == {"status": "success"}
            await target.hears("peer_signal", sender_peer_id=sender.peer)

        shown = {"name": "device", "kind": "phone", "picture": 7, "public": base64.b64encode(bytes(32)).decode()}
        secret, handle = {"Authorization": f"Bearer {secrets.token_hex(16)}"}, secrets.token_hex(16)
        version = (await call("PUT", f"/nearby/{handle}", json=shown | {"inbox": handle}, headers=secret))["version"]
        for _ in range(4):  # another server would not know it
            assert (await call("GET", f"/nearby/{handle}", headers=secret))["version"] == version

        spool = await call("POST", "/spools", json={})
        token = {"Authorization": f"Bearer {spool['write_token']}"}
        content = secrets.token_bytes(300_000)
        async with http.put(f"{url}/upload/{spool['transfer_id']}", data=content, headers=token | octets) as answer:
            assert answer.status in (200, 201, 204), await answer.text()
        for _ in range(4):
            async with http.get(f"{url}/download/{spool['transfer_id']}") as answer:
                assert await answer.read() == content


async def test_calls_go_on_when_a_server_is_killed(tmp_path: Path, postgres: Postgres) -> None:
    async with (
        cluster(tmp_path, postgres, 3, trusted_proxies="127.0.0.1") as three,
        balanced(three) as url,
        aiohttp.ClientSession() as http,
    ):
        await three.nodes[1].kill()
        told: Counter[int] = Counter()
        async with asyncio.timeout(20):
            while told[200] < 30:
                async with http.get(url + "/hello") as answer:
                    told[answer.status] += 1
        assert set(told) == {200}  # the balancer tries another one
