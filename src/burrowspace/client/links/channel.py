"""A reliable, ordered data channel as a blocking socket: what lets a link run over TCP and over WebRTC.

Two tasks carry bytes between the channel and one end of a socket pair; the link has the other end. The copy costs
a few hundredths of a CPU second for each GB, where the cheapest WebRTC costs fifteen.
"""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import Any, Protocol

MESSAGE = 64 << 10  # bytes of one message at most: what every WebRTC takes
HIGH, LOW = 1 << 20, 256 << 10  # bytes that may wait in the channel: stop above, go on below
UNREAD = 512  # messages that wait for us; a library that drops at 1,024 must never get there (credit keeps below)


class Channel(Protocol):
    """A data channel of whichever library. Used in one event loop. Errors are OSErrors."""

    async def send(self, message: bytes) -> None:
        """Sends at most MESSAGE bytes; waits while more than HIGH wait, until less than LOW do."""

    async def receive(self) -> bytes:
        """The next message; b"" when the channel has ended."""

    async def close(self) -> None:
        """Ends the channel and the connection below it."""


class Bridge:
    """Carries bytes both ways until either side ends, then ends both. `line` is the link's."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.line, self._inner = socket.socketpair()
        self.line.setblocking(False)
        self._inner.setblocking(False)
        for each in (self.line, self._inner):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LOW)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends it, and waits until the connection below is gone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                halves: list[Coroutine[Any, Any, None]] = [self._out(), self._in()]
                tasks = [group.create_task(each) for each in halves]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for each in tasks:
                    each.cancel()
        except* OSError:
            pass  # the link hears of it as the end of its socket
        finally:
            self._inner.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await self._channel.close()

    async def _out(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._inner, MESSAGE):
            await self._channel.send(data)

    async def _in(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await self._channel.receive():
            await loop.sock_sendall(self._inner, data)
