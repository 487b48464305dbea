"""Seals the blocks of one transfer for whoever asks, in the threads of its paths, and counts what went where."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from burrowspace.client.files.source import Source
from burrowspace.client.relay.relay_segment import RelaySegment
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.keys import PREFERRED, Keys
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import BLOCK, Suite


class Serving:
    """`refusal`: what to raise instead of a block once a file is left out; None: whoever is here knows what that
    means."""

    def __init__(self, source: Source, keys: Keys) -> None:
        self.source, self.layout = source, source.layout(PREFERRED[0])
        self.network: Counter[str] = Counter()  # sealed bytes, by path
        self.sealed = 0  # blocks
        self.again = 0  # blocks that were sent though the receiver had said that it holds them
        self.met_at: float | None = None  # when the first receiver came, by time.monotonic()
        self.first_byte: float | None = None  # seconds from the first receiver's coming to its first block
        self.refusal: Callable[[], BurrowError | None] = lambda: None
        self._keys = keys
        self._rooms = threading.local()

    def layout_in(self, suite: Suite) -> Layout:
        return replace(self.layout, suite=suite)

    def content(self, position: int) -> int:
        """Content bytes that lie before `position`."""
        return self.source.manifest.content_before(self.layout, position)

    def seal(self, path: str, position: int, into: memoryview, held: int, suite: Suite) -> int:
        """The sealed block's size, 0 where there is no such position; who asks had said that it holds `held`."""
        room = getattr(self._rooms, "room", None)
        if room is None:
            room = self._rooms.room = memoryview(bytearray(BLOCK))
        self.again += position < held
        layout = self.layout
        try:
            file, index = layout.where(position)
            size, end = self.source.read_into(position, room)
        except BadRequest:
            return 0
        if self.source.left_out and (refusal := self.refusal()) is not None:
            raise refusal
        sealed = self._keys[suite].seal_into(file, index, end, room[:size], os.urandom(suite.nonce_bytes), into)
        if end and file and layout.pack_size is None:
            self.layout = layout.ended(position, size)
        self.sealed += 1
        self.network[path] += sealed
        if self.first_byte is None and self.met_at is not None:
            self.first_byte = time.monotonic() - self.met_at
        return sealed

    def for_segment(self, segment: RelaySegment) -> Callable[[int, memoryview], int]:
        """The callable that fills a segment, which may have several followers, or none yet."""

        def seal(position: int, into: memoryview) -> int:
            held = min((each.book.held for each in tuple(segment.followers)), default=0)
            return self.seal("store" if segment.rests else "relay", position, into, held, segment.suite)

        return seal

    async def gave(self, digest: str) -> bool:
        """Whether this digest, in hex, is of everything that was sent; what was not read yet, for a receiver has it
        since an earlier run, is read now."""
        last = self.layout.positions
        if self.source.digest is None and last is not None:
            await asyncio.to_thread(self.source.read_into, last - 1, memoryview(bytearray(BLOCK)))
        return await asyncio.to_thread(self.source.gave, bytes.fromhex(digest))
