"""What holds between nodes alone: whose line is the newer one, what breaks, and what strangers say on the bus."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import nats as nats_client
import pytest

from burrowspace.adapters import bus_nats
from burrowspace.adapters.bus_nats import NatsBus
from burrowspace.core import bus_frames
from burrowspace.core.bus_frames import Frame, Kind
from burrowspace.core.bus_rules import LINE_CREDIT, LINE_MOST
from burrowspace.faults import CannotStart
from burrowspace.socketio import Encoded
from tests.contracts.lines import HeldLine
from tests.contracts.test_bus import ANN, BOB, Node, found, until
from tests.nats import Nats, cluster

pytestmark = pytest.mark.anyio

EVENT = Encoded.from_raw("/", b'["e",1]')


class Nodes:
    """Some nodes on one bus. `alive` are the peers that State would say have a line."""

    def __init__(self, urls: list[str], count: int = 2) -> None:
        self.alive: set[str] = set()
        self.nodes = [Node(NatsBus(urls, secrets.token_hex(16))) for _ in range(count)]
        self.one, self.other = self.nodes[:2]

    @property
    def buses(self) -> list[NatsBus]:
        return [node.bus for node in self.nodes if isinstance(node.bus, NatsBus)]

    async def _lives(self, peer_id: str) -> bool:
        return peer_id in self.alive

    async def open(self) -> "Nodes":
        for bus in self.buses:
            await bus.open(self._lives)
        return self

    async def close(self) -> None:
        for bus in self.buses:
            await bus.close()

    def attach(self, node: Node, peer_id: str, number: int = 1, *, open_hand: bool = True) -> HeldLine:
        self.alive.add(peer_id)
        line = HeldLine(open_hand=open_hand)
        node.bus.attach(peer_id, line, number)
        return line


@pytest.fixture
def own_nats() -> Iterator[Nats]:
    """One that the test may kill."""
    server = Nats().start()
    yield server
    server.kill()


@pytest.fixture
async def nodes(own_nats: Nats) -> AsyncIterator[Nodes]:
    made = await Nodes([own_nats.url]).open()
    yield made
    await made.close()


async def test_a_peer_that_registers_on_another_node_is_there_alone(nodes: Nodes) -> None:
    before = nodes.attach(nodes.one, BOB, 1)
    await found(nodes.other, BOB)
    after = nodes.attach(nodes.other, BOB, 2)
    assert nodes.other.bus.line(BOB) is after
    await until(lambda: not before.connected)
    nodes.one.bus.detach(BOB, before)
    assert await found(nodes.one, BOB) is not before
    assert after.connected


async def test_the_newer_registration_stays_whichever_is_heard_first(nodes: Nodes) -> None:
    newer = nodes.attach(nodes.one, BOB, 2)
    await found(nodes.other, BOB)
    older = nodes.attach(nodes.other, BOB, 1)
    await until(lambda: not older.connected)
    assert newer.connected


async def test_a_peer_whose_node_lives_is_looked_for_twice(nodes: Nodes) -> None:
    nodes.alive.add(BOB)  # its node has written that it is there, and says so on the bus only in a moment
    looking = asyncio.create_task(nodes.other.bus.find(BOB))
    await asyncio.sleep(0.1)
    assert not looking.done()
    nodes.attach(nodes.one, BOB)
    assert await looking is not None


async def test_a_peer_that_never_comes_is_given_up(nodes: Nodes) -> None:
    nodes.alive.add(BOB)
    async with asyncio.timeout(10):
        assert await nodes.other.bus.find(BOB) is None


async def test_who_feeds_a_slow_peer_of_another_node_waits_until_it_takes_again(nodes: Nodes) -> None:
    line = nodes.attach(nodes.one, BOB, open_hand=False)
    way = await found(nodes.other, BOB)
    piece = Encoded.from_raw("/", b'["e",{"_placeholder":true,"num":0}]', [bytes(256 << 10)])
    sent, drained = 0, list[int]()
    while not way.over_budget:
        assert way.send_encoded(piece)
        sent += 1
    assert LINE_CREDIT < sent * piece.size < 2 * LINE_CREDIT
    way.on_drain(lambda: drained.append(len(line.got)))
    await until(lambda: len(line.got) == sent)
    assert drained == []
    line.take()
    await until(lambda: drained)
    assert not way.over_budget
    assert way.connected


async def test_a_line_whose_feeder_does_not_wait_is_given_up(nodes: Nodes) -> None:
    nodes.attach(nodes.one, BOB, open_hand=False)
    way, told = await found(nodes.other, BOB), list[bool]()
    piece = Encoded.from_raw("/", b'["e",{"_placeholder":true,"num":0}]', [bytes(512 << 10)])
    count = LINE_MOST // piece.size + 1
    sent = [way.send_encoded(piece, told.append) for _ in range(count)]
    assert sent == [True] * (count - 1) + [False]
    assert told == [False] * (count - 1)


async def test_a_bus_that_breaks_kills_lines_at_once_and_they_are_found_again(nodes: Nodes, own_nats: Nats) -> None:
    line, told = nodes.attach(nodes.one, BOB, open_hand=False), list[bool]()
    way = await found(nodes.other, BOB)
    way.send_encoded(EVENT, told.append)
    way.confirm(told.append)
    await until(lambda: line.asked)
    own_nats.kill()
    await until(lambda: len(told) == 2)
    assert told == [False, False]
    assert nodes.other.bus.line(BOB) is None
    nodes.one.bus.ring(["missed"])
    looking = asyncio.create_task(nodes.other.bus.find(BOB))
    own_nats.start()
    again = await looking
    assert again is not None
    again.send_encoded(EVENT)
    await until(lambda: len(line.got) == 2)
    await until(lambda: () in nodes.one.rung and () in nodes.other.rung)  # anything may have changed meanwhile


async def test_one_of_three_servers_of_the_bus_may_die() -> None:
    servers = cluster(3)
    try:
        nodes = await Nodes([server.url for server in servers]).open()
        try:
            line = nodes.attach(nodes.one, BOB)
            for server in servers:
                way = await found(nodes.other, BOB)
                way.send_encoded(EVENT)
                await until(lambda: line.got)
                server.kill()
                line.got.clear()
                async with asyncio.timeout(20):
                    while (again := await nodes.other.bus.find(BOB)) is None or not again.send_encoded(EVENT):
                        await asyncio.sleep(0.01)
                    while not line.got:  # what was on its way through the server that died is lost
                        await asyncio.sleep(0.01)
                        if (again := await nodes.other.bus.find(BOB)) is not None:
                            again.send_encoded(EVENT)
                server.start()
        finally:
            await nodes.close()
    finally:
        for server in servers:
            server.kill()


async def test_a_node_that_is_silent_is_given_up(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_nats, "BEAT_S", 0.05)
    monkeypatch.setattr(bus_nats, "SILENT_S", 0.5)
    nodes.attach(nodes.one, BOB)
    way, told = await found(nodes.other, BOB), list[bool]()
    way.confirm(told.append)
    await until(lambda: nodes.other.bus.line(BOB) is way)
    await nodes.buses[0]._nats.close()  # without a word, as a machine that loses its power
    await until(lambda: told)
    assert (told, way.connected, nodes.other.bus.line(BOB)) == ([False], False, None)


async def test_a_batch_that_is_missing_kills_the_lines_between_two_nodes(nodes: Nodes, own_nats: Nats) -> None:
    line, told = nodes.attach(nodes.one, BOB, open_hand=False), list[bool]()
    way = await found(nodes.other, BOB)
    way.send_encoded(EVENT, told.append)
    await until(lambda: line.got)
    one, other = nodes.buses
    other._numbers[bus_nats.NODE + one.node] += 1  # as if NATS had dropped one
    way.send_encoded(EVENT, told.append)
    await until(lambda: len(told) == 2)
    assert told == [False, False]
    assert len(line.got) == 1  # nothing of a dead line is delivered
    line.open_hand = True
    (await found(nodes.other, BOB)).send_encoded(EVENT, told.append)
    await until(lambda: len(told) == 3)
    assert (told[2], len(line.got)) == (True, 2)


async def test_a_missing_message_of_the_bell_means_that_anything_may_have_changed(nodes: Nodes) -> None:
    nodes.one.bus.ring(["a"])
    await until(lambda: nodes.other.rung)
    nodes.buses[0]._numbers[bus_nats.BELL] += 1
    nodes.one.bus.ring(["b"])
    await until(lambda: () in nodes.other.rung)


async def test_more_keys_than_a_message_carries_mean_that_anything_may_have_changed(nodes: Nodes) -> None:
    keys = [f"key {number}" for number in range(3000)]
    nodes.one.bus.ring(keys)
    await until(lambda: sum(map(len, nodes.other.rung)) == 3000)
    nodes.one.bus.ring([f"key {number}" for number in range(5000)])
    await until(lambda: () in nodes.other.rung)


async def test_strangers_on_the_bus_break_nothing(nodes: Nodes, own_nats: Nats) -> None:
    line = nodes.attach(nodes.one, BOB)
    way = await found(nodes.other, BOB)
    one, other = nodes.buses
    stranger, peer = "f" * 32, BOB.encode()
    handle = next(iter(one._handles))
    whole = bus_frames.batch(stranger, 1, 1, [Frame(Kind.EVENT, handle, 7, [b'42["e"]']), Frame(Kind.TAKEN, 9, 9, [])])
    said = [
        b"",
        b"BRW1",
        secrets.token_bytes(500),
        whole[:-1],
        whole,
        bus_frames.batch(
            stranger, 1, 2, [Frame(Kind.RESET), Frame(Kind.DEAD, handle), Frame(Kind.PROBE, 0, 2**64 - 1)]
        ),
        bus_frames.batch(other.node, 2**64 - 1, 0, []),
        bus_frames.batch("0" * 32, 1, 1, [Frame(Kind.FIND, parts=[peer]), Frame(Kind.KICK, 0, 0, [peer])]),
        bus_frames.batch("0" * 32, 1, 1, [Frame(Kind.FOUND, 3, 3), Frame(Kind.RING), Frame(Kind.CLOSE, 12345)]),
    ]
    client = await nats_client.connect(own_nats.url)
    for subject in (bus_nats.NODE + one.node, bus_nats.PEER + BOB, bus_nats.BELL, bus_nats.ALL):
        for data in said:
            await client.publish(subject, data)
    for number in range(400):  # nodes that nobody knows
        data = bus_frames.batch(f"{number:032x}", 1, 1, [Frame(Kind.PROBE, 0, 1)])
        await client.publish(bus_nats.NODE + one.node, data)
        await client.publish(bus_nats.BELL, data)
    await client.flush()
    await client.close()
    assert line.got == []
    await until(lambda: len(one._far) == bus_nats.NODES_MOST)
    assert len(one._bells) <= bus_nats.NODES_MOST
    if not way.connected:  # somebody spoke in the name of its node, which has begun anew
        way = await found(nodes.other, BOB)
    way.send_encoded(EVENT)
    await until(lambda: line.got)


async def test_an_answer_of_a_stranger_to_a_question_is_no_line(nodes: Nodes, own_nats: Nats) -> None:
    client = await nats_client.connect(own_nats.url)

    async def answer(message: object) -> None:
        await message.respond(b"BRW1 but no batch")  # type: ignore[attr-defined]

    await client.subscribe(bus_nats.PEER + ANN, cb=answer)
    await client.flush()
    assert await nodes.one.bus.find(ANN) is None
    await client.close()


async def nobody(peer_id: str) -> bool:
    return False


async def test_a_bus_that_is_not_there_or_takes_too_little_ends_the_start(
    own_nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = NatsBus([own_nats.url], secrets.token_hex(16), most_bytes=2 << 20)
    with pytest.raises(CannotStart, match="max_payload"):
        await bus.open(nobody)
    await bus.close()
    monkeypatch.setattr(bus_nats, "START_S", 0.3)
    own_nats.kill()
    bus = NatsBus([f"nats://user:secret@127.0.0.1:{own_nats.port}"], secrets.token_hex(16))
    with pytest.raises(CannotStart) as refused:
        await bus.open(nobody)
    assert "secret" not in refused.value.sentence
    await bus.close()
