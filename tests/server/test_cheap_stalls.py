"""What a stranger can say cheaply costs the server little: bounds that are counted, not timed.

How late others are beside such callers is measured by `python -m bench.hostile`.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from burrowspace.core.errors import BadRequest
from burrowspace.core.upload_headers import metadata
from burrowspace.server.bulk.form import HEAD_BYTES, FormHead
from burrowspace.server.multipart import header_options
from burrowspace.server.request_guard import check_json
from burrowspace.socketio import BadPacket, TooManyParts, front
from burrowspace.socketio.engine_packet import split_payload
from burrowspace.socketio.front import Front
from burrowspace.socketio.json_text import MAX_PARTS, check_depth, loads
from burrowspace.socketio.reading import LONGEST, Reading
from tests.app import Running, running
from tests.bulk.wire import Wire
from tests.server.test_hostile_sockets import Device, World

pytestmark = pytest.mark.anyio

FORM = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
NOTE = b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\n' + b"n" * 30_000 + b"\r\n"


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, bulk_threads=request.param) as server:
        yield server


@pytest.mark.parametrize("body", [FORM, NOTE + FORM], ids=["file", "note-first"])
def test_the_head_of_a_form_is_looked_through_once_however_it_trickles_in(body: bytes):
    head, part = FormHead(b"B"), None
    for at in range(len(body)):
        part = head.feed(body[at : at + 1])
        assert (part is None) == (at < len(body) - 1)
    assert part is not None
    assert (part.start, part.name) == (len(body), "a")
    assert head.searched < 10 * len(body)  # a boundary may lie across two pieces


def test_a_form_whose_file_does_not_come_is_given_up_at_its_bound():
    head = FormHead(b"B")
    assert head.feed(NOTE[:-2]) is None
    assert not head.over
    assert head.feed(b"n" * HEAD_BYTES) is None
    assert head.over
    many = FormHead(b"B")
    assert many.feed(b"--B\r\n" + b"a: b\r\n\r\n\r\n--B\r\n" * 200) is None
    assert many.over
    other = FormHead(b"B")
    assert other.feed(b"--C") is None
    assert other.over


def test_a_form_header_that_takes_the_square_of_its_length_is_refused():
    with pytest.raises(BadRequest):
        header_options("form-data; " + ";" * 60_000)
    with pytest.raises(BadRequest):
        metadata(",".join(["a"] * 4000))


def test_json_with_too_many_parts_is_refused_before_it_is_looked_at():
    wide = b"[" + b"[]," * MAX_PARTS + b"1]"
    with pytest.raises(TooManyParts):
        check_depth(wide)
    with pytest.raises(TooManyParts):
        loads(b"[" + b'"",' * MAX_PARTS + b"[]" * 70 + b"]")
    with pytest.raises(BadPacket):
        check_depth(b"[" * 65 + b"]" * 65)
    check_depth(b"[" * 64 + b'"' + b"[" * 100 + b'\\"[' * 10 + b'"' + b"]" * 64)
    check_depth(b'"' + b'\\"' * 1000)  # an open string, once through
    for body in (b"[" + b"[]," * 8192 + b"1]", b"[" + b"1," * 30_000 + b"1]", b'["' + b'","' * 20_000 + b'"]'):
        with pytest.raises(BadRequest, match="more than 8192"):
            check_json(body)


def test_packets_of_a_polling_body_are_taken_one_at_a_time():
    packets = split_payload(b"\x1e" * 1_000_000)
    assert next(packets) == b""
    assert list(split_payload(b"a\x1eb\x1e")) == [b"a", b"b", b""]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as server:
        world = World(server)
        world.bob = await world.arrive("bob")
        yield world


async def test_a_wide_signal_is_refused_and_its_socket_lives(world: World):
    ann = await world.arrive("ann")
    wide = {"target_peer_id": world.bob.peer, "sender_peer_id": ann.peer, "signal": [[]] * MAX_PARTS}
    assert (await ann.call("peer_signal", wide))["code"] == "too-large"
    fits = {**wide, "signal": [[]] * 1000}
    assert await ann.call("peer_signal", fits) == {"status": "success"}
    assert (await world.bob.event())[1]["signal"] == [[]] * 1000


async def test_who_sends_what_is_expensive_to_look_at_is_not_read_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    rests: list[float] = []
    plain = Reading.rest

    def rest(reading: Reading, seconds: float) -> None:
        rests.append(seconds)
        plain(reading, seconds)
        assert reading.paused

    monkeypatch.setattr(Reading, "rest", rest)
    ann = await world.arrive("ann")
    nested = {"target_peer_id": world.bob.peer, "sender_peer_id": ann.peer, "signal": [[]] * 10_000}
    assert await ann.call("peer_signal", nested) == {"status": "success"}
    assert len(rests) == 1
    await ann.wire.send("42" + json.dumps(["unknown", "x" * 10_000]))
    assert await ann.call("peer_signal", {**nested, "signal": "small"}) == {"status": "success"}
    assert len(rests) == 2


async def test_many_who_are_expensive_to_look_at_are_read_again_one_after_the_other(world: World):
    engine = world.server.app.realtime.engine
    others = [await world.arrive(f"ann{number}") for number in range(LONGEST)]
    readings = [session.reading for session in engine.sessions.values()]
    for reading in readings:
        reading.rest(100.0)
    back = [reading.throttled_until - engine.timers.now() for reading in readings]
    longest = [100.0 * min(each + 1, LONGEST) for each in range(len(readings))]
    assert back == pytest.approx(longest, abs=0.5)
    last = engine.last_turn
    late = await world.arrive("late")
    *_, reading = (session.reading for session in engine.sessions.values())
    reading.rest(1.0)
    assert reading.throttled_until - engine.timers.now() < LONGEST + 0.5  # however many came before
    assert engine.last_turn == last  # and it lets nobody in before its turn
    assert len(others) == len(readings) - 1, late  # bob is there as well


async def test_a_large_event_with_many_brackets_is_not_looked_at_before_its_socket_has_registered(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    looked: list[int] = []
    monkeypatch.setattr("burrowspace.server.events.check_depth", lambda body: looked.append(len(body)))
    stranger = Device(await world.join(), await world.server.connect("ann"))
    nested = {"target_peer_id": world.bob.peer, "sender_peer_id": stranger.peer, "signal": [[]] * 10_000}
    assert (await stranger.call("peer_signal", nested))["code"] == "too-large"
    assert not looked


async def test_a_request_has_a_bounded_number_of_headers_and_a_bounded_url(server: Running):
    wire = await Wire.to(server)
    await wire.ask("GET", "/hello", **{f"h{number}": "x" for number in range(90)})
    assert (await wire.get()).status == 200
    await wire.ask("GET", "/hello", **{f"h{number}": "x" for number in range(200)})
    assert (await wire.get()).status == 431
    wire = await Wire.to(server)
    await wire.ask("GET", "/peers?" + "a&" * 5000)
    assert (await wire.get()).status == 414


async def test_a_flood_of_pipelined_requests_ends_the_connection(server: Running):
    wire = await Wire.to(server)
    await wire.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
    for _ in range(5):
        assert (await wire.get()).status == 200
    await wire.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    assert (await wire.closed()).count(b"HTTP/1.1 200") < 100


async def test_a_body_of_tiny_chunks_is_passed_on_together(server: Running, monkeypatch: pytest.MonkeyPatch):
    passed = []
    plain = HttpToolsProtocol.on_body

    def on_body(self: HttpToolsProtocol, body: bytes) -> None:
        passed.append(len(body))
        plain(self, body)

    monkeypatch.setattr(HttpToolsProtocol, "on_body", on_body)
    made = await server.transfer()
    passed.clear()
    wire = await Wire.to(server)
    await wire.ask("PUT", f"/upload/{made}", Transfer_Encoding="chunked")
    await wire.send(b"1\r\nx\r\n" * 5_000 + b"0\r\n\r\n")
    assert (await wire.get()).status == 200
    assert sum(passed) == 5_000
    assert len(passed) < 100
    async with server.http.get(f"/download/{made}") as answer:
        assert await answer.read() == b"x" * 5_000


async def test_a_flood_of_tiny_chunks_ends_its_connection(server: Running):
    made = await server.transfer()
    wire = await Wire.to(server)
    await wire.ask("PUT", f"/upload/{made}", Transfer_Encoding="chunked")
    with contextlib.suppress(ConnectionError):
        await wire.pour(b"1\r\nx\r\n" * 100_000, 1 << 24)
    assert await wire.closed() == b""
    await server.get("/status")


async def test_who_floods_is_left_unread_before_the_connection_ends(server: Running, monkeypatch: pytest.MonkeyPatch):
    reads = []
    read = Front.data_received

    def data_received(self: Front, data: bytes) -> None:
        reads.append(len(data))
        read(self, data)

    monkeypatch.setattr(Front, "data_received", data_received)
    monkeypatch.setattr(front, "FLOOD_REST_S", 3600.0)
    made = await server.transfer()
    floods = []
    for body in (b"1\r\nx\r\n" * 12_000, b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" * 100):
        wire = await Wire.to(server)
        if body.startswith(b"1"):
            await wire.ask("PUT", f"/upload/{made}", Transfer_Encoding="chunked")
        await wire.send(body)
        floods.append(wire)
    await server.get("/status")
    before = sum(reads)
    for wire in floods:
        wire.writer.write(b"x" * 500_000)
    for _ in range(20):
        await server.get("/hello")
    assert sum(reads) - before < 20 * 500  # of /hello alone
    for wire in floods:
        assert wire.reader.exception() is None
        assert not wire.reader.at_eof()
        wire.writer.transport.abort()
