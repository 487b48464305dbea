"""What the app's sockets do to a relay: each run is a new peer, no acks are asked for, the uplink is slow, and a second
attempt follows a failed one at once."""

import base64
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.app import Running, running
from tests.e2e.served import served
from tests.published.calls import Calls, calls
from tests.published.sockets import KNOWN, Phone, phones, relay_chunk

pytestmark = pytest.mark.anyio

OFFER = {"type": "offer", "sdp": "v=0 Zwölf"}
CANDIDATE = {"type": "candidate", "candidate": {"candidate": "candidate:1 1 UDP 1 10.0.0.1 9 typ host", "sdpMid": "0"}}


@pytest.fixture
async def pair(server: Running, http: Calls) -> AsyncIterator[list[Phone]]:
    async with phones(http, "ann", "bob") as pair:
        yield pair


def bytes_of(chunks: list[Any]) -> list[bytes]:
    """What arrived, in order and once: a chunk may come twice."""
    found: dict[int, bytes] = {}
    for chunk in chunks:
        found.setdefault(chunk["index"], base64.b64decode(chunk["chunk"]))
    assert list(found) == list(range(len(found)))
    return list(found.values())


async def test_a_signal_arrives_untouched_and_every_event_is_one_that_the_app_knows(pair: list[Phone]):
    ann, bob = pair
    ann.signal(bob.peer, OFFER)
    assert await bob.hears("peer_signal") == [{"sender_peer_id": ann.peer, "signal": OFFER}]
    ann.ack(7)  # of what nobody asked, twice
    ann.signal(bob.peer, CANDIDATE)
    await bob.hears("peer_signal", 2)
    assert (ann.heard["$end"], ann.heard["$close"], ann.strange, bob.strange) == ([], [], [], [])


async def test_doubled_registrations_and_answers_are_one(pair: list[Phone]):
    ann, bob = pair
    for _ in range(2):
        ann.emit("register_socket", {"peer_id": ann.peer})
    ann.signal(bob.peer, OFFER)
    await bob.hears("peer_signal")
    assert ann.heard["$end"] == []


async def relay(ann: Phone, target: str) -> str:
    """Ann signals to a peer that is away; the session that she hears of."""
    told = len(ann.heard["relay_initiated"])
    ann.signal(target, OFFER)
    return str((await ann.hears("relay_initiated", told + 1))[-1]["session_id"])


async def relay_to_absent(ann: Phone, bob: Phone) -> str:
    """Bob leaves, and Ann signals to him all the same; the session that she hears of."""
    await bob.close()
    await ann.hears("peer_disconnected", peer_id=bob.peer)
    return await relay(ann, bob.peer)


async def test_what_rests_for_a_peer_goes_to_the_next_run_of_its_users_app(server: Running, http: Calls):
    async with phones(http, "ann", "bob") as (ann, bob):
        session = await relay_to_absent(ann, bob)
        parts = [b"%d" % number * 1000 for number in range(6)]
        for index, part in enumerate(parts[:4]):
            ann.chunk(session, index, 6, part)
        await ann.settled()
        async with phones(http, "bob") as [again]:
            assert again.peer != bob.peer
            [told] = await again.hears("relay_initiated")
            assert (told["session_id"], told["target_peer_id"]) == (session, again.peer)
            await again.hears("relay_chunk", 4)
            for index, part in enumerate(parts[4:], 4):  # the sender knows of no new peer
                ann.chunk(session, index, 6, part)
            assert bytes_of(await again.hears("relay_chunk", 6)) == parts


async def test_it_goes_there_after_a_restart_of_the_server_and_from_run_to_run(tmp_path: Path):
    async with served(tmp_path / "data") as server, calls(server.port) as http, phones(http, "ann", "bob") as pair:
        ann, bob = pair
        session = await relay_to_absent(ann, bob)
        for index in range(3):
            answer = await ann.ask("relay_chunk", relay_chunk(session, index, 4, b"%d" % index))
            assert answer["status"] == "queued"
        await server.kill()
        await server.start()
        await ann.hears("$registered", 2)
        async with phones(http, "bob") as [second]:
            assert bytes_of(await second.hears("relay_chunk", 3)) == [b"0", b"1", b"2"]
        await ann.hears("peer_disconnected", peer_id=second.peer)
        ann.chunk(session, 3, 4, b"3")
        await ann.settled()
        async with phones(http, "bob") as [third]:
            await third.hears("relay_chunk", index=3)


async def test_what_rests_is_for_a_device_that_connects_anew_and_for_nobody_else(server: Running, http: Calls):
    """Neither for another user, nor for another device of the user that was there all the time and reconnects."""
    async with phones(http, "ann", "bob", "bob", "carol") as (ann, bob, other, carol):
        session = await relay_to_absent(ann, bob)
        ann.chunk(session, 0, 1, b"mine")
        await ann.settled()
        for phone in (other, carol):
            assert phone.line is not None
            phone.line.close()
            await phone.hears("$registered", 2)
            await phone.settled()
        async with phones(http, "carol") as [new]:
            await new.settled()
            assert new.heard["relay_chunk"] == other.heard["relay_chunk"] == carol.heard["relay_chunk"] == []
        again = Phone(http, "bob")
        again.peer = bob.peer
        await again.open()
        try:
            assert bytes_of(await again.hears("relay_chunk")) == [b"mine"]
        finally:
            await again.close()


async def test_a_second_attempt_is_told_at_once(pair: list[Phone], server: Running, monkeypatch: pytest.MonkeyPatch):
    """Also within the ten seconds in which the candidates of one attempt trickle in."""
    ann, bob = pair
    relays, clock = server.app.driver.relays, {"now": time.time()}
    monkeypatch.setattr(relays, "_context", dataclasses.replace(relays._context, now=lambda: clock["now"]))
    first = await relay_to_absent(ann, bob)
    for _ in range(3):
        ann.signal(bob.peer, CANDIDATE)
    ann.signal(bob.peer, OFFER)  # the handler that is registered twice
    await ann.settled()
    assert len(ann.heard["relay_initiated"]) == 1
    clock["now"] += 2
    ann.signal(bob.peer, CANDIDATE)
    await ann.settled()
    assert len(ann.heard["relay_initiated"]) == 1
    assert await relay(ann, bob.peer) == first  # nothing was sent in it
    ann.chunk(first, 0, 9, b"begun")
    await ann.settled()
    clock["now"] += 2
    second = await relay(ann, bob.peer)
    assert second != first  # its chunks begin anew
    ann.chunk(second, 0, 1, b"whole")
    ann.chunk(first, 1, 9, b"late")
    await ann.settled()
    clock["now"] += 2
    assert await relay(ann, bob.peer) not in (first, second)


async def test_a_chunk_that_cannot_be_kept_is_said_in_an_event_that_the_app_knows(tmp_path: Path):
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(tmp_path, relay_rest_bytes=5000))
        http = await stack.enter_async_context(calls(server.app.reach.port))
        ann, bob = await stack.enter_async_context(phones(http, "ann", "bob"))
        session = await relay_to_absent(ann, bob)
        for index in range(20):
            ann.chunk(session, index, 20, bytes(1000))
        await ann.hears("peer_disconnected", 2, peer_id=bob.peer)
        await ann.settled()
        assert len(ann.heard["peer_disconnected"]) == 2  # once for all of them
        assert set(ann.strange) == {"relay_refused"}
        async with phones(http, "bob") as [again]:
            assert len(bytes_of(await again.hears("relay_chunk", 3))) == 3


async def test_a_damage_of_what_was_accepted_is_said_too(tmp_path: Path):
    """Nothing that was accepted is lost without a word: the disk may still lose it."""
    async with served(tmp_path / "data") as server, calls(server.port) as http, phones(http, "ann", "bob") as pair:
        ann, bob = pair
        session = await relay_to_absent(ann, bob)
        for index in range(3):
            answer = await ann.ask("relay_chunk", relay_chunk(session, index, 3, b"%d" % index * 100))
            assert answer["status"] == "queued"
        [row] = (server.data / "spool").glob("??/*-target")
        held = bytearray(row.read_bytes())
        held[len(held) // 2] ^= 1
        row.write_bytes(held)
        server.excused = ("a resting relay queue is damaged",)
        async with phones(http, "bob") as [again]:
            await ann.hears("peer_disconnected", peer_id=again.peer)
            assert bytes_of(await again.hears("relay_chunk")) == [b"0" * 100]
            await again.hears("peer_disconnected", peer_id=ann.peer)  # no chunk follows: it waits for none


async def test_a_damage_that_is_found_after_a_restart_is_said_too(tmp_path: Path):
    """Whoever is here when it is found: its sender, and its receiver behind the chunks before it."""
    async with served(tmp_path / "data") as server, calls(server.port) as http, phones(http, "ann", "bob") as pair:
        ann, bob = pair
        session = await relay_to_absent(ann, bob)
        for index in range(3):
            answer = await ann.ask("relay_chunk", relay_chunk(session, index, 3, b"%d" % index * 100))
            assert answer["status"] == "queued"
        await server.stop()
        [row] = (server.data / "spool").glob("??/*-target")
        held = bytearray(row.read_bytes())
        held[len(held) // 2] ^= 1
        row.write_bytes(held)
        await server.start()
        await ann.hears("$registered", 2)
        again = Phone(http, "bob")
        again.peer = bob.peer
        await again.open()
        try:
            await ann.hears("peer_disconnected", 2, peer_id=bob.peer)  # the first: it had gone
            assert bytes_of(await again.hears("relay_chunk")) == [b"0" * 100]
            await again.hears("peer_disconnected", peer_id=ann.peer)
            assert again.strange == []
        finally:
            await again.close()


@pytest.mark.parametrize("session", ["0" * 32, "no id at all"])
async def test_a_chunk_for_a_session_that_is_not_here_is_said_in_an_event_that_the_app_knows(
    pair: list[Phone], session: str
):
    ann, bob = pair
    ann.chunk(session, 0, 2, b"lost")
    await ann.hears("peer_disconnected", peer_id=ann.peer)  # it signalled nobody: its own relay is gone
    bob.signal(ann.peer, OFFER)
    for index in range(3):
        bob.chunk(session, index, 3, b"lost")
    await bob.hears("peer_disconnected", peer_id=ann.peer)
    await bob.settled()
    assert len(bob.heard["peer_disconnected"]) == 1  # once for all of them


async def test_a_chunk_for_a_session_of_others_is_said_in_an_event_that_the_app_knows(pair: list[Phone], http: Calls):
    ann, bob = pair
    answer = await ann.ask("relay_request", {"target_peer_id": bob.peer})
    async with phones(http, "carol") as [carol]:
        carol.chunk(answer["session_id"], 0, 1, b"mine")
        await carol.hears("peer_disconnected", peer_id=carol.peer)  # whose it is stays theirs
        assert bob.heard["relay_chunk"] == []


async def test_a_stop_of_the_server_is_followed_by_a_new_connection(tmp_path: Path):
    """DISCONNECT would end the app's sockets for good."""
    async with served(tmp_path / "data") as server, calls(server.port) as http, phones(http, "ann", "bob") as pair:
        ann, bob = pair
        for times in (2, 3):
            await server.stop()
            await server.start()
            for phone in pair:
                await phone.hears("$registered", times)
                assert phone.heard["$disconnect"] == []
        ann.signal(bob.peer, OFFER)
        await bob.hears("peer_signal")


async def slow_relay(http: Calls, rate: float, total: int, size: int) -> tuple[Phone, Phone]:
    """All chunks of a file are given to the socket at once, as the app does; its pongs wait behind them."""
    ann = await Phone(http, "ann", rate=rate).start()
    bob = await Phone(http, "bob").start()
    answer = await ann.ask("relay_request", {"target_peer_id": bob.peer})
    for index in range(total):
        ann.chunk(answer["session_id"], index, total, bytes([index % 256]) * size)
    return ann, bob


def nothing_was_lost(ann: Phone, bob: Phone, total: int, size: int) -> None:
    assert bytes_of(bob.heard["relay_chunk"]) == [bytes([index % 256]) * size for index in range(total)]
    assert (ann.heard["$end"], ann.heard["$close"], len(ann.heard["$registered"])) == ([], [], 1)
    assert set(ann.strange) <= set(KNOWN)


@pytest.mark.parametrize("size", [6000, 120_000], ids=["small-chunks", "chunks-longer-than-a-timeout"])
async def test_a_relay_over_a_slow_uplink_loses_nothing(tmp_path: Path, size: int):
    """60 KB/s for 5 s, with heartbeats a hundred times as often as by default: 0.25 s and 0.5 s. A large chunk needs
    2.7 s alone, and its pong comes behind the whole file."""
    total = 320_000 // (size * 4 // 3)
    settings = {"ping_interval_ms": 250, "ping_timeout_ms": 500}
    async with running(tmp_path, **settings) as server, calls(server.app.reach.port) as http:
        ann, bob = await slow_relay(http, 60_000, total, size)
        try:
            await bob.hears("relay_chunk", total, seconds=40)
            nothing_was_lost(ann, bob, total, size)
            assert len(ann.heard["$ping"]) >= 4
        finally:
            await ann.close()
            await bob.close()


@pytest.mark.proof
@pytest.mark.timeout(400)
async def test_a_relay_over_an_uplink_of_60_kb_a_second_loses_nothing_in_three_minutes(tmp_path: Path):
    size, rate, seconds = 32 * 1024, 60_000, 180
    total = rate * seconds // (size * 4 // 3)
    async with running(tmp_path) as server, calls(server.app.reach.port) as http:
        began = time.monotonic()
        ann, bob = await slow_relay(http, rate, total, size)
        try:
            await bob.hears("relay_chunk", total, seconds=300)
            assert time.monotonic() - began > seconds * 0.95
            nothing_was_lost(ann, bob, total, size)
            assert len(ann.heard["$ping"]) >= 6
        finally:
            await ann.close()
            await bob.close()
