"""The network between one device and the server, which a test may cut and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.e2e.served import Served


class Wire:
    """While it is cut, what was connected is reset, and whoever connects is turned away."""

    def __init__(self, server: Served) -> None:
        self._server, self.port = server, 0
        self._cut = False
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        self._cut = True
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._server.port)
            both = {writer, back}
            self._open |= both
            try:
                await asyncio.gather(_carry(reader, back), _carry(there, writer))
            finally:
                self._open -= both
                for end in both:
                    end.transport.abort()
            return
        writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 18):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError  # one end is gone, and so is the other


@contextlib.asynccontextmanager
async def wire(server: Served) -> AsyncIterator[Wire]:
    made = Wire(server)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        made.cut()
        await asyncio.gather(*tasks, return_exceptions=True)
