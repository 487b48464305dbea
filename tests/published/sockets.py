"""How the app's sockets behave: `socket_io_client` 2.0.3 over WebSocket, on a raw connection.

One packet for each frame, masked and whole. A ping is answered behind everything that was sent before it, and nothing
but a ping keeps the connection alive in the client's eyes. DISCONNECT from the server ends it for good; any other end
is followed by a new connection, and what was sent into the old one is gone. What is emitted while it is away is sent
after the handlers of `connect` have run.
"""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.published.calls import AGENT, Calls, to_json

KNOWN = (  # the events that the app has handlers for
    "peer_signal",
    "relay_initiated",
    "relay_chunk",
    "transfer_request",
    "transfer_approved",
    "transfer_completed",
    "transfer_cancelled",
    "peer_disconnected",
)
_RECONNECT_S = 0.05  # the library waits 0.5 to 5 s; nothing depends on how long


class Line:
    """One WebSocket, bytes in and out. `rate`: bytes a second that its uplink takes; None for any number."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float | None = None) -> None:
        self._reader, self._writer, self._rate = reader, writer, rate
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()  # as in the library: it takes what it is given
        self.sent = 0  # bytes that left
        self._task = asyncio.create_task(self._pump())

    def add(self, opcode: int, payload: bytes) -> None:
        """Queues a frame, masked."""
        mask, size = os.urandom(4), len(payload)
        if size < 126:
            length = struct.pack("!B", 0x80 | size)
        elif size < 1 << 16:
            length = struct.pack("!BH", 0x80 | 126, size)
        else:
            length = struct.pack("!BQ", 0x80 | 127, size)
        self._queue.put_nowait(bytes((0x80 | opcode,)) + length + mask + _masked(payload, mask))

    @property
    def waiting(self) -> int:
        """Frames that have not begun to leave."""
        return self._queue.qsize()

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        free_at = loop.time()  # when the uplink has taken what it was given so far
        with contextlib.suppress(ConnectionError):
            while (frame := await self._queue.get()) is not None:
                step = len(frame) if self._rate is None else max(1, int(self._rate / 50))
                for start in range(0, len(frame), step):
                    piece = frame[start : start + step]
                    if self._rate is not None:
                        free_at = max(free_at, loop.time() - 0.1) + len(piece) / self._rate
                        await asyncio.sleep(free_at - loop.time())
                    self._writer.write(piece)
                    self.sent += len(piece)
                    await self._writer.drain()

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server, which fragments nothing. IncompleteReadError at the end."""
        first, size = struct.unpack("!BB", await self._reader.readexactly(2))
        assert first & 0xF0 == 0x80, "the server never fragments and uses no extension"
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(size)

    def close(self) -> None:
        self._task.cancel()
        self._writer.transport.abort()


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class Phone:
    """One run of the app: a peer of a user, and a socket that registers whenever it connects."""

    def __init__(self, calls: Calls, user: str, *, rate: float | None = None) -> None:
        self.calls, self.user, self.peer = calls, user, ""
        self.heard: dict[str, list[Any]] = defaultdict(list)  # by event; `$…` is what the library itself says
        self.strange: list[str] = []  # events that it has no handler for, by name
        self.line: Line | None = None
        self.connected = False
        self.over = False  # it does not connect again
        self._rate = rate
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._ids = 0
        self._buffer: list[bytes] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._on: dict[str, list[Callable[[Any], None]]] = defaultdict(list)

    # What the app does

    async def start(self) -> "Phone":
        """`POST /connect`, then the socket; it is registered when this returns."""
        self.peer = (await self.calls.post("/connect", {"user_id": self.user})).json()["peer_id"]
        return await self.open()

    async def open(self) -> "Phone":
        self._task = asyncio.create_task(self._live())
        await self.hears("$registered")
        return self

    def on(self, event: str, handler: Callable[[Any], None]) -> None:
        self._on[event].append(handler)

    def emit(self, event: str, data: Any) -> None:
        """Without an ack, as the app mostly does."""
        self._packet(b"42" + to_json([event, data]))

    def ask(self, event: str, data: Any) -> "asyncio.Future[Any]":
        """With an ack; its first argument in time."""
        number, self._ids = self._ids, self._ids + 1
        self._acks[number] = asyncio.get_running_loop().create_future()
        self._packet(b"42%d" % number + to_json([event, data]))
        return self._acks[number]

    def signal(self, target: str, signal: Any) -> None:
        self.emit("peer_signal", {"target_peer_id": target, "sender_peer_id": self.peer, "signal": signal})

    def chunk(self, session: str, index: int, total: int, data: bytes) -> None:
        self.emit("relay_chunk", relay_chunk(session, index, total, data))

    def ack(self, number: int) -> None:
        """An answer that nobody asked for, and twice."""
        for _ in range(2):
            self._packet(b"43%d[]" % number)

    async def close(self) -> None:
        """The phone is gone: no good-bye."""
        self.over = True
        if self.line is not None:
            self.line.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # What it hears

    async def hears(self, event: str, times: int = 1, seconds: float = 20, **fields: Any) -> list[Any]:
        """Waits until `event`, with these fields, has come so often; all of them."""

        def found() -> list[Any]:
            return [data for data in self.heard[event] if all(data.get(k) == v for k, v in fields.items())]

        async with asyncio.timeout(seconds):
            while len(found()) < times:
                assert self._task is not None
                if self._task.done():
                    self._task.result()
                self._news.clear()
                await self._news.wait()
        return found()

    async def settled(self) -> None:
        """Whatever the server said before this call has been heard: it answers in order."""
        answer = self.ask("relay_request", {})
        async with asyncio.timeout(20):
            await answer

    # The library

    async def _live(self) -> None:
        while not self.over:
            try:
                await self._session()
            except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
                self._says("$end", repr(error))
            if self.line is not None:
                self.line.close()
            self.connected = False
            await asyncio.sleep(_RECONNECT_S)

    async def _session(self) -> None:
        calls = self.calls
        reader, writer = await asyncio.open_connection(calls.host, calls.port)
        writer.write(upgrade(f"{calls.host}:{calls.port}"))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            writer.transport.abort()
            raise ConnectionRefusedError(head)
        line = self.line = Line(reader, writer, self._rate)
        patience: float | None = None  # seconds without a ping after which it gives up
        loop = asyncio.get_running_loop()
        last_ping = loop.time()
        while True:
            async with asyncio.timeout_at(None if patience is None else last_ping + patience):
                opcode, payload = await line.frame()
            if opcode == 8:
                self._says("$close", payload[:2].hex())
                return
            if opcode == 2:
                raise AssertionError("the app sends and gets text")
            if payload[:1] == b"0":
                hello = json.loads(payload[1:])
                patience = (hello["pingInterval"] + hello["pingTimeout"]) / 1000
                last_ping = loop.time()
                line.add(1, b"40")
            elif payload == b"2":
                last_ping = loop.time()
                line.add(1, b"3")
                self._says("$ping", None)
            elif payload[:2] == b"40":
                self._joined()
            elif payload[:2] == b"41":
                self.over = True
                self._says("$disconnect", "io server disconnect")
                return
            elif payload[:2] == b"42":
                self._event(json.loads(payload[2:]))
            elif payload[:2] == b"43":
                number, _, rest = payload[2:].partition(b"[")
                self._acks.pop(int(number)).set_result(json.loads(b"[" + rest)[0])

    def _joined(self) -> None:
        self.connected = True
        registered = self.ask("register_socket", {"peer_id": self.peer})
        registered.add_done_callback(lambda done: self._says("$registered", done.result()))
        buffered, self._buffer = self._buffer, []
        for packet in buffered:
            self._packet(packet)

    def _event(self, packet: list[Any]) -> None:
        name, data = packet
        if name not in KNOWN:
            self.strange.append(name)
        else:
            for handler in (self._on[name]) * 2:  # its handlers are registered twice
                handler(data)
        self._says(name, data)

    def _packet(self, packet: bytes) -> None:
        if self.connected and self.line is not None:
            self.line.add(1, packet)
        else:
            self._buffer.append(packet)

    def _says(self, event: str, data: Any) -> None:
        self.heard[event].append(data)
        self._news.set()


def upgrade(host: str) -> bytes:
    """The opening request of its WebSocket."""
    lines = [
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"user-agent: {AGENT}",
        "connection: Upgrade",
        "cache-control: no-cache",
        "accept-encoding: gzip",
        "content-length: 0",
        "sec-websocket-version: 13",
        f"host: {host}",
        "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
        f"sec-websocket-key: {base64.b64encode(os.urandom(16)).decode()}",
        "upgrade: websocket",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def relay_chunk(session: str, index: int, total: int, data: bytes) -> dict[str, Any]:
    return {"session_id": session, "chunk": base64.b64encode(data).decode(), "index": index, "total": total}


@contextlib.asynccontextmanager
async def phones(calls: Calls, *users: str, **more: Any) -> AsyncIterator[list[Phone]]:
    """Running apps, registered; gone with the context."""
    made = [Phone(calls, user, **more) for user in users]
    try:
        for app in made:
            await app.start()
        yield made
    finally:
        for app in made:
            await app.close()
