"""Clients that say exactly what a test tells them to, protocol or not: HTTP and WebSocket over plain streams."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from burrowspace.socketio import Engine, Server
from burrowspace.socketio.front import front

PATIENCE = 5.0  # seconds; a test that waits longer has failed
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Listening:
    """uvicorn's protocol with our front on a free port of this loop, without uvicorn's process-wide parts."""

    def __init__(self, served: Server | Engine, fallback: Any = None) -> None:
        self.served = served
        self.engine = served if isinstance(served, Engine) else served.engine
        self.config = uvicorn.Config(served, http=front(served), ws="none", lifespan="off", log_config=None)
        self.config.load()
        self.state = ServerState()
        self.port = 0
        self._wires: list[Wire] = []

    async def __aenter__(self) -> Listening:
        loop = asyncio.get_running_loop()
        factory = self.config.http_protocol_class
        self._server = await loop.create_server(
            lambda: factory(config=self.config, server_state=self.state, app_state={}), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for wire in self._wires:
            wire.cut()
        await self.served.aclose()
        for connection in list(self.state.connections):
            connection.shutdown()
        while self.state.connections:
            await asyncio.sleep(0)
        for task in list(self.state.tasks):
            task.cancel()

    @property
    def path(self) -> str:
        return self.engine.options.path

    async def request(
        self, method: str = "GET", query: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.head(method, query, body, headers) + body)
            return await asyncio.wait_for(read_answer(reader), PATIENCE)
        finally:
            writer.close()

    def head(
        self, method: str, query: str, body: bytes = b"", headers: dict[str, str] | None = None, path: str = ""
    ) -> bytes:
        lines = [f"{method} {path or self.path}?{query} HTTP/1.1", "Host: test"]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return "\r\n".join([*lines, "", ""]).encode()

    async def open_polling(self) -> Polling:
        answer = await self.request(query="EIO=4&transport=polling")
        assert answer.status == 200, answer
        assert answer.body[:1] == b"0"
        return Polling(self, json.loads(answer.body[1:]))

    async def open(self, query: str = "EIO=4&transport=websocket", **headers: str) -> Wire:
        """A WebSocket, its 101 received."""
        wire, answer = await self.try_open(query, **headers)
        assert answer.status == 101, answer
        return wire

    async def try_open(self, query: str, *, path: str = "", **headers: str) -> tuple[Wire, Answer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        given = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        writer.write(
            self.head("GET", query, headers={name: value for name, value in given.items() if value}, path=path)
        )
        wire = Wire(reader, writer)
        self._wires.append(wire)
        return wire, await asyncio.wait_for(read_answer(reader), PATIENCE)

    async def session(self) -> Wire:
        """A WebSocket with the open packet read."""
        wire = await self.open()
        assert (await wire.text())[:1] == "0"
        return wire

    async def joined(self, auth: str = "") -> Wire:
        """A WebSocket that joined the main namespace of the conformance application."""
        wire = await self.session()
        await wire.send("40" + auth)
        while (said := await wire.text()) == "2":  # a busy machine: the first ping is due already
            await wire.send("3")
        assert said.startswith("40{")
        return wire


class Polling:
    """A polling session."""

    def __init__(self, app: Listening, hello: dict[str, Any]) -> None:
        self.app = app
        self.hello = hello
        self.query = f"EIO=4&transport=polling&sid={hello['sid']}"

    async def get(self) -> Answer:
        return await self.app.request(query=self.query)

    async def post(self, body: str | bytes, **headers: str) -> Answer:
        data = body.encode() if isinstance(body, str) else body
        return await self.app.request("POST", self.query, data, {n.replace("_", "-"): v for n, v in headers.items()})

    async def packets(self) -> list[str]:
        answer = await self.get()
        assert answer.status == 200, answer
        return answer.body.decode().split("\x1e")

    async def probe(self) -> Wire:
        """A second connection, the probe answered."""
        wire = await self.app.open(f"EIO=4&transport=websocket&sid={self.hello['sid']}")
        await wire.send("2probe")
        assert await wire.text() == "3probe"
        return wire


class Frame(NamedTuple):
    opcode: int
    payload: bytes


class Closed(Exception):
    """The server closed the WebSocket, or the connection."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Wire:
    """The client's end of a WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *messages: str | bytes) -> None:
        """Whole messages, in one write."""
        for message in messages:
            if isinstance(message, str):
                self.frame(TEXT, message.encode())
            else:
                self.frame(BINARY, message)
        await self.writer.drain()

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> None:
        first = opcode | rsv << 4 | (0x80 if fin else 0)
        bit = 0x80 if mask else 0
        size = len(payload)
        if size < 126:
            head = bytes([first, bit | size])
        elif size < 1 << 16:
            head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
        else:
            head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
        self.writer.write(head + (bytes(4) if mask else b"") + payload)  # a mask of zeroes changes nothing

    async def read(self) -> Frame:
        return await asyncio.wait_for(self._read(), PATIENCE)

    async def _read(self) -> Frame:
        try:
            first, second = await self.reader.readexactly(2)
            assert first & 0x70 == 0, "an extension was used"
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            payload = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(None) from None
        if first & 15 == CLOSE:
            self.frame(CLOSE, payload[:2])
            raise Closed(int.from_bytes(payload[:2], "big") if payload else 1005)
        return Frame(first & 15, payload)

    async def text(self) -> str:
        opcode, payload = await self.read()
        assert opcode == TEXT, opcode
        return payload.decode()

    async def binary(self) -> bytes:
        opcode, payload = await self.read()
        assert opcode == BINARY, opcode
        return payload

    async def closed(self) -> int | None:
        """Reads until the server closes; the code of its CLOSE, None if it just went."""
        try:
            while True:
                await self.read()
        except Closed as closed:
            return closed.code

    async def gone(self) -> None:
        """Reads until the end of the connection."""
        with suppress(ConnectionError):
            await asyncio.wait_for(self.reader.read(), PATIENCE)

    def cut(self) -> None:
        self.writer.transport.abort()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in head[1:]:
        if line:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
    body = b""
    status = int(head[0].split()[1])
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip() or b"0", 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
    return Answer(status, headers, body)


async def until(condition: Any, why: str = "") -> None:
    """Waits for something to be true, turn by turn of the loop."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)
