"""A raw HTTP connection for tests: what is sent is what is written here."""

import asyncio
from typing import NamedTuple

from tests.app import Running


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection. Everything waits at most ten seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, server: Running) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", server.app.reach.port, ssl=server.trusts))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        """A head, with a length if there is a body and none is given, and the body."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if body and not {"Content-Length", "Transfer-Encoding"} & set(said):
            said["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in said.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def pour(self, piece: bytes, size: int, seconds: float = 10) -> int:
        """Sends `piece` again and again; how many bytes went out when all are sent or time is up."""
        sent = 0
        try:
            async with asyncio.timeout(seconds):
                while sent < size:
                    await self.send(piece)
                    sent += len(piece)
        except TimeoutError:
            pass
        return sent

    async def get(self) -> Got:
        """The next answer, interim ones too."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            status = int(head[0].split()[1])
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return Got(status, headers, body)

    async def closed(self) -> bytes:
        """Waits for the end; what still came."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)
