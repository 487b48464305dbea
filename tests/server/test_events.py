"""The published real-time events, with python-socketio's client as the app."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.app import Running, running

pytestmark = pytest.mark.anyio


class App:
    """One device: a peer, its socket, and what it was told."""

    def __init__(self, server: Running, user_id: str) -> None:
        self.server, self.user_id = server, user_id
        self.peer = ""
        self.io = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.io.on("*", self._hear)

    async def _hear(self, event: str, data: Any) -> None:
        self.heard.append((event, data))
        self._news.set()

    async def arrive(self, peer: str | None = None) -> "App":
        """Connects, opens a socket and registers it."""
        self.peer = peer or await self.server.connect(self.user_id)
        await self.io.connect(self.server.url, transports=["websocket"])
        assert await self.io.call("register_socket", {"peer_id": self.peer}) == {"status": "success"}
        return self

    async def hears(self, event: str, count: int = 1) -> list[Any]:
        """Waits until `event` has come `count` times; their data."""
        async with asyncio.timeout(10):
            while len(found := [data for name, data in self.heard if name == event]) < count:
                self._news.clear()
                await self._news.wait()
        return found

    async def leave(self) -> None:
        await self.io.disconnect()


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


@pytest.fixture
async def apps(server: Running):
    made: list[App] = []

    def make(user_id: str, other: Running | None = None) -> App:
        made.append(App(other or server, user_id))
        return made[-1]

    yield make
    for app in made:
        await app.leave()


async def test_a_signal_reaches_the_right_device_untouched_and_no_other(server: Running, apps):
    ann, bob, bob2 = await apps("ann").arrive(), await apps("bob").arrive(), await apps("bob").arrive()
    signal = {"sdp": "v=0\r\n…", "n": 1.0, "big": 12345678901234567890, "deep": [[{"a": None}]], "empty": {}}
    sent = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": signal}
    assert await ann.io.call("peer_signal", sent) == {"status": "success"}
    assert await bob.hears("peer_signal") == [{"sender_peer_id": ann.peer, "signal": signal}]
    assert bob2.heard == ann.heard == []


async def test_a_binary_signal_arrives_as_binary(server: Running, apps):
    ann, bob = await apps("ann").arrive(), await apps("bob").arrive()
    signal = {"blob": b"\x00\xff", "more": [b"2"]}
    await ann.io.call("peer_signal", {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": signal})
    assert (await bob.hears("peer_signal"))[0]["signal"] == signal


async def test_a_socket_speaks_only_for_the_peer_it_registered(server: Running, apps):
    ann, bob = await apps("ann").arrive(), await apps("bob").arrive()
    forged = {"target_peer_id": bob.peer, "sender_peer_id": bob.peer, "signal": 1}
    assert (await ann.io.call("peer_signal", forged))["code"] == "forbidden"
    assert (await ann.io.call("register_socket", {"peer_id": bob.peer}))["code"] == "forbidden"
    assert (await ann.io.call("register_socket", {"peer_id": "0" * 32}))["status"] == "error"
    assert bob.heard == []


async def test_a_request_reaches_all_devices_and_the_answer_the_sender(server: Running, apps):
    ann, bob, bob2 = await apps("ann").arrive(), await apps("bob").arrive(), await apps("bob").arrive()
    asked = await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a"})
    told = {"request_id": asked["request_id"], "sender_id": "ann", "filename": "a"}
    assert await bob.hears("transfer_request") == await bob2.hears("transfer_request") == [told]
    made = await server.post(f"/approve-transfer/{asked['request_id']}")
    approved = {"request_id": asked["request_id"], "transfer_id": made["transfer_id"]}
    assert await ann.hears("transfer_approved") == [approved]
    await server.post(f"/update-transfer-status/{made['transfer_id']}", {"status": "completed", "progress": 100})
    done = {"transfer_id": made["transfer_id"], "transfer_mode": "p2p"}
    assert await ann.hears("transfer_completed") == await bob.hears("transfer_completed") == [done]
    await server.post(f"/cancel-transfer/{made['transfer_id']}")
    assert await ann.hears("transfer_cancelled") == await bob2.hears("transfer_cancelled")


async def test_a_request_to_a_user_who_is_away_waits(server: Running, apps):
    await server.connect("ann")
    asked = await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a"})
    assert asked["receiver_online"] is False
    bob = await apps("bob").arrive()
    assert (await bob.hears("transfer_request"))[0]["request_id"] == asked["request_id"]


async def test_a_rejection_reaches_the_sender(server: Running, apps):
    ann = await apps("ann").arrive()
    asked = await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a"})
    await server.post(f"/reject-transfer/{asked['request_id']}")
    assert await ann.hears("transfer_rejected") == [{"request_id": asked["request_id"]}]


async def test_the_others_hear_once_that_a_peer_has_gone_at_once(server: Running, apps):
    ann, bob = await apps("ann").arrive(), await apps("bob").arrive()
    await ann.leave()
    assert await bob.hears("peer_disconnected") == [{"peer_id": ann.peer}]
    assert ann.peer not in (await server.get("/peers"))["peers"]
    await server.post(f"/heartbeat/{ann.peer}")
    assert ann.peer in (await server.get("/peers"))["peers"]


async def test_a_silent_peer_is_offline_and_the_others_hear_it_once(tmp_path: Path, apps):
    async with running(tmp_path / "own", silence_s=0.2, sweep_s=0.05) as server:
        bob = await apps("bob", server).arrive()
        ann = await server.connect("ann")
        assert await bob.hears("peer_disconnected") == [{"peer_id": ann}]
        assert set((await server.get("/peers"))["peers"]) == {bob.peer}
        await bob.leave()


async def relay(ann: App, bob_peer: str) -> str:
    answer = await ann.io.call(
        "peer_signal", {"target_peer_id": bob_peer, "sender_peer_id": ann.peer, "signal": {"offer": 1}}
    )
    assert answer["status"] == "relay"
    told = (await ann.hears("relay_initiated"))[0]
    assert told["target_peer_id"] == bob_peer
    return told["session_id"]


async def test_chunks_for_an_absent_peer_rest_and_arrive_in_order_when_it_registers(server: Running, apps):
    ann, peer = await apps("ann").arrive(), await server.connect("bob")
    session = await relay(ann, peer)
    for index in range(20):
        chunk = b"\x00" * index if index % 2 else "dGV4dA=="
        sent = {"session_id": session, "chunk": chunk, "index": index, "total": 40}
        assert (await ann.io.call("relay_chunk", sent))["status"] == "queued"
    bob = await apps("bob").arrive(peer)
    got = await bob.hears("relay_chunk", 20)
    assert [c["index"] for c in got] == list(range(20))
    assert (got[3]["chunk"], got[4]["chunk"], got[0]["session_id"]) == (b"\x00" * 3, "dGV4dA==", session)
    for index in range(20, 40):
        sent = {"session_id": session, "chunk": b"live", "index": index, "total": 40}
        answer = await ann.io.call("relay_chunk", sent)
    assert answer == {"status": "success"}
    got = await bob.hears("relay_chunk", 40)
    assert [c["index"] for c in got] == list(range(40))
    back = {"session_id": session, "chunk": "b2s=", "index": 0, "total": 1}
    assert await bob.io.call("relay_chunk", back) == {"status": "success"}
    assert await ann.hears("relay_chunk") == [back]


async def test_a_relay_can_be_asked_for_and_is_told_to_both(server: Running, apps):
    ann, bob = await apps("ann").arrive(), await apps("bob").arrive()
    transfer = await server.transfer("ann", "bob")
    answer = await bob.io.call("relay_request", {"transfer_id": transfer})
    assert answer["status"] == "success"
    assert (await ann.hears("relay_initiated"))[0]["session_id"] == answer["session_id"]
    assert (await bob.hears("relay_initiated"))[0]["transfer_id"] == transfer
    sent = {"session_id": answer["session_id"], "chunk": "eA==", "index": 0, "total": 1}
    assert await ann.io.call("relay_chunk", sent) == {"status": "success"}
    assert await bob.hears("relay_chunk") == [sent]
    async with asyncio.timeout(20):
        while (await server.get(f"/transfer-status/{transfer}"))["transfer_mode"] != "server_relay":
            pass


async def test_a_stranger_cannot_use_a_session(server: Running, apps):
    ann, peer, eve = await apps("ann").arrive(), await server.connect("bob"), await apps("eve").arrive()
    session = await relay(ann, peer)
    sent = {"session_id": session, "chunk": "eA==", "index": 0, "total": 1}
    assert (await eve.io.call("relay_chunk", sent))["code"] == "forbidden"
    assert (await eve.io.call("relay_chunk", {**sent, "session_id": "0" * 32}))["code"] == "not-found"
    transfer = await server.transfer("ann", "bob")
    assert (await eve.io.call("relay_request", {"transfer_id": transfer}))["code"] == "forbidden"


async def test_over_the_quota_the_ack_says_so_and_nothing_acknowledged_is_lost(tmp_path: Path, apps):
    async with running(tmp_path / "own", relay_rest_bytes=5000) as server:
        ann, peer = await apps("ann", server).arrive(), await server.connect("bob")
        session = await relay(ann, peer)
        kept = []
        for index in range(8):
            sent = {"session_id": session, "chunk": b"x" * 1000, "index": index, "total": 8}
            answer = await ann.io.call("relay_chunk", sent)
            if answer["status"] == "queued":
                kept.append(index)
            else:
                assert answer["code"] == "no-space"
        assert kept == [0, 1, 2, 3]
        unacked = {"session_id": session, "chunk": b"x" * 1000, "index": 9, "total": 8}
        await ann.io.emit("relay_chunk", unacked)
        assert (await ann.hears("relay_refused"))[0]["index"] == 9
        bob = await apps("bob", server).arrive(peer)
        assert [c["index"] for c in await bob.hears("relay_chunk", 4)] == kept
        await ann.leave()
        await bob.leave()


async def test_after_a_restart_the_app_goes_on_with_its_peer_and_finds_what_it_missed(tmp_path: Path, apps):
    async with running(tmp_path / "own") as server:
        ann, peer = await apps("ann", server).arrive(), await server.connect("bob")
        asked = await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a"})
        session = await relay(ann, peer)
        await ann.io.call("relay_chunk", {"session_id": session, "chunk": b"1", "index": 0, "total": 2})
        await ann.leave()
    async with running(tmp_path / "own") as server:
        bob = await apps("bob", server).arrive(peer)
        assert (await bob.hears("transfer_request"))[0]["request_id"] == asked["request_id"]
        assert (await bob.hears("relay_chunk"))[0]["chunk"] == b"1"
        again = await apps("ann", server).arrive(ann.peer)
        sent = {"session_id": session, "chunk": b"2", "index": 1, "total": 2}
        assert await again.io.call("relay_chunk", sent) == {"status": "success"}
        assert [c["index"] for c in await bob.hears("relay_chunk", 2)] == [0, 1]
        made = await server.post(f"/approve-transfer/{asked['request_id']}")
        assert (await again.hears("transfer_approved"))[0]["transfer_id"] == made["transfer_id"]
        await again.leave()
        await bob.leave()


async def test_what_a_device_has_confirmed_is_not_told_again(server: Running, apps):
    bob = await apps("bob").arrive()
    await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a"})
    await bob.hears("transfer_request")
    async with asyncio.timeout(20):
        while (await server.app.state.read(lambda rows: rows.find(_peer(), user_id="bob")))[0].seen < 1:
            pass
    await bob.leave()
    again = await apps("bob").arrive(bob.peer)
    await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "b"})
    assert [r["filename"] for r in await again.hears("transfer_request")] == ["b"]


def _peer():
    from burrowspace.core.records import Peer

    return Peer


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("register_socket", {}),
        ("register_socket", {"peer_id": 7}),
        ("peer_signal", {"target_peer_id": "x"}),
        ("peer_signal", []),
        ("relay_chunk", {"session_id": "x", "chunk": "", "index": "0", "total": 1}),
        ("relay_chunk", {"session_id": "x", "chunk": "", "index": -1, "total": 1}),
        ("relay_chunk", {"session_id": "x", "chunk": "", "index": 2**60, "total": 1}),
        ("relay_request", {}),
    ],
)
async def test_an_event_of_the_wrong_shape_is_answered_and_harms_nobody(server: Running, apps, event: str, data: Any):
    ann = await apps("ann").arrive()
    assert (await ann.io.call(event, data))["status"] == "error"
    assert ann.io.connected
