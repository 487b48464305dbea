"""Two servers on one database and one bus behave as one: whoever is on one reaches whoever is on the other."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.e2e.cluster import cluster
from tests.e2e.device import Device, devices
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

SOON = 15  # s that a waiting call is given: less than the 20 s after which it asks again by itself


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


def signal(sender: Device, target: Device, number: int = 0) -> dict[str, Any]:
    return {
        "target_peer_id": target.peer,
        "sender_peer_id": sender.peer,
        "signal": {"type": "candidate", "number": number},
    }


async def test_signals_cross_in_order_and_with_their_answers(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob") as (ann, bob):
        await ann.arrive()
        await bob.arrive(url=both.other.url)
        for number in range(50):
            await ann.emit("peer_signal", signal(ann, bob, number))
        assert await ann.ask("peer_signal", signal(ann, bob, 50)) == {"status": "success"}
        assert await bob.ask("peer_signal", signal(bob, ann)) == {"status": "success"}
        heard = await bob.hears("peer_signal", 51)
        assert [each["signal"]["number"] for each in heard] == list(range(51))
        assert all(each["sender_peer_id"] == ann.peer for each in heard)
        await ann.hears("peer_signal", sender_peer_id=bob.peer)
        for api in (both.api, both.far):
            assert {ann.peer, bob.peer} <= set((await api.get("/peers"))["peers"])


async def test_a_target_without_a_socket_anywhere_starts_a_relay_which_reaches_it_on_the_other_node(
    tmp_path: Path, postgres: Postgres
) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob", "bob") as (ann, bob, again):
        await ann.arrive()
        await bob.arrive(url=both.other.url, reconnection=False)
        await bob.do("cut")
        await bob.hears("$disconnect")
        async with asyncio.timeout(20):
            while (answer := await ann.ask("peer_signal", signal(ann, bob)))["status"] == "success":
                await asyncio.sleep(0.02)
        assert answer["status"] == "relay"
        chunks = [{"session_id": answer["session_id"], "chunk": "eA==", "index": n, "total": 6} for n in range(6)]
        for chunk in chunks[:3]:
            assert (await ann.ask("relay_chunk", chunk))["status"] == "queued"
        await again.arrive(bob.peer, url=both.other.url)
        await again.hears("relay_initiated", session_id=answer["session_id"])
        await again.hears("relay_chunk", 3)
        for chunk in chunks[3:]:
            await ann.emit("relay_chunk", chunk)
        assert await again.hears("relay_chunk", 6) == chunks


async def test_calls_that_wait_are_woken_from_the_other_node(tmp_path: Path, postgres: Postgres) -> None:
    """Many times, for in some a call may come too late to wait. All of them take less time than one call that asks
    again by itself."""
    octets = {"Content-Type": "application/octet-stream"}
    async with cluster(tmp_path, postgres) as both, asyncio.timeout(SOON):
        box = secrets.token_hex(16)
        await both.api.call("PUT", f"/mailboxes/{box}")
        plate = await both.api.post("/nameplates")
        number, owner = plate["nameplate"], {"Authorization": f"Bearer {plate['token']}"}
        for after in range(-1, 9):
            reading = asyncio.create_task(both.api.get(f"/mailboxes/{box}?wait=50&after={after}"))
            path = f"/nameplates/{number}/claims?wait=50&after={after}"
            claims = asyncio.create_task(both.api.call("GET", path, headers=owner))
            await both.far.call("POST", f"/mailboxes/{box}", data=b"sealed", headers=octets)
            assert [each["number"] for each in (await reading)["messages"]] == [after + 1]
            claimed = await both.far.post(f"/nameplates/{number}/claim")
            assert [each["mailbox"] for each in (await claims)["claims"]] == [claimed["mailbox"]]


async def test_what_a_user_must_hear_reaches_the_device_on_the_other_node(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob") as (ann, bob):
        await ann.arrive()
        await bob.arrive(url=both.other.url)
        asked = await both.api.post(
            "/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a.bin"}
        )
        await bob.hears("transfer_request", request_id=asked["request_id"])
        made = await both.far.post(f"/approve-transfer/{asked['request_id']}")
        assert await ann.hears("transfer_approved") == [
            {"request_id": asked["request_id"], "transfer_id": made["transfer_id"]}
        ]


async def test_nobody_on_the_other_node_is_taken_for_silent(tmp_path: Path, postgres: Postgres) -> None:
    quick = {"silence_s": 1, "sweep_s": 0.2}
    async with cluster(tmp_path, postgres, **quick) as both, devices(both.one, "ann", "bob") as (ann, bob):
        await ann.arrive()
        await bob.arrive(url=both.other.url)
        for count in range(1, 4):  # each time the silence that is allowed passes
            eve = await both.far.connect("eve")  # without a socket: she does fall silent
            await ann.hears("peer_disconnected", peer_id=eve)
            await bob.hears("peer_disconnected", peer_id=eve)
            for api in (both.api, both.far):
                assert set((await api.get("/peers"))["peers"]) == {ann.peer, bob.peer}
            assert len(ann.said("peer_disconnected")) == len(bob.said("peer_disconnected")) == count


async def test_a_socket_moves_from_node_to_node_without_a_good_bye(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob", "bob") as (ann, bob, again):
        await ann.arrive()
        await bob.arrive(reconnection=False)
        await again.arrive(bob.peer, url=both.other.url)
        await bob.hears("$disconnect")
        assert await ann.ask("peer_signal", signal(ann, bob)) == {"status": "success"}
        await again.hears("peer_signal")
        assert ann.said("peer_disconnected") == []
        await again.do("cut")
        await both.far.post(f"/disconnect/{bob.peer}")
        await ann.hears("peer_disconnected", peer_id=bob.peer)


async def test_a_node_is_killed_and_its_devices_are_reached_on_the_other(tmp_path: Path, postgres: Postgres) -> None:
    quick = {"silence_s": 2, "sweep_s": 0.2}
    async with cluster(tmp_path, postgres, **quick) as both, devices(both.one, "ann", "bob", "bob", "eve") as four:
        ann, bob, again, eve = four
        await ann.arrive()
        await bob.arrive(url=both.other.url, reconnection=False)
        await eve.arrive(url=both.other.url, reconnection=False)
        assert await ann.ask("peer_signal", signal(ann, bob)) == {"status": "success"}
        await both.other.kill()
        await bob.hears("$disconnect")
        await again.arrive(bob.peer)  # as a balancer sends it
        assert await ann.ask("peer_signal", signal(ann, bob)) == {"status": "success"}
        await again.hears("peer_signal")
        await ann.hears("peer_disconnected", peer_id=eve.peer)  # who does not come again
        assert [each["peer_id"] for each in ann.said("peer_disconnected")] == [eve.peer]


async def test_the_bus_dies_and_comes_back_and_nobody_is_taken_for_absent(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob") as (ann, bob):
        await ann.arrive()
        await bob.arrive(url=both.other.url)
        assert await ann.ask("peer_signal", signal(ann, bob)) == {"status": "success"}
        both.nats[0].kill()
        answer = asyncio.ensure_future(ann.ask("peer_signal", signal(ann, bob, 1)))
        both.nats[0].start()
        assert await answer == {"status": "success"}
        await bob.hears("peer_signal", 2)
        assert ann.said("relay_initiated") == []
        for api in (both.api, both.far):
            await api.get("/readyz")


async def test_a_device_is_let_in_by_one_on_the_other_node(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both:
        first = await both.api.post("/connect", {"user_id": "ann"})
        owner = {"Authorization": f"Bearer {first['peer_token']}"}
        await both.api.call("POST", f"/heartbeat/{first['peer_id']}", headers=owner)
        second = await both.far.post("/connect", {"user_id": "ann"})
        told: asyncio.Queue[Any] = asyncio.Queue()
        io = socketio.AsyncClient(reconnection=False)
        io.on("device_approved", told.put)
        await io.connect(both.other.url, transports=["websocket"])
        answer = await io.call("register_socket", {"peer_id": second["peer_id"]})
        assert answer["status"] == "error"
        await both.api.call("POST", f"/approve-device/{second['peer_id']}", headers=owner)
        async with asyncio.timeout(SOON):
            assert await told.get() == {"peer_id": second["peer_id"]}
        await io.disconnect()


async def test_several_servers_share_one_identity_and_one_of_them_leaves(tmp_path: Path, postgres: Postgres) -> None:
    async with cluster(tmp_path, postgres) as both, devices(both.one, "ann", "bob") as (ann, bob):
        ids = {(await api.get("/hello"))["server_id"] for api in (both.api, both.far)}
        assert len(ids) == 1
        await ann.arrive()
        await bob.arrive(url=both.other.url, reconnection=False)
        assert await both.other.stop() == 0
        await ann.hears("peer_disconnected", peer_id=bob.peer)
        assert (await ann.ask("peer_signal", signal(ann, bob)))["status"] == "relay"
