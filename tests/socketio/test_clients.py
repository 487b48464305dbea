"""Real clients: npm socket.io-client 4 and python-socketio, by polling, by WebSocket, and upgrading."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import socketio

from burrowspace.socketio import Server, Socket
from burrowspace.socketio.conformance import socket_app
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening

pytestmark = pytest.mark.anyio

JS = Path(__file__).parent.parent / "js"
MODES = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


@pytest.fixture(scope="session")
def node() -> str:
    """node, with the official client beside it."""
    program, npm = shutil.which("node"), shutil.which("npm")
    assert program is not None, "the tests need Node: scripts/test_parts.sh"
    assert npm is not None, "the tests need npm: scripts/test_parts.sh"
    if not (JS / "node_modules").is_dir():
        import subprocess

        subprocess.run([npm, "ci", "--prefix", str(JS), "--no-audit", "--no-fund"], check=True, capture_output=True)
    return program


@pytest.fixture
async def talkative(serve: Serve) -> Listening:
    """The conformance application, and some events that make the server speak first."""
    server = socket_app(ping_interval_ms=200, ping_timeout_ms=5_000)
    root = server.of("/")

    @root.on("ask me")
    async def ask(socket: Socket) -> None:
        total, numbers = await socket.call("sum", 2, 3)
        socket.emit("asked", total, numbers)

    @root.on("kick custom")
    def kick(socket: Socket) -> None:
        for other in list(server.of("/custom").sockets.values()):
            other.disconnect()

    @root.on("close me")
    def close(socket: Socket) -> None:
        socket.disconnect(close=True)

    return await serve(server)


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_client(talkative: Listening, node: str, mode: str) -> None:
    process = await asyncio.create_subprocess_exec(
        node, "client.mjs", f"http://127.0.0.1:{talkative.port}", mode, cwd=JS, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    seen: dict[str, Any] = json.loads(output)
    assert seen == {
        "transport": MODES[mode][-1],
        "auth": [{"token": "t"}],
        "customAuth": [{}],
        "back": [1, "zwölf ✓", "010203", None, True],
        "ack": ["a", "0908", 300_000, True],
        "asked": [5, "0203"],
        "ordered": True,
        "refused": "Invalid namespace",
        "kicked": "io server disconnect",
        "gone": "io server disconnect",
    }


@pytest.mark.parametrize("mode", MODES)
async def test_python_socketio(talkative: Listening, mode: str) -> None:
    client = socketio.AsyncClient(reconnection=False)
    back: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    asked: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    gone = asyncio.Event()
    client.on("message-back", lambda *args: back.put_nowait(args))
    client.on("asked", lambda *args: asked.put_nowait(args))
    client.on("sum", lambda a, b: (a + b, bytes([a, b])))
    client.on("disconnect", lambda reason: gone.set())
    await client.connect(f"http://127.0.0.1:{talkative.port}", transports=MODES[mode], auth={"token": "t"})
    assert client.transport() == MODES[mode][-1]

    await client.emit("message", (1, "zwölf ✓", {"deep": [b"\x01\x02"]}))
    assert await asyncio.wait_for(back.get(), 20) == (1, "zwölf ✓", {"deep": [b"\x01\x02"]})
    assert await client.call("message-with-ack", ("a", b"x" * 100_000), timeout=5) == ("a", b"x" * 100_000)
    await client.emit("ask me")
    assert await asyncio.wait_for(asked.get(), 20) == (5, b"\x02\x03")
    for number in range(200):
        await client.emit("message", number)
    assert [await asyncio.wait_for(back.get(), 20) for _ in range(200)] == [(number,) for number in range(200)]

    await client.emit("close me")
    await asyncio.wait_for(gone.wait(), 20)
    await client.shutdown()
    served = talkative.served
    assert isinstance(served, Server)
    assert not served.of("/").sockets
