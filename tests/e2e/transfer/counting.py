"""A plain TCP proxy that counts: what crosses the network, whatever the ends say of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Counting:
    """`url` leads to the server on `port` of 127.0.0.1. `up` bytes went to the server, `down` came from it. `uplink`:
    bytes a second that each connection may carry up; None: as many as it can."""

    def __init__(self, port: int, uplink: float | None = None) -> None:
        self._uplink = uplink
        self.url = ""
        self.up = self.down = 0
        self._port = port
        self._running: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()

    @contextlib.asynccontextmanager
    async def silence(self) -> AsyncIterator[None]:
        """Nothing goes through meanwhile, and nothing says so: a cable that was pulled out."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 18)
            await asyncio.gather(self._pass(reader, far_writer, "up"), self._pass(far_reader, writer, "down"))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        try:
            slow = self._uplink if way == "up" else None
            while data := await reader.read(1 << 18 if slow is None else 4096):
                await self._open.wait()
                if slow is not None:
                    await asyncio.sleep(len(data) / slow)
                setattr(self, way, getattr(self, way) + len(data))
                writer.write(data)
                await writer.drain()
        finally:
            with contextlib.suppress(OSError):
                writer.close()


@contextlib.asynccontextmanager
async def counting(port: int, uplink: float | None = None) -> AsyncIterator[Counting]:
    proxy = Counting(port, uplink)
    server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0, limit=1 << 18)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy._running):
            task.cancel()
        await asyncio.gather(*proxy._running, return_exceptions=True)
