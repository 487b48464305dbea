"""What every Bus keeps to: one way to a peer, whichever node it is on, and news for whoever listens.

`one` and `other` are two nodes; within one process they are the same.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.bus_nats import NatsBus
from burrowspace.ports import Bus, Line
from burrowspace.socketio import Encoded
from burrowspace.socketio.encoded import plain
from tests.contracts.lines import HeldLine
from tests.nats import Nats

pytestmark = pytest.mark.anyio

ANN, BOB = "a" * 32, "b" * 32
LARGE = bytes(range(256)) * 100


@dataclass
class Node:
    """A bus, and what was heard there."""

    bus: Bus
    rung: list[tuple[str, ...]] = field(default_factory=list)
    shouted: list[tuple[bytes, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bus.on_ring(self._rung)
        self.bus.on_shout(self._shouted)

    def _rung(self, keys: Sequence[str]) -> None:
        self.rung.append(tuple(keys))

    def _shouted(self, packet: Encoded, but: str) -> None:
        self.shouted.append((bytes(plain(packet.head)), but))


@dataclass
class Two:
    one: Node
    other: Node


@pytest.fixture(params=["local", "nats"])
async def two(request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    if request.param == "local":
        node = Node(LocalBus())
        yield Two(node, node)
        return
    nats: Nats = request.getfixturevalue("nats")

    async def lives(peer_id: str) -> bool:  # as State would say it
        return any(peer_id == held for bus in (one, other) for held, _ in bus.lines())

    one, other = [NatsBus([nats.url], secrets.token_hex(16)) for _ in range(2)]
    await one.open(lives)
    await other.open(lives)
    yield Two(Node(one), Node(other))
    await one.close()
    await other.close()


async def until(condition: Callable[[], object]) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def found(node: Node, peer_id: str) -> Line:
    line = await node.bus.find(peer_id)
    assert line is not None
    return line


async def test_a_peer_is_found_from_every_node(two: Two) -> None:
    line = HeldLine()
    assert two.one.bus.attach(BOB, line, 1) is None
    assert two.one.bus.line(BOB) is line
    for node in (two.one, two.other):
        (await found(node, BOB)).send_array(b'["e",', b"1", b"]")
    await until(lambda: len(line.got) == 2)
    assert line.got == [[b'42["e",1]']] * 2


async def test_a_peer_that_is_nowhere_is_not_found(two: Two) -> None:
    assert await two.other.bus.find(ANN) is None
    assert two.other.bus.line(ANN) is None


async def test_a_line_that_was_found_is_there_at_once_the_next_time(two: Two) -> None:
    two.one.bus.attach(BOB, HeldLine(), 1)
    way = await found(two.other, BOB)
    assert two.other.bus.line(BOB) is way


async def test_a_node_counts_and_lists_its_own_peers_alone(two: Two) -> None:
    line = HeldLine()
    two.one.bus.attach(BOB, line, 1)
    await found(two.other, BOB)
    assert (len(two.one.bus), list(two.one.bus.lines())) == (1, [(BOB, line)])
    two.one.bus.detach(BOB, line)
    assert (len(two.one.bus), list(two.one.bus.lines())) == (0, [])


async def test_the_line_that_is_replaced_is_given_back_and_cannot_detach_the_new_one(two: Two) -> None:
    before, after = HeldLine(), HeldLine()
    two.one.bus.attach(BOB, before, 1)
    assert two.one.bus.attach(BOB, after, 2) is before
    assert two.one.bus.attach(BOB, after, 3) is None
    assert not two.one.bus.detach(BOB, before)
    assert two.one.bus.line(BOB) is after
    assert two.one.bus.detach(BOB, after)
    assert two.one.bus.line(BOB) is None


async def test_a_packet_arrives_whole_with_its_attachments(two: Two) -> None:
    line = HeldLine()
    two.one.bus.attach(BOB, line, 1)
    sent = Encoded.from_raw("/", b'["e",{"_placeholder":true,"num":0},"' + b"x" * 20_000 + b'"]', [LARGE])
    assert (await found(two.other, BOB)).send_encoded(sent)
    await until(lambda: line.got)
    assert line.got == [[bytes(plain(sent.head)), LARGE]]


async def test_packets_arrive_in_their_order_and_once(two: Two) -> None:
    line = HeldLine()
    two.one.bus.attach(BOB, line, 1)
    way = await found(two.other, BOB)
    for number in range(3000):
        way.send_array(b'["e",', b"%d" % number, b"]")
        if number % 700 == 0:
            await asyncio.sleep(0)
    await until(lambda: len(line.got) >= 3000)
    assert line.got == [[b'42["e",%d]' % number] for number in range(3000)]


async def test_the_sender_hears_when_the_peers_connection_has_taken_the_bytes_and_not_before(two: Two) -> None:
    line, told = HeldLine(open_hand=False), list[bool]()
    two.one.bus.attach(BOB, line, 1)
    way = await found(two.other, BOB)
    assert way.send_encoded(Encoded.from_raw("/", b'["e",1]'), told.append)
    await until(lambda: line.got)
    assert told == []
    line.take()
    await until(lambda: told)
    assert told == [True]


async def test_proof_comes_from_the_peer(two: Two) -> None:
    line, told = HeldLine(), list[bool]()
    two.one.bus.attach(BOB, line, 1)
    way = await found(two.other, BOB)
    way.send_array(b'["e",', b"1", b"]")
    way.confirm(told.append)
    await until(lambda: line.asked)
    assert (told, len(line.got)) == ([], 1)
    line.answer()
    await until(lambda: told)
    assert told == [True]


async def test_who_waits_on_a_line_that_dies_hears_it_and_nobody_sends_there_any_more(two: Two) -> None:
    line, told = HeldLine(open_hand=False), list[bool]()
    two.one.bus.attach(BOB, line, 1)
    way = await found(two.other, BOB)
    way.send_encoded(Encoded.from_raw("/", b'["e",1]'), told.append)
    way.confirm(told.append)
    await until(lambda: line.asked)
    two.one.bus.detach(BOB, line)
    line.disconnect()
    await until(lambda: len(told) == 2)
    await until(lambda: not way.connected)
    assert told == [False, False]
    assert not way.send_encoded(Encoded.from_raw("/", b'["e",2]'), told.append)
    assert two.other.bus.line(BOB) is None
    drained = list[bool]()
    way.on_drain(lambda: drained.append(True))
    way.confirm(told.append)
    assert (drained, told) == ([True], [False] * 3)


async def test_a_peer_that_comes_again_is_found_again(two: Two) -> None:
    before, after = HeldLine(), HeldLine()
    two.one.bus.attach(BOB, before, 1)
    way = await found(two.other, BOB)
    two.one.bus.detach(BOB, before)
    before.disconnect()
    await until(lambda: not way.connected)
    two.one.bus.attach(BOB, after, 2)
    (await found(two.other, BOB)).send_array(b'["e",', b"1", b"]")
    await until(lambda: after.got)
    assert before.got == []


async def test_keys_that_are_rung_are_heard_everywhere_and_here_at_once(two: Two) -> None:
    two.one.bus.ring(["mailbox", "7"])
    assert two.one.rung == [("mailbox", "7")]
    await until(lambda: any("7" in keys for keys in two.other.rung))
    assert sorted(key for keys in two.other.rung for key in keys) == ["7", "mailbox"]


async def test_what_is_shouted_is_heard_everywhere_once(two: Two) -> None:
    two.one.bus.shout(Encoded.from_raw("/", b'["gone",1]'), ANN)
    await until(lambda: two.other.shouted)
    assert two.one.shouted == two.other.shouted == [(b'42["gone",1]', ANN)]
