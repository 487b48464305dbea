"""What the tests of links share: blocks that tell their position, a receiver that counts, two ends on one loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

from burrowspace.client.limits import Bucket
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_tcp import Listener, connect

TAG, KEY = b"t" * 16, b"k" * 32
SENDER, RECEIVER = Ticket(TAG, KEY, True), Ticket(TAG, KEY, False)
BLOCK = 262_144


class Blocks:
    """A sender's blocks: `count` of them, each says its position; counts how often each was sealed."""

    def __init__(self, count: int, size: int = 1000) -> None:
        self.count, self.size = count, size
        self.sealed: list[int] = []

    def seal(self, position: int, into: memoryview) -> int:
        if position >= self.count:
            return 0
        self.sealed.append(position)
        into[:8] = position.to_bytes(8, "big")
        into[8 : self.size] = bytes([position % 251]) * (self.size - 8)
        return self.size


class Taker:
    """A receiver: checks every block, keeps what came out of order, and says when it has them all."""

    def __init__(self, count: int) -> None:
        self.count, self.held = count, 0
        self.early: set[int] = set()
        self.taken: list[int] = []
        self.farthest = 0  # how far beyond what was held a block came
        self._lock, self._loop = threading.Lock(), asyncio.get_running_loop()
        self._reached: list[tuple[int, asyncio.Event]] = []

    def take(self, position: int, sealed: memoryview) -> int:
        assert bytes(sealed[:8]) == position.to_bytes(8, "big")
        assert bytes(sealed[8:]) == bytes([position % 251]) * (len(sealed) - 8)
        with self._lock:
            self.farthest = max(self.farthest, position - self.held)
            self.taken.append(position)
            self.early.add(position)
            while self.held in self.early:
                self.early.remove(self.held)
                self.held += 1
            for count, event in self._reached:
                if self.held >= count:
                    self._loop.call_soon_threadsafe(event.set)
            return self.held

    async def reaches(self, count: int) -> None:
        event = asyncio.Event()
        with self._lock:
            self._reached.append((count, event))
            if self.held >= count:
                event.set()
        async with asyncio.timeout(30):
            await event.wait()


@contextlib.asynccontextmanager
async def both(
    receiver_listens: bool = False, bucket: Bucket | None = None, **options: Any
) -> AsyncIterator[tuple[DirectLink, DirectLink]]:
    """The sender's and the receiver's end of one TCP link over 127.0.0.1; `bucket` limits the one that listens."""
    inside, outside = (RECEIVER, SENDER) if receiver_listens else (SENDER, RECEIVER)
    async with Listener(host="127.0.0.1") as listener:
        expected = listener.expect(inside, bucket)
        dialled = await connect(listener.addresses(), outside, own=["127.0.0.1"], **{"streams": 1, **options})
        accepted = await anext(expected)
        try:
            yield (dialled, accepted) if receiver_listens else (accepted, dialled)
        finally:
            dialled.close()
            accepted.close()
