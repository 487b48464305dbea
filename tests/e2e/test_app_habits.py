"""What the app does that a server must bear: it waits for no acknowledgement, comes back, crosses and overlaps."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.device import Device, devices
from tests.e2e.files import digest, make
from tests.e2e.raw import raw
from tests.e2e.served import KiB, MiB, Served, calling, served

pytestmark = pytest.mark.anyio

CHUNK = 256 * KiB


@pytest.fixture
async def server(tmp_path: Path):
    async with served(tmp_path / "data") as server:
        yield server


@pytest.fixture
async def pair(server: Served):
    async with devices(server, "ann", "bob") as pair:
        yield pair


async def test_what_follows_a_registration_at_once_is_heard(pair: list[Device]):
    """The app emits `register_socket` without asking for an ack and goes on at once."""
    ann, bob = pair
    await bob.arrive()
    await ann.arrive(late=True)
    signals = [
        ["peer_signal", {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": {"n": n}}] for n in range(20)
    ]
    await ann.do("open", quiet=signals)
    told = await bob.hears("peer_signal", 20)
    assert [signal["signal"]["n"] for signal in told] == list(range(20))
    session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
    await bob.do("leave")
    again = Device(ann.server, "ann")
    await again.start()
    try:
        await again.arrive(ann.peer, late=True)
        chunk = {"session_id": session, "chunk": "eA==", "index": 0, "total": 1}
        await again.do("open", quiet=[["relay_chunk", chunk]])
        await bob.do("open")
        assert await bob.hears("relay_chunk") == [chunk]
    finally:
        await again.close()


async def test_two_devices_that_relay_to_each_other_at_once_both_finish(pair: list[Device], tmp_path: Path):
    """Neither waits for acks, so the server holds both back; it must not hold back the answers it waits for."""
    size = 32 * MiB
    ann, bob = [await device.arrive() for device in pair]
    session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
    sources = [make(tmp_path / f"source{n}", size, n) for n in range(2)]
    targets = [tmp_path / f"target{n}" for n in range(2)]
    for device, target in zip((bob, ann), targets, strict=True):
        await device.do("receive_chunks", path=str(target), size=size, chunk=CHUNK)
    more = {"session": session, "chunk": CHUNK, "as": "binary", "window": 0}
    async with asyncio.timeout(40):
        await asyncio.gather(
            *(d.begin("send_chunks", path=str(source), **more) for d, source in zip(pair, sources, strict=True))
        )
        for report in await asyncio.gather(*(device.begin("received") for device in pair)):
            assert (report["first"], report["disorder"]) == (size // CHUNK, 0)
    assert [digest(target) for target in targets] == [digest(source) for source in sources]


async def test_every_signal_is_answered_even_when_its_target_dies_with_it(pair: list[Device]):
    ann, bob = [await device.arrive() for device in pair]
    statuses: list[str] = []
    signal = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": "x" * 20_000}
    for times in range(1, 6):
        asked = [ann.begin("ask", event="peer_signal", data=signal) for _ in range(100)]
        cut = bob.begin("cut")
        statuses += [answer["status"] for answer in await asyncio.gather(*asked)]
        await cut
        await bob.hears("$registered", times + 1)
    assert set(statuses) <= {"success", "relay"}


async def test_a_queue_that_was_emptied_as_the_server_died_leaves_no_false_position(tmp_path: Path):
    """The emptied file is gone, the position in it is not reset yet: what is queued afterwards is still delivered."""
    async with served(tmp_path / "data") as server, devices(server, "ann", "bob") as (ann, bob):
        await ann.arrive()
        await bob.arrive(late=True)
        signal = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": 0}
        session = (await ann.ask("peer_signal", signal))["session_id"]
        await server.kill()
        with sqlite3.connect(server.data / "burrowspace.db") as rows:  # as a crash between the two would leave it
            rows.execute("UPDATE relays SET to_target = 300 WHERE session_id = ?", (session,))
        await server.start()
        await ann.hears("$registered", 2)
        for index in range(10):
            chunk = {"session_id": session, "chunk": "eHh4" * 10, "index": index, "total": 10}
            assert (await ann.ask("relay_chunk", chunk))["status"] == "queued"
        await server.kill()
        await server.start()
        await bob.do("open")
        assert [chunk["index"] for chunk in await bob.hears("relay_chunk", 10)] == list(range(10))


def form(data: bytes) -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("file", data, filename="up.bin")
    return made


async def test_a_transfer_called_off_as_its_upload_ends_leaves_no_file(server: Served):
    """Between the moment when an upload is complete and its answer, many devices are told of it."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(calling(server))
        for _ in range(20):
            await stack.enter_async_context(raw(server, "bob"))

        async def upload(transfer: str) -> int:
            async with api.http.post(f"{server.url}/upload/{transfer}", data=form(b"x" * 1000)) as answer:
                return answer.status

        for _ in range(20):
            transfer = await api.transfer()
            up = asyncio.create_task(upload(transfer))
            async with asyncio.timeout(10):
                while (await api.get(f"/transfer-status/{transfer}"))["status"] != "completed":
                    pass
                await api.post(f"/cancel-transfer/{transfer}")
                assert await up == 200
            assert (await api.get(f"/transfer-status/{transfer}"))["status"] == "cancelled"
        assert not list((server.data / "spool").glob("??/*"))


async def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_repeated(server: Served, tmp_path: Path):
    async with calling(server) as api:
        transfer = await api.transfer()
        head = (
            f"POST /upload/{transfer} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
            "Content-Type: multipart/form-data; boundary=B\r\n\r\n"
            '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode() + b"x" * 4 * MiB)
        spool = server.data / "spool" / transfer[:2] / transfer
        async with asyncio.timeout(10):
            while not spool.exists():
                await asyncio.sleep(0.01)
            writer.transport.abort()
            while spool.exists():
                await asyncio.sleep(0.01)
        await api.get(f"/download/{transfer}", expect=400)
        await api.call("POST", f"/upload/{transfer}", data=form(b"whole"))
        async with api.http.get(f"{server.url}/download/{transfer}") as answer:
            assert await answer.read() == b"whole"


@pytest.mark.parametrize("restart", [False, True], ids=["at-once", "after-a-restart"])
async def test_two_files_in_a_row_to_one_that_is_away_do_not_mix(server: Served, pair: list[Device], restart: bool):
    """Each attempt that the app begins, with signals to a peer without a socket, is a relay session of its own."""
    ann, bob = pair
    await ann.arrive()
    await bob.arrive(late=True)
    offer = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": {"type": "offer"}}
    sessions: list[str] = []
    for number in range(2):
        for signal in ("offer", "candidate", "candidate"):  # one attempt
            await ann.emit("peer_signal", {**offer, "signal": {"type": signal}})
        told = await ann.hears("relay_initiated", number + 1)
        assert len(told) == number + 1
        session = told[-1]["session_id"]
        for index in range(3):
            chunk = {"session_id": session, "chunk": f"{number}{index}==", "index": index, "total": 3}
            assert (await ann.ask("relay_chunk", chunk))["status"] == "queued"
        sessions.append(session)
        if restart and number == 0:
            await server.kill()
            await server.start()
            await ann.hears("$registered", 2)
    assert len(set(sessions)) == 2
    await bob.do("open")
    got = await bob.hears("relay_chunk", 6)
    for number, session in enumerate(sessions):
        assert [c["chunk"] for c in got if c["session_id"] == session] == [f"{number}{index}==" for index in range(3)]
