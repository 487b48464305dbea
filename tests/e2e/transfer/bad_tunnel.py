"""A tunnel with all the habits that tunnels have: it refuses large bodies, closes what is idle, puts a page of its own
in front of whoever does not ask it not to, and now and then cannot reach the server.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

BODY_MOST = 100_000_000  # bytes: Cloudflare's bound
IDLE_S = 4.0  # without a byte in either direction; real ones have 30 and more
_EVERY = 9  # so many requests, and one of them is answered with 502
_CHUNK = 256 << 10
_PAGE = b"<!DOCTYPE html><title>You are about to visit</title>"


class BadTunnel:
    """`url` leads to the server on `port` of 127.0.0.1. What it did is counted."""

    def __init__(self, port: int) -> None:
        self.url = ""
        self.requests = self.pages = self.bad = 0
        self.cut = asyncio.Event()  # something idle was
        self.largest = 0  # bytes of a body
        self._port = port
        self._running: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["BadTunnel"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                while await self._request(reader, writer):
                    pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays."""
        try:
            async with asyncio.timeout(IDLE_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            self.cut.set()
            return False
        self.requests += 1
        fields = {
            name.lower(): value.strip()
            for name, colon, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
            if colon
        }
        length = int(fields.get(b"content-length", b"0"))
        self.largest = max(self.largest, length)
        if b"ngrok-skip-browser-warning" not in fields:
            self.pages += 1
            return self._own(writer, b"200 OK")
        if length > BODY_MOST:
            return self._own(writer, b"413 Payload Too Large")
        if self.requests % _EVERY == 0:
            self.bad += 1
            return self._own(writer, b"502 Bad Gateway")
        onward, back = await asyncio.open_connection("127.0.0.1", self._port, limit=_CHUNK)
        try:
            back.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            body = length or (None if b"transfer-encoding" in fields else 0)
            await self._carry(reader, writer, onward, back, body)
        finally:
            back.close()
        return False

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        onward: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        body: int | None,
    ) -> None:
        """The body (None: of unknown length) one way and the answer the other, until the answer ends."""
        loop = asyncio.get_running_loop()

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int | None) -> None:
            while left != 0 and (piece := await source.read(_CHUNK if left is None else min(_CHUNK, left))):
                sink.write(piece)
                await sink.drain()
                idle.reschedule(loop.time() + IDLE_S)
                left = None if left is None else left - len(piece)

        try:
            async with asyncio.timeout(IDLE_S) as idle:
                up = asyncio.ensure_future(copy(reader, back, body))
                try:
                    await copy(onward, writer, None)
                finally:
                    up.cancel()
                    await asyncio.wait({up})
        except TimeoutError:
            self.cut.set()

    @staticmethod
    def _own(writer: asyncio.StreamWriter, status: bytes) -> bool:
        size = str(len(_PAGE)).encode()
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n" % status)
        writer.write(b"Content-Length: %s\r\nConnection: close\r\n\r\n%s" % (size, _PAGE))
        return False
