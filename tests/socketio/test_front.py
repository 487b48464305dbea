"""One port for HTTP and WebSockets: nothing hangs, nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from burrowspace.socketio import front
from tests.socketio.wire import KEY, Listening, Wire, read_answer, until

pytestmark = pytest.mark.anyio

UPGRADE = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"


async def exchange(app: Listening, data: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(data.encode())
    return reader, writer


async def test_an_upgrade_elsewhere_is_404(echo: Listening) -> None:
    wire, answer = await echo.try_open("EIO=4&transport=websocket", path="/elsewhere")
    assert answer.status == 404
    await wire.gone()


@pytest.mark.parametrize(
    "head",
    [
        f"POST /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n",
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.0\r\nHost: x\r\n{UPGRADE}\r\n",
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}Content-Length: 4\r\n\r\n4xyz",
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}Content-Length: 4\r\n\r\n",
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}Transfer-Encoding: chunked\r\n\r\n",
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}{UPGRADE}\r\n",
        f"GET /engine.io/?{'a' * 5000}&EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n",
    ],
)
async def test_odd_upgrades_are_refused_at_once(echo: Listening, head: str) -> None:
    reader, writer = await exchange(echo, head)
    answer = await asyncio.wait_for(read_answer(reader), 20)
    assert 400 <= answer.status < 500
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()
    assert not echo.engine.sessions


async def test_another_kind_of_upgrade_is_answered_as_the_plain_request_it_is(echo: Listening) -> None:
    reader, writer = await exchange(
        echo,
        "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
    )
    answer = await asyncio.wait_for(read_answer(reader), 20)
    assert answer.status == 200
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_an_upgrade_on_a_kept_connection_is_taken(echo: Listening) -> None:
    reader, writer = await exchange(echo, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await read_answer(reader)).status == 200
    writer.write(f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
    assert (await read_answer(reader)).status == 101
    wire = Wire(reader, writer)
    assert (await wire.text()).startswith("0{")
    await wire.send("4x")
    assert await wire.text() == "4x"


async def test_an_upgrade_behind_an_unanswered_request_does_not_break_into_its_answer(echo: Listening) -> None:
    polling = await echo.open_polling()
    reader, writer = await exchange(
        echo,
        f"GET /engine.io/?{polling.query} HTTP/1.1\r\nHost: x\r\n\r\n"
        f"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n",
    )
    await polling.post("4x")
    answer = await asyncio.wait_for(read_answer(reader), 20)
    assert (answer.status, answer.body) == (200, b"4x")
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_a_head_that_does_not_come_is_not_waited_for(echo: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.05)  # else 10, more than what is waited here
    for begin in ("", "GET /engine.io/?EIO=4 HTTP/1.1\r\nHost:"):
        reader, writer = await exchange(echo, begin)
        assert await asyncio.wait_for(reader.read(), 8) == b""
        writer.close()
    reader, writer = await exchange(
        echo, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\nGET /engine.io/ HTTP/1.1\r\nHo"
    )
    assert (await read_answer(reader)).status == 200
    assert await asyncio.wait_for(reader.read(), 8) == b""
    writer.close()


async def test_a_request_that_waits_longer_than_a_head_may_take_is_answered(
    echo: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.02)
    polling = await echo.open_polling()
    pending = asyncio.create_task(polling.get())
    await asyncio.sleep(0.05)
    await polling.post("4x")
    assert (await pending).body == b"4x"


async def test_a_head_without_end_is_431(echo: Listening) -> None:
    reader, writer = await exchange(echo, "GET / HTTP/1.1\r\nHost: x\r\n")
    for _ in range(70):
        writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_what_is_not_http_is_400(echo: Listening) -> None:
    reader, writer = await exchange(echo, "\x16\x03\x01 not http at all\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_nothing_of_uvicorn_stays_on_a_connection_that_was_handed_over(echo: Listening) -> None:
    protocols: list[weakref.ref[Any]] = []
    made = front.Front.connection_made

    def watch(self: front.Front, transport: Any) -> None:
        protocols.append(weakref.ref(self))
        made(self, transport)

    front.Front.connection_made = watch  # type: ignore[method-assign,assignment]
    try:
        wire = await echo.session()
    finally:
        front.Front.connection_made = made  # type: ignore[method-assign]
    gc.collect()
    assert [ref() for ref in protocols] == [None]
    assert len(echo.state.connections) == 1  # the one that stands for all of ours
    await wire.send("4x")
    assert await wire.text() == "4x"


async def test_uvicorns_shutdown_ends_our_sockets_and_waits_for_them(echo: Listening) -> None:
    wire = await echo.session()
    for connection in list(echo.state.connections):
        connection.shutdown()
    assert await wire.closed() == 1001
    wire.writer.close()
    await until(lambda: not echo.state.connections)
    assert not echo.engine.sessions
