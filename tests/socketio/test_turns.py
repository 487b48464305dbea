"""No client, and no crowd of them, has a turn of the event loop for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from burrowspace.socketio import Server, ServerOptions, turns
from burrowspace.socketio.inlet import NARROW, STRANGE, WIDE, Inlet
from burrowspace.socketio.reading import GRANT, Reading
from burrowspace.socketio.websocket import AFTERTHOUGHT, AFTERTHOUGHTS
from tests.socketio.conftest import Serve
from tests.socketio.wire import until

pytestmark = pytest.mark.anyio

CONTINUATION, TEXT = 0, 1
MIB = 1 << 20


class Turn:
    """Counts the turns of the running loop."""

    def __init__(self) -> None:
        self.number = 0
        self._again()

    def _again(self) -> None:
        self.number += 1
        self._handle = asyncio.get_running_loop().call_soon(self._again)

    def stop(self) -> None:
        self._handle.cancel()


@pytest.fixture
async def turn(anyio_backend: object) -> Iterator[Turn]:  # type: ignore[misc]
    counted = Turn()
    yield counted
    counted.stop()


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every turn has lasted long enough as soon as somebody asks."""
    monkeypatch.setattr(turns, "SLICE_S", -1.0)


def reads(monkeypatch: pytest.MonkeyPatch, note: Callable[[int], None]) -> None:
    """Notes the bytes of each read of a client that is not trusted."""
    read = Inlet._read_in_turn

    def noting(self: Inlet, nbytes: int) -> None:
        read(self, nbytes)
        note(nbytes)

    monkeypatch.setattr(Inlet, "_read_in_turn", noting)


@pytest.mark.usefixtures("short_turns")
async def test_many_small_messages_of_one_read_are_worked_on_in_many_turns(serve: Serve, turn: Turn) -> None:
    server = Server()
    heard: Counter[int] = Counter()
    order: list[int] = []

    @server.of("/").on("number")
    def number(socket: object, value: int) -> None:
        heard[turn.number] += 1
        order.append(value)

    app = await serve(server)
    wire = await app.joined()
    await wire.send(*(f'42["number",{each}]' for each in range(1000)))
    await until(lambda: len(order) == 1000)
    assert order == list(range(1000))
    assert max(heard.values()) <= 2 * (GRANT + 1)


@pytest.mark.usefixtures("short_turns")
async def test_a_client_that_says_little_at_once_is_not_paused_for_a_long_turn(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[Reading] = []
    monkeypatch.setattr(Reading, "pause", paused.append)
    server = Server()
    got: list[int] = []
    server.of("/").on("number")(lambda socket, value: got.append(value))
    app = await serve(server)
    wire = await app.joined()
    for first in range(0, 4 * GRANT, GRANT):
        numbers = range(first, first + GRANT)
        await wire.send(*(f'42["number",{each}]' for each in numbers))
        await until(lambda: len(got) > numbers[-1])  # noqa: B023
    assert got == list(range(4 * GRANT))
    assert not paused


async def test_a_guest_is_read_little_at_a_time_however_much_it_sends(
    serve: Serve, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    each: list[int] = []
    together: Counter[int] = Counter()

    def note(nbytes: int) -> None:
        each.append(nbytes)
        together[turn.number] += nbytes

    reads(monkeypatch, note)
    server = Server(ServerOptions(guests=True))
    got: list[int] = []
    server.of("/").on("much")(lambda socket, text: got.append(len(text)))
    app = await serve(server)
    wires = [await app.joined() for _ in range(12)]
    for wire in wires:
        wire.frame(TEXT, b'42["much","%b"]' % (b"x" * 900_000))
    await until(lambda: len(got) == len(wires))
    assert got == [900_000] * len(wires)
    assert max(each) <= STRANGE
    first, *later = sorted(together.values(), reverse=True)
    assert first <= len(wires) * STRANGE  # each may begin at once
    assert later[len(wires)] <= turns.TOGETHER * STRANGE


async def test_who_is_trusted_is_read_in_large_pieces_once_it_sends_large_messages(serve: Serve) -> None:
    server = Server(ServerOptions(guests=True))
    got: list[str] = []
    server.of("/").on("say")(lambda socket, text: got.append(text))
    app = await serve(server)
    wire = await app.joined()
    (socket,) = server.of("/").sockets.values()
    websocket = socket.session.websocket
    assert websocket is not None
    socket.trust()
    assert websocket.inlet.most == NARROW
    await wire.send('42["say","%s"]' % ("x" * 100_000))
    await until(lambda: got)
    assert websocket.inlet.most == WIDE
    await wire.send(*['42["say","y"]'] * (GRANT + 2))
    await until(lambda: len(got) == GRANT + 3)
    assert websocket.inlet.most == NARROW


async def test_the_read_buffer_does_not_grow_with_what_waits_to_be_read(serve: Serve) -> None:
    server = Server()
    count = [0]

    @server.of("/").on("say")
    def say(socket: object, text: str) -> None:
        count[0] += 1

    app = await serve(server)
    wire = await app.joined()
    (socket,) = server.of("/").sockets.values()
    websocket = socket.session.websocket
    assert websocket is not None
    socket.pause_reading()  # so that the kernel has megabytes when it is read again
    for _ in range(3000):
        wire.frame(TEXT, b'42["say","%b"]' % (b"x" * 1000))
    socket.resume_reading()
    await wire.writer.drain()
    await until(lambda: count[0] == 3000)
    assert len(websocket.inlet._space(0)) <= 4 * NARROW


@pytest.mark.parametrize("trusted", [False, True])
async def test_who_waits_for_its_turn_is_not_read_while_the_application_pauses_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    server = Server(ServerOptions(guests=True))
    got: list[int] = []
    server.of("/").on("much")(lambda socket, text: got.append(len(text)))
    app = await serve(server)
    waited: list[bool] = []

    def pause(nbytes: int) -> None:
        if not waited and nbytes == STRANGE:
            waited.append(websocket.inlet.waiting)
            socket.pause_reading()
            if trusted:
                socket.trust()

    reads(monkeypatch, pause)
    wire = await app.joined()
    (socket,) = server.of("/").sockets.values()
    websocket = socket.session.websocket
    assert websocket is not None
    wire.frame(TEXT, b'42["much","%b"]' % (b"x" * 600_000))
    await until(lambda: waited)
    paused_at = websocket.received()
    await (await app.joined()).send('42["much",""]')
    await until(lambda: got)  # several turns later
    assert waited == [True]
    assert not websocket.inlet.waiting
    assert got == [0]
    assert not websocket.underlying.is_reading()
    socket.resume_reading()
    await until(lambda: len(got) == 2)
    assert got[1] == 600_000
    assert websocket.received() > paused_at


async def test_large_frames_after_our_close_cut_the_connection(serve: Serve) -> None:
    server = Server(ServerOptions(close_timeout_ms=60_000))
    server.of("/")
    app = await serve(server)
    wire = await app.joined()
    (socket,) = server.of("/").sockets.values()
    socket.session.close("server namespace disconnect")
    sent = AFTERTHOUGHT * AFTERTHOUGHTS // (MIB // 2) + 2
    for _ in range(sent):
        wire.frame(TEXT, b"2" * (MIB // 2))
    await wire.gone()
    assert not app.engine.websockets
