"""TCP links over real sockets of 127.0.0.1: what arrives, who gets in, what a cut and a stranger do."""

import asyncio
import contextlib
import socket
import time

import pytest

from burrowspace.client.limits import Bucket
from burrowspace.client.links.addresses import own_addresses, worth_trying
from burrowspace.client.links.handshake import Ticket, approach
from burrowspace.client.links.link import INBOX, Broken
from burrowspace.client.links.link_tcp import HALF_OPEN, Listener, connect
from burrowspace.client.links.race import dial
from burrowspace.client.links.sockets import FAR, SEVERAL, streams_wanted
from burrowspace.core.credit import CREDIT
from burrowspace.core.errors import TooMany
from burrowspace.core.frames import CLIENT_HELLO_BYTES, MAGIC, Kind, block_header, client_hello, frame
from burrowspace.core.signals import Bye, Held, Want
from tests.client.links import BLOCK, KEY, RECEIVER, SENDER, TAG, Blocks, Taker, both
from tests.machine import free_port

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("streams", [1, 4])
@pytest.mark.parametrize("receiver_listens", [False, True])
async def test_every_block_arrives_once_and_within_the_credit(receiver_listens: bool, streams: int):
    blocks, taker = Blocks(200, BLOCK), Taker(200)
    async with both(receiver_listens, streams=streams) as (sender, receiver):
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0, 200)
        await taker.reaches(200)
        assert sorted(blocks.sealed) == sorted(taker.taken) == list(range(200))
        assert taker.farthest < CREDIT
        assert receiver.received == 200 * BLOCK
        assert receiver.outstanding == 0


async def test_a_row_of_unknown_length_ends_where_the_sender_has_no_more():
    blocks, taker = Blocks(50), Taker(50)
    async with both() as (sender, receiver):
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0)
        await taker.reaches(50)
        receiver.ends(50)
        assert taker.taken == list(range(50))


async def test_after_a_stop_the_row_goes_on_from_what_is_held():
    blocks, taker = Blocks(300), Taker(300)
    async with both() as (sender, receiver):
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0, 100)
        await taker.reaches(100)
        receiver.stop()
        receiver.pull(taker.take, taker.held, 300)
        await taker.reaches(300)
        assert taker.taken == blocks.sealed == list(range(300))


async def test_words_pass_beside_the_blocks_in_order_and_both_ways():
    async with both() as (sender, receiver):
        await sender.send(Held(held=1))
        await sender.send(Bye())
        await receiver.send(Held(held=2))
        heard = receiver.controls()
        assert [await anext(heard), await anext(heard)] == [Held(held=1), Bye()]
        assert await anext(sender.controls()) == Held(held=2)


async def test_what_was_said_before_closing_is_heard():
    async with both() as (sender, receiver):
        await sender.send(Bye())
        sender.close()
        assert [each async for each in receiver.controls()] == [Bye()]
        with pytest.raises(Broken):
            await sender.send(Bye())


async def test_a_cut_in_the_middle_is_noticed_at_once_at_both_ends():
    blocks, taker = Blocks(1_000_000, BLOCK), Taker(1_000_000)
    async with both() as (sender, receiver):
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0)
        await taker.reaches(40)
        sender._streams[0].line.shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(2):
            await sender.closed()
            await receiver.closed()
        assert [each async for each in receiver.controls()] == []


async def test_an_error_of_the_receiver_ends_the_link_and_is_its_cause():
    class Wrong(Exception):
        pass

    def take(position: int, sealed: memoryview) -> int:
        raise Wrong

    async with both() as (sender, receiver):
        sender.serve(Blocks(5).seal)
        receiver.pull(take, 0, 5)
        assert isinstance((await receiver.closed()).__cause__, Wrong)
        await sender.closed()


# Strangers and enemies


async def refusals(listener: Listener, count: int) -> None:
    """Waits until so many were turned away."""
    async with asyncio.timeout(8):
        while listener.refused < count:
            await asyncio.sleep(0)


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * CLIENT_HELLO_BYTES,
    MAGIC + b"?" * (CLIENT_HELLO_BYTES - len(MAGIC)),  # a tag that nobody waits for
    client_hello(TAG, bytes(32)) + bytes(32),  # the right tag and no proof
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_stranger_is_cut_and_the_peer_still_gets_in(garbage: bytes):
    async with Listener(host="127.0.0.1") as listener:
        expected = listener.expect(SENDER)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(garbage)
        await refusals(listener, 1)
        with contextlib.suppress(ConnectionResetError):
            assert KEY not in await asyncio.wait_for(reader.read(), 20)
        writer.close()
        link = await connect(listener.addresses(), RECEIVER, own=["127.0.0.1"])
        (await anext(expected)).close()
        link.close()


async def test_who_has_another_key_gets_no_link():
    async with Listener(host="127.0.0.1") as listener:
        listener.expect(SENDER)
        with pytest.raises(ConnectionError):
            await connect(listener.addresses(), Ticket(TAG, b"?" * 32, False), own=["127.0.0.1"])


async def test_silent_strangers_take_no_more_than_their_places_and_are_cut_in_time(monkeypatch):
    monkeypatch.setattr("burrowspace.client.links.handshake.DEADLINE", 0.3)
    async with Listener(host="127.0.0.1") as listener:
        expected = listener.expect(SENDER)
        lines = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(HALF_OPEN + 20)]
        await refusals(listener, HALF_OPEN + 20)
        link = await connect(listener.addresses(), RECEIVER, own=["127.0.0.1"])
        (await anext(expected)).close()
        link.close()
        for _, writer in lines:
            writer.close()


async def test_a_receivers_listener_expects_one_sender():
    async with Listener(host="127.0.0.1") as listener:
        listener.expect(RECEIVER)
        with pytest.raises(TooMany):
            listener.expect(Ticket(b"u" * 16, KEY, False))


async def test_one_listener_serves_two_peers_by_their_tags():
    other = b"u" * 16
    async with Listener(host="127.0.0.1") as listener:
        first, second = listener.expect(SENDER), listener.expect(Ticket(other, b"o" * 32, True))
        two = await connect(listener.addresses(), Ticket(other, b"o" * 32, False), own=["127.0.0.1"])
        one = await connect(listener.addresses(), RECEIVER, own=["127.0.0.1"])
        await (await anext(first)).send(Held(held=1))
        await (await anext(second)).send(Held(held=2))
        assert await anext(one.controls()) == Held(held=1)
        assert await anext(two.controls()) == Held(held=2)
        one.close()
        two.close()


NO_FRAMES = [
    b"\0" * 13,
    block_header(0, BLOCK + 1000),
    frame(Kind.CONTROL, bytes(100)),
    b"\xff\xff\xff\xff" + bytes(9),
    block_header(0, 1000) + bytes(1000),  # a block that nobody asked for
]


@pytest.mark.parametrize("sent", NO_FRAMES)
async def test_a_peer_that_speaks_no_frames_is_cut(sent: bytes):
    async with both() as (sender, receiver):
        sender._streams[0].line.sendall(sent)
        async with asyncio.timeout(20):
            await receiver.closed()
            await sender.closed()


async def test_a_receiver_that_asks_beyond_its_credit_is_cut():
    async with both() as (sender, receiver):
        await receiver.send(Want(from_=0, upto=CREDIT + 1))
        async with asyncio.timeout(20):
            assert "credit" in str(await sender.closed())


async def test_a_peer_that_talks_without_end_is_cut():
    async with both() as (sender, receiver):
        for _ in range(INBOX + 1):
            await sender.send(Held(held=1))
        async with asyncio.timeout(20):
            assert "hear" in str(await receiver.closed())
            await sender.closed()


async def test_a_silent_peer_is_asked_and_a_living_one_answers():
    async with both() as (sender, receiver):
        stream = sender._streams[0]
        sender._ping_after = receiver._ping_after = 0.05
        await sender.send(Held(held=0))
        heard_at = stream.heard_at
        async with asyncio.timeout(20):
            while stream.heard_at == heard_at:
                await asyncio.sleep(0)
        assert not sender._end.done()


async def test_a_peer_that_hangs_is_left():
    async with Listener(host="127.0.0.1") as listener:
        expected = listener.expect(SENDER)
        line = await dial(("127.0.0.1", listener.port))
        await (await approach(line, {}, RECEIVER))()
        sender = await anext(expected)
        sender._silent_after, sender._ping_after = 0.2, 0.05
        await sender.send(Held(held=0))  # the other side is a socket that nobody reads
        async with asyncio.timeout(20):
            assert "silent" in str(await sender.closed())
        line.close()


@pytest.mark.parametrize(
    ("offered", "tried"),
    [
        ([("224.0.0.1", 4000), ("0.0.0.0", 4000), ("255.255.255.255", 4000), ("::", 4000), ("ff02::1", 4000)], []),
        ([("127.0.0.1", 4000), ("::1", 4000), ("::ffff:127.0.0.1", 4000)], []),
        ([("192.168.1.2", 80), ("192.168.1.2", 1023), ("192.168.1.2", 70000)], []),
        ([("example.org", 4000), ("", 4000), ("127.1", 4000), ("0x7f000001", 4000)], []),
        ([("192.168.1.2", 4000), ("192.168.1.2", 4000), ("2001:db8::1", 4000)], 2),
        ([(f"10.0.{number}.1", 4000) for number in range(200)], 32),
    ],
)
async def test_of_a_peers_addresses_only_harmless_ones_are_tried(offered, tried):
    found = worth_trying(offered, ["10.9.9.9"])
    assert len(found) == (tried or 0)


async def test_this_hosts_addresses_are_ones_that_others_could_use():
    assert all(worth_trying([(each, 4000)], ["192.0.2.1"]) for each in own_addresses())


class Noting(Bucket):
    """A limit that remembers what it was asked for."""

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self.asked: list[int] = []

    def spend(self, size: int) -> float:
        self.asked.append(size)
        return super().spend(size)


async def test_a_limited_link_keeps_its_rate_and_never_stands_still_in_a_block():
    rate, size = 400_000, 200_000
    blocks, taker, bucket = Blocks(3, size), Taker(3), Noting(rate)
    async with both(bucket=bucket) as (sender, receiver):
        began = time.monotonic()
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0, 3)
        await taker.reaches(3)
        assert time.monotonic() - began >= (3 * size - rate / 4) / rate
    assert max(bucket.asked) <= rate / 4, "it waits for more than a quarter of a second's worth at once"
    assert sum(bucket.asked) >= 3 * size


async def test_one_limit_holds_for_all_streams_together():
    rate, size = 1_000_000, 100_000
    blocks, taker = Blocks(10, size), Taker(10)
    async with both(bucket=Bucket(rate), streams=4) as (sender, receiver):
        began = time.monotonic()
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0, 10)
        await taker.reaches(10)
        assert time.monotonic() - began >= (10 * size - rate / 4) / rate


async def test_a_sender_that_waits_for_its_limit_closes_at_once():
    async with both(bucket=Bucket(1)) as (sender, receiver):
        blocks = Blocks(5, BLOCK)
        sender.serve(blocks.seal)
        receiver.pull(Taker(5).take, 0, 5)
        async with asyncio.timeout(20):
            while not blocks.sealed:
                await asyncio.sleep(0)
            sender.close()
            await receiver.closed()


async def test_a_far_link_has_more_streams_than_a_near_one_and_most_without_bbr(monkeypatch):
    assert streams_wanted(FAR / 2) == 1
    monkeypatch.setattr("burrowspace.client.links.sockets.has_bbr", lambda: True)
    assert streams_wanted(FAR) == 2
    monkeypatch.setattr("burrowspace.client.links.sockets.has_bbr", lambda: False)
    assert streams_wanted(FAR) == SEVERAL


async def test_a_system_that_knows_none_of_the_socket_options_still_links(monkeypatch):
    for name in ("TCP_CONGESTION", "TCP_USER_TIMEOUT", "TCP_KEEPIDLE"):
        monkeypatch.setattr(socket, name, 9999)
    async with Listener() as listener:
        expected = listener.expect(SENDER)
        link = await connect([("127.0.0.1", listener.port)], RECEIVER, own=[])
        (await anext(expected)).close()
        await link.closed()


async def test_why_no_address_answers_is_said_in_words():
    with pytest.raises(ConnectionError) as caught:
        await connect([("127.0.0.1", free_port()), ("127.0.0.1", free_port())], RECEIVER, own=["127.0.0.1"])
    assert str(caught.value).endswith("answers: nobody listens there: the connection is refused")
