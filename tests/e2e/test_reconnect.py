"""The server goes away and comes back; the app's sockets do so by themselves, with their peer_id, and lose nothing."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.e2e.device import devices
from tests.e2e.served import calling, served
from tests.e2e.wire import wire

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_device_finds_what_it_missed(tmp_path: Path, how: str):
    """The server goes and comes; Bob's network stays away longer, and meanwhile much happens."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(served(tmp_path / "data"))
        api = await stack.enter_async_context(calling(server))
        bobs = await stack.enter_async_context(wire(server))
        ann, bob = await stack.enter_async_context(devices(server, "ann", "bob"))
        await ann.arrive()
        await bob.arrive(url=bobs.url)
        old = await ann.call("POST", "/request-transfer", {"sender_id": "bob", "receiver_id": "ann", "filename": "old"})
        await ann.hears("transfer_request", request_id=old["request_id"])
        bobs.cut()
        await getattr(server, how)()
        await bob.hears("$disconnect")
        await server.start()
        await ann.hears("$registered", 2)

        new = await ann.call("POST", "/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "new"})
        made = await ann.call("POST", f"/approve-transfer/{old['request_id']}")
        signal = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": {"type": "offer"}}
        answer = await ann.ask("peer_signal", signal)
        assert answer["status"] == "relay"
        session = (await ann.hears("relay_initiated", target_peer_id=bob.peer))[0]["session_id"]
        chunks = [{"session_id": session, "chunk": "eA==", "index": index, "total": 9} for index in range(9)]
        for chunk in chunks[:8]:
            assert (await ann.ask("relay_chunk", chunk))["status"] == "queued"

        assert len(bob.said("$registered")) == 1
        bobs.mend()
        await bob.hears("$registered", 2)
        await bob.hears("transfer_request", request_id=new["request_id"])
        await bob.hears("transfer_approved", request_id=old["request_id"], transfer_id=made["transfer_id"])
        assert await bob.hears("relay_chunk", 8) == chunks[:8]
        await ann.emit("relay_chunk", chunks[8])
        assert (await bob.hears("relay_chunk", 9))[8] == chunks[8]
        assert (await ann.ask("peer_signal", signal))["status"] == "success"
        await bob.hears("peer_signal", sender_peer_id=ann.peer)
        assert {ann.peer, bob.peer} <= set((await api.get("/peers"))["peers"])


async def test_what_the_app_says_while_it_is_away_is_heard_when_it_is_back(tmp_path: Path):
    """socket.io-client keeps what is emitted meanwhile and sends it as soon as it connects: before it registers."""
    async with served(tmp_path / "data") as server, devices(server, "ann", "bob") as (ann, bob):
        await asyncio.gather(ann.arrive(), bob.arrive())
        session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
        await server.kill()
        for device in (ann, bob):
            await device.hears("$disconnect")
        signal = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": {"type": "offer"}}
        chunks = [{"session_id": session, "chunk": "eA==", "index": index, "total": 5} for index in range(5)]
        for chunk in chunks:
            await ann.emit("relay_chunk", chunk)
        await server.start()
        assert await bob.hears("relay_chunk", 5) == chunks
        await ann.do("cut")
        await ann.emit("peer_signal", signal)
        assert await bob.hears("peer_signal") == [{"sender_peer_id": ann.peer, "signal": {"type": "offer"}}]


async def test_the_last_socket_of_a_peer_is_the_one_that_counts(tmp_path: Path):
    """A phone changes its network: its new socket registers before the server knows that the old one is dead."""
    async with served(tmp_path / "data") as server, devices(server, "ann", "bob", "bob") as (ann, bob, again):
        await asyncio.gather(ann.arrive(), bob.arrive(reconnection=False))
        session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
        chunk = {"session_id": session, "chunk": "eA==", "index": 0, "total": 2}
        assert (await ann.ask("relay_chunk", chunk))["status"] == "success"
        await again.arrive(bob.peer)
        await bob.hears("$disconnect")
        assert (await ann.ask("relay_chunk", chunk | {"index": 1}))["status"] in ("success", "queued")
        await again.hears("relay_chunk", index=1)
        assert ann.said("peer_disconnected") == []
