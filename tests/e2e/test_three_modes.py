"""The published app's three ways, each moving a real file between two of its devices, byte for byte.

The app is played by npm's socket.io-client and fetch in Node processes; the server is `python server.py`.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.device import Device, devices
from tests.e2e.files import LARGE, SMALL, Meter, digest, make
from tests.e2e.served import GiB, KiB, MiB, Served, served

pytestmark = pytest.mark.anyio

CHUNK = 256 * KiB
GROWTH = 64 * MiB  # the server's memory may grow by this much in a move, whatever the size of the file
PROOF = pytest.param(LARGE, id="2GiB", marks=[pytest.mark.proof, pytest.mark.timeout(900)])
SIZES = [pytest.param(SMALL, id="64MiB"), PROOF]
LESS = [pytest.param(SMALL // 2, id="32MiB"), PROOF]  # where it says as much


@pytest.fixture
async def server(tmp_path: Path):
    async with served(tmp_path / "data", relay_rest_bytes=4 * GiB) as server:
        yield server


@pytest.fixture
async def pair(server: Served):
    async with devices(server, "ann", "bob") as pair:
        yield pair


async def agreed(ann: Device, bob: Device, filename: str = "a.bin") -> str:
    """Ann asks, Bob hears it and says yes, Ann hears that: the transfer's id."""
    body = {"sender_id": "ann", "receiver_id": "bob", "filename": filename}
    asked = await ann.call("POST", "/request-transfer", body)
    assert asked["status"] == "pending"
    told = await bob.hears("transfer_request", request_id=asked["request_id"])
    assert told == [{"request_id": asked["request_id"], "sender_id": "ann", "filename": filename}]
    made = await bob.call("POST", f"/approve-transfer/{asked['request_id']}")
    assert made["status"] == "approved"
    await ann.hears("transfer_approved", transfer_id=made["transfer_id"], request_id=asked["request_id"])
    return made["transfer_id"]


async def signal(sender: Device, receiver: Device, what: Any) -> None:
    """A signal, as the app sends it: no ack. It arrives untouched."""
    before = len(receiver.said("peer_signal"))
    await sender.emit("peer_signal", {"target_peer_id": receiver.peer, "sender_peer_id": sender.peer, "signal": what})
    told = await receiver.hears("peer_signal", before + 1)
    assert told[-1] == {"sender_peer_id": sender.peer, "signal": what}


@pytest.mark.parametrize("size", SIZES)
async def test_direct(server: Served, pair: list[Device], tmp_path: Path, size: int):
    ann, bob = [await device.arrive() for device in pair]
    source, target = make(tmp_path / "source", size), tmp_path / "target"
    transfer = await agreed(ann, bob, "fünf €.bin")
    with Meter(server, "direct", size) as meter:
        sdp = "v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\ns=-\r\na=fingerprint:sha-256 " + "AB:" * 31 + "AB\r\n"
        await signal(ann, bob, {"type": "offer", "sdp": sdp, "n": 1.5, "u": "é\u2028€", "none": None})
        port = await bob.do("listen", path=str(target))
        await signal(bob, ann, {"type": "answer", "sdp": sdp})
        for each in range(3):
            candidate = f"candidate:{each} 1 tcp 2113937151 127.0.0.1 {port} typ host tcptype passive"
            await signal(bob, ann, {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0, "empty": [], "o": {}})
        reports = await ann.do("send_direct", port=port, path=str(source), transfer=transfer, seconds=600)
        assert reports == [200] * 9
        await bob.hears("$direct", seconds=60)
        state = await ann.call("GET", f"/transfer-status/{transfer}")
        assert (state["status"], state["transfer_mode"]) == ("transferring", "p2p")
        assert 90 <= state["progress"] < 100
        done = {"status": "completed", "progress": 100.0}
        assert await bob.call("POST", f"/update-transfer-status/{transfer}", done) == {"status": "updated"}
    for device in pair:
        assert await device.hears("transfer_completed") == [{"transfer_id": transfer, "transfer_mode": "p2p"}]
    state = await ann.call("GET", f"/transfer-status/{transfer}")
    assert (state["status"], state["progress"], state["transfer_mode"]) == ("completed", 100, "p2p")
    assert digest(target) == digest(source)
    assert meter.growth < GROWTH


async def relay_by_signal(ann: Device, absent: str) -> str:
    """Ann signals a peer without a socket, as the app does, and is told of the relay session: its id."""
    await ann.emit("peer_signal", {"target_peer_id": absent, "sender_peer_id": ann.peer, "signal": {"type": "offer"}})
    return (await ann.hears("relay_initiated", target_peer_id=absent))[0]["session_id"]


@pytest.mark.parametrize("size", LESS)
@pytest.mark.parametrize(
    ("form", "window"),
    [("base64", 0), ("binary", 8), ("base64", 8), ("binary", 0)],
    ids=["text-not-acked", "binary-acked", "text-acked", "binary-not-acked"],
)
async def test_relay_to_a_receiver_that_is_there(
    server: Served, pair: list[Device], tmp_path: Path, size: int, form: str, window: int
):
    ann, bob = [await device.arrive() for device in pair]
    source, target = make(tmp_path / "source", size), tmp_path / "target"
    transfer = await agreed(ann, bob)
    asked = await ann.ask("relay_request", {"transfer_id": transfer})
    assert asked["status"] == "success"
    for device in pair:
        await device.hears("relay_initiated", session_id=asked["session_id"], target_peer_id=bob.peer)
    with Meter(server, f"relay, {form}, {'window 8' if window else 'no acks'}", size) as meter:
        await bob.do("receive_chunks", path=str(target), size=size, chunk=CHUNK)
        tally = await ann.do(
            "send_chunks",
            session=asked["session_id"],
            path=str(source),
            chunk=CHUNK,
            window=window,
            seconds=600,
            **{"as": form},
        )
        report = await bob.do("received", seconds=60)
    total = size // CHUNK
    assert tally == ({"success": total} if window else {})
    whole = {"first": total, "again": 0, "disorder": 0, "binary": 0, "text": 0}
    assert report == whole | {"text" if form == "base64" else "binary": total}
    assert digest(target) == digest(source)
    state = await ann.call("GET", f"/transfer-status/{transfer}")
    assert state["transfer_mode"] == "server_relay"
    assert meter.growth < GROWTH


@pytest.mark.parametrize("size", LESS)
@pytest.mark.parametrize(("form", "window"), [("base64", 8), ("binary", 0)], ids=["text-acked", "binary-not-acked"])
async def test_relay_to_a_receiver_that_comes_late(
    server: Served, pair: list[Device], tmp_path: Path, size: int, form: str, window: int
):
    """The first half rests on the server; the receiver comes while the second is on its way."""
    ann, bob = pair
    await ann.arrive()
    await bob.arrive(late=True)
    source, target = make(tmp_path / "source", size), tmp_path / "target"
    session, total = await relay_by_signal(ann, bob.peer), size // CHUNK
    more: dict[str, Any] = {"session": session, "path": str(source), "chunk": CHUNK, "window": window, "as": form}
    with Meter(server, f"relay, {form}, receiver comes late", size) as meter:
        tally = await ann.do("send_chunks", **more, last=total // 2, seconds=600)
        assert tally == ({"queued": total // 2} if window else {})
        await bob.do("receive_chunks", path=str(target), size=size, chunk=CHUNK)
        await bob.do("open")
        tally = await ann.do("send_chunks", **more, first=total // 2, seconds=600)
        assert set(tally) <= {"queued", "success"}
        report = await bob.do("received", seconds=300)
    assert (report["first"], report["again"], report["disorder"]) == (total, 0, 0)
    assert digest(target) == digest(source)
    assert meter.growth < GROWTH
    assert not list((server.data / "spool").glob("??/*"))


@pytest.mark.parametrize("size", LESS)
@pytest.mark.parametrize(("form", "window"), [("binary", 8), ("base64", 0)], ids=["binary-acked", "text-not-acked"])
async def test_relay_to_a_receiver_whose_socket_dies_in_the_middle(
    server: Served, pair: list[Device], tmp_path: Path, size: int, form: str, window: int
):
    """Three times; it comes back by itself, registers with its peer_id, and nothing that was sent is lost."""
    ann, bob = [await device.arrive() for device in pair]
    source, target = make(tmp_path / "source", size), tmp_path / "target"
    session, total = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"], size // CHUNK
    with Meter(server, f"relay, {form}, receiver cut off three times", size) as meter:
        await bob.do("receive_chunks", path=str(target), size=size, chunk=CHUNK)
        sending = ann.begin(
            "send_chunks", session=session, path=str(source), chunk=CHUNK, window=window, **{"as": form}
        )
        for time in (1, 2, 3):
            await bob.do("reached", count=total * time // 4, seconds=300)
            await bob.do("cut")
            await bob.hears("$registered", time + 1)
        async with asyncio.timeout(600):
            tally = await sending
        report = await bob.do("received", seconds=300)
    assert set(tally) <= {"queued", "success"}
    assert report["first"] == total
    assert digest(target) == digest(source)
    assert meter.growth < GROWTH
    assert bob.said("$disconnect") == ["transport error"] * 3 or len(bob.said("$disconnect")) == 3


@pytest.mark.parametrize("size", SIZES)
async def test_storage(server: Served, pair: list[Device], tmp_path: Path, size: int):
    ann, bob = [await device.arrive() for device in pair]
    source, target = make(tmp_path / "source", size), tmp_path / "target"
    transfer = await agreed(ann, bob)
    assert (await bob.do("download", transfer=transfer, path=str(target)))["status"] == 400
    with Meter(server, "storage, up", size) as up:
        done = await ann.do("upload", transfer=transfer, path=str(source), name="Ferien «Süd» 2026.bin", seconds=600)
    told = {"status": "completed", "transfer_id": transfer, "filename": "Ferien «Süd» 2026.bin"}
    assert done == {"status": 200, "body": told}
    completed = {"transfer_id": transfer, "transfer_mode": "server_relay", "filename": "Ferien «Süd» 2026.bin"}
    assert await bob.hears("transfer_completed") == [completed]
    with Meter(server, "storage, down", size) as down:
        taken = await bob.do("download", transfer=transfer, path=str(target), seconds=600)
    assert taken["status"] == 200
    assert taken["disposition"].startswith("attachment")
    assert taken["disposition"].endswith("filename*=UTF-8''Ferien%20%C2%ABS%C3%BCd%C2%BB%202026.bin")
    assert digest(target) == digest(source)
    state = await ann.call("GET", f"/transfer-status/{transfer}")
    assert (state["status"], state["transfer_mode"], state["progress"]) == ("completed", "server_relay", 100)
    assert await ann.call("POST", f"/cancel-transfer/{transfer}") == {"status": "cancelled", "transfer_id": transfer}
    for device in pair:
        assert await device.hears("transfer_cancelled") == [{"transfer_id": transfer}]
    assert (await bob.do("download", transfer=transfer, path=str(target)))["status"] == 404
    assert not list((server.data / "spool").glob("??/*"))
    assert max(up.growth, down.growth) < GROWTH
