"""A receiver that stops reading: its sender waits, the server's memory does not grow, nobody else notices."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.device import Device, devices
from tests.e2e.raw import Raw, raw
from tests.e2e.served import Api, KiB, MiB, calling, served

pytestmark = pytest.mark.anyio

GROWTH = 64 * MiB
CHUNK = 256 * KiB
QUICK_S = 1.0  # on a machine that does other things as well


def piece(sender: int, index: int) -> bytes:
    return (b"%08d.%08d|" % (sender, index)) * (CHUNK // 18)


async def push(sender: Raw, session: str, number: int, chunks: int) -> None:
    for index in range(chunks):
        await sender.chunk(session, index, piece(number, index))


async def taken_until_offline(api: Api, peer: str, feeders: list[Raw]) -> int:
    """Waits until the peer is dropped; the bytes that its feeders' connections had taken while it was still there."""
    taken = 0
    async with asyncio.timeout(30):
        while True:
            now = sum(feeder.sent for feeder in feeders)
            if peer not in (await api.get("/peers"))["peers"]:
                return taken
            taken = now
            await asyncio.sleep(0.02)


async def delays(ann: Device, bob: Device, until: "asyncio.Future[Any]") -> list[float]:
    """How long each signal between two others takes, there and acknowledged, until something else is done."""
    took = []
    signal = {"target_peer_id": bob.peer, "sender_peer_id": ann.peer, "signal": {"sdp": "x" * 1500}}
    while not until.done():
        at = time.perf_counter()
        assert (await ann.ask("peer_signal", signal))["status"] == "success"
        took.append(time.perf_counter() - at)
        await asyncio.sleep(0.01)
    return took


@pytest.mark.parametrize(
    ("senders", "settings"),
    [(4, {"slow_socket_s": 2}), (1, {"ping_interval_ms": 500, "ping_timeout_ms": 2000})],
    ids=["over-its-budget", "answering-no-ping"],
)
async def test_a_receiver_that_stops_reading_is_dropped_and_loses_nothing(tmp_path: Path, senders: int, settings: dict):
    async with contextlib.AsyncExitStack() as stack:
        quota = 64 * MiB
        server = await stack.enter_async_context(served(tmp_path / "data", relay_rest_bytes=quota, **settings))
        api = await stack.enter_async_context(calling(server))
        ann, bob = await stack.enter_async_context(devices(server, "ann", "bob"))
        await asyncio.gather(ann.arrive(), bob.arrive())
        stuck = await stack.enter_async_context(raw(server, "stuck", buffer=64 * KiB))
        feeders = [await stack.enter_async_context(raw(server, f"feeder{n}")) for n in range(senders)]
        sessions = [(await f.ask("relay_request", {"target_peer_id": stuck.peer}))["session_id"] for f in feeders]
        server.forget_peak()
        memory = server.memory()
        pushes = [
            asyncio.create_task(push(feeder, session, n, 400 * MiB // senders // CHUNK))
            for n, (feeder, session) in enumerate(zip(feeders, sessions, strict=True))
        ]
        for task in pushes:
            stack.callback(task.cancel)
        gone = asyncio.create_task(taken_until_offline(api, stuck.peer, feeders))
        took = await delays(ann, bob, gone)
        assert server.peak() - memory < GROWTH
        assert max(took) < QUICK_S
        assert len(took) > 20
        assert await gone < senders * 48 * MiB  # a window, and what the kernels of both its ends take (tcp_rmem)

        # what it had not proved rests, what comes now joins it, up to the quota; then the sender is told no
        took = await delays(ann, bob, asyncio.gather(*pushes))
        # Of 400 MiB. Reads, windows and writes are 24; what the allocator keeps of them beside a busy loop was 55 – 115
        assert server.peak() - memory < GROWTH + senders * 32 * MiB
        assert max(took) < QUICK_S
        back = await stack.enter_async_context(raw(server, "stuck", stuck.peer))
        kept: dict[str, list[int]] = {session: [] for session in sessions}
        least = quota // CHUNK - 1
        async with asyncio.timeout(60):
            async for name, data, parts in back.events():
                if name != "relay_chunk":
                    continue
                session = data["session_id"]
                if data["index"] in kept[session]:
                    continue  # twice is allowed
                assert parts == [piece(sessions.index(session), data["index"])]
                kept[session].append(data["index"])
                if all(len(got) >= least for got in kept.values()):
                    break
        for got in kept.values():
            assert got[:least] == list(range(least))


async def test_a_receiver_that_reads_slowly_but_steadily_is_not_dropped(tmp_path: Path):
    """Its pong stands behind megabytes that it needs longer for than a ping may take."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            served(tmp_path / "data", ping_interval_ms=500, ping_timeout_ms=1000, slow_socket_s=3600)
        )
        api = await stack.enter_async_context(calling(server))
        slow = await stack.enter_async_context(raw(server, "slow", buffer=64 * KiB))
        feeder = await stack.enter_async_context(raw(server, "feeder"))
        session = (await feeder.ask("relay_request", {"target_peer_id": slow.peer}))["session_id"]
        pushing = asyncio.create_task(push(feeder, session, 0, 16))
        stack.callback(pushing.cancel)
        got = 0
        async for name, data, _ in slow.events():
            if name == "relay_chunk":
                assert data["index"] == got
                got += 1
                if got == 16:
                    break
                await asyncio.sleep(0.25)  # 1 MiB a second: two seconds for what may be unproved
        assert got == 16
        assert slow.peer in (await api.get("/peers"))["peers"]
