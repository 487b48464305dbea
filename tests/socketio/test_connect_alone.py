"""The answer to CONNECT leaves in a write of its own: a program that waits for one message and then for the next, as
the official suite does, loses what arrives in the same read."""

from __future__ import annotations

import asyncio
import json

import pytest

from burrowspace.socketio import Encoded, Server, Socket, outbox
from burrowspace.socketio.conformance import socket_app
from burrowspace.socketio.outbox import ALONE_S, MOST_BEHIND
from tests.socketio.conftest import Serve
from tests.socketio.test_clients import JS, node
from tests.socketio.wire import Listening, until

__all__ = ["node"]
pytestmark = pytest.mark.anyio


def one(server: Server) -> Socket:
    (socket,) = server.of("/").sockets.values()
    return socket


async def test_ws_8_5_sees_connect_and_the_event_behind_it_in_reads_of_their_own(
    serve: Serve, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "ALONE_S", 0.5)  # node may have to wait for its turn on a busy machine
    app = await serve(socket_app(ping_interval_ms=25_000))
    process = await asyncio.create_subprocess_exec(
        node, "reads.mjs", f"ws://127.0.0.1:{app.port}", "2", cwd=JS, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    lines = [json.loads(line) for line in output.splitlines()]
    assert len(lines) == 4
    for (connect, first), (event, second) in lines:
        assert connect.startswith("40"), lines
        assert '["auth"' in event, lines
        assert first < second, lines


async def test_what_follows_waits_until_the_client_had_time_to_read(app: Listening) -> None:
    wire = await app.session()
    await wire.send("40")
    assert (await wire.text()).startswith("40{")
    loop = asyncio.get_running_loop()
    read_at = loop.time()
    assert not wire.reader._buffer  # type: ignore[attr-defined]
    assert await wire.text() == '42["auth",{}]'
    assert loop.time() - read_at > ALONE_S / 2


async def test_a_client_that_answers_has_read_it_and_is_not_made_to_wait(app: Listening) -> None:
    wire = await app.session()
    await wire.send("40")
    assert (await wire.text()).startswith("40{")
    websocket = next(iter(app.engine.websockets))
    websocket._alone_until = asyncio.get_running_loop().time() + 60  # it would wait for ever
    await wire.send('42["message","hi"]')
    assert await wire.text() == '42["auth",{}]'
    assert await wire.text() == '42["message-back","hi"]'


async def test_what_was_said_in_one_write_with_connect_is_answered_in_order(app: Listening) -> None:
    wire = await app.session()
    await wire.send("40", '421["message-with-ack","a"]', '42["message","b"]')
    assert (await wire.text()).startswith("40{")
    assert not wire.reader._buffer  # type: ignore[attr-defined]
    assert [await wire.text() for _ in range(3)] == ['42["auth",{}]', '431["a"]', '42["message-back","b"]']


async def test_no_more_than_a_few_small_packets_wait_behind_it(app: Listening) -> None:
    server = app.served
    assert isinstance(server, Server)
    wire = await app.session()
    await wire.send("40")
    await until(lambda: server.of("/").sockets)
    socket = one(server)
    websocket = next(iter(app.engine.websockets))
    websocket._alone_until = asyncio.get_running_loop().time() + 60
    for number in range(MOST_BEHIND):  # one more than fits: the handler's own event waits there too
        socket.emit("n", number)
    assert [(await wire.text())[:3] for _ in range(2 + MOST_BEHIND)] == ["40{"] + ["42["] * (1 + MOST_BEHIND)
    await wire.send("40/custom,")
    await until(lambda: server.of("/custom").sockets)
    websocket._alone_until = asyncio.get_running_loop().time() + 60
    socket.emit("large", "x" * 9000)
    assert (await wire.text()).startswith("40/custom,{")
    assert await wire.text() == '42/custom,["auth",{}]'
    assert (await wire.text()).startswith('42["large"')


async def test_what_waits_goes_out_before_the_close_and_a_dead_connection_takes_nothing(app: Listening) -> None:
    server = app.served
    assert isinstance(server, Server)
    taken: list[bool] = []
    wire = await app.session()
    await wire.send("40")
    await until(lambda: server.of("/").sockets)
    socket = one(server)
    socket.send_encoded(Encoded.from_raw("/", b'["last"]'), taken.append)
    assert taken == []
    socket.disconnect(close=True)
    assert taken == [True]
    assert [(await wire.text())[:7] for _ in range(4)][1:] == ['42["aut', '42["las', "41"]
    assert await wire.closed() == 1000

    wire = await app.session()
    await wire.send("40")
    await until(lambda: server.of("/").sockets)
    socket = one(server)
    websocket = socket.session.websocket
    assert websocket is not None
    websocket._alone_until = asyncio.get_running_loop().time() + 60
    socket.send_encoded(Encoded.from_raw("/", b'["last"]'), taken.append)
    wire.cut()
    await until(lambda: taken == [True, False])
