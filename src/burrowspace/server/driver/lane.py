"""Where a writer and its readers meet: the lane of one key of the spool.

The lane's ledger (core/spooling.py) counts; this file lets several threads ask it and wakes who waits. It moves no
bytes, but for the writers and readers that are coroutines.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import count
from typing import TypeVar

import structlog

from burrowspace.core.errors import BurrowError, Gone, Removed, Stalled
from burrowspace.core.spooling import Ahead, Ledger, Policy
from burrowspace.ports import Spool
from burrowspace.server.driver.uncancellable import uncancellable

log = structlog.get_logger("lanes")

T = TypeVar("T")

_GIVE = 16 << 20  # bytes that are given back at once, at least: each time costs two fsyncs and a hole
_PIECE = 1 << 20  # bytes that a coroutine reads at once


class Lane:
    """One key at work. Everything but the coroutines may be called from any thread."""

    def __init__(self, key: str, spool: Spool, ledger: Ledger, length: int | None, left: Callable[["Lane"], None]):
        self.key, self.spool, self.ledger = key, spool, ledger
        self.length = length  # of the whole, once declared
        self.lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._left = left
        self._listeners: set[Callable[[], None]] = set()
        self._numbers = count(1)
        self._users = 0
        self._giving = False
        self._asked = False
        self.on_out: Callable[[], None] | None = None  # called on the loop, once, when more must be reserved

    # Who is here

    def enter(self) -> None:
        self._users += 1

    def leave(self) -> None:
        """Called on the loop, once for each `enter`; the last one out closes the lane."""
        self._users -= 1
        if self._users == 0:
            self._left(self)

    def listen(self, wake: Callable[[], None]) -> None:
        """`wake` is called, from whatever thread, after each change; it must be quick."""
        with self.lock:
            self._listeners = self._listeners | {wake}

    def unlisten(self, wake: Callable[[], None]) -> None:
        with self.lock:
            self._listeners = self._listeners - {wake}

    def changed(self) -> None:
        for wake in self._listeners:
            wake()

    # The writer

    @property
    def size(self) -> int:
        return self.ledger.size

    @property
    def over(self) -> bool:
        return self.ledger.end is not None or self.ledger.abandoned

    def room(self) -> int:
        with self.lock:
            room = self.ledger.room()
            if room or self._asked or not self.ledger.is_out:
                return room
            self._asked = True
        self._loop.call_soon_threadsafe(self._out)
        return room

    def _out(self) -> None:
        if self.on_out is not None:
            self.on_out()

    def reserve(self, reserved: int | None) -> None:
        """So many bytes may lie here; None: as many as the policy allows."""
        with self.lock:
            self.ledger.reserved, self._asked = reserved, False
        self.changed()

    def wrote(self, moved: int, *, tell: bool = True) -> None:
        """`moved` bytes more are here. Without `tell` the writer calls `changed` soon: readers like large pieces."""
        with self.lock:
            self.ledger.wrote(moved)
        if tell:
            self.changed()

    def cut(self, size: int) -> None:
        """What lies beyond `size` was taken back; a reader that has gone beyond it already has read what is not so."""
        with self.lock:
            self.ledger.cut(size)
            wrong = any(offset > size for offset in self.ledger.readers.values())
        if wrong:
            self.abandon()

    def finish(self) -> None:
        with self.lock:
            self.ledger.finish()
        self.changed()

    def abandon(self) -> None:
        with self.lock:
            self.ledger.abandon()
        self.changed()

    def allow(self, policy: Policy, reserved: int | None = None, window: int | None = None) -> None:
        """The owner lets the bytes lie here in another way from now on, `reserved` of them for now."""
        with self.lock:
            self.ledger.policy, self.ledger.reserved, self._asked = policy, reserved, False
            self.ledger.window = window or self.ledger.window
        self.changed()

    async def append(self, data: bytes, patience_s: float = 60.0) -> None:
        """Writes all of `data`, waiting for the readers where the policy says so.

        Removed once the lane is over, Stalled when nobody read for `patience_s`.
        """
        while data:
            try:
                async with asyncio.timeout(patience_s):
                    room = await self._until(lambda: -1 if self.over else self.room() or None)
            except TimeoutError:
                raise Stalled("nobody reads this live upload; go on where it stands when somebody does") from None
            if room < 0:
                raise Removed("this upload was called off, or another one took its place")
            piece, data = (data, b"") if room >= len(data) else (data[:room], data[room:])
            await uncancellable(self._append(piece))

    async def _append(self, piece: bytes) -> None:
        await self.spool.append(self.key, self.ledger.size, piece)
        self.wrote(len(piece))

    # The readers

    def reader(self, offset: int) -> "Reader":
        """A new reader at `offset`. Gone where the bytes there have been given back or will never be."""
        with self.lock:
            if not self.ledger.can_read_from(offset):
                raise Gone("the bytes from there on are not here")
            number = next(self._numbers)
            self.ledger.join(number, offset)
        self.enter()
        self.changed()
        return Reader(self, number)

    def give_back(self) -> None:
        """Starts giving back what all have read, when there is enough of it."""
        with self.lock:
            spare = self.ledger.spare()
            if self._giving or spare - self.ledger.given < _GIVE:
                return
            self._giving = True
            self.ledger.gave_back(spare)
        self._loop.call_soon_threadsafe(self._start_giving, spare)

    def _start_giving(self, upto: int) -> None:
        self.enter()
        self._giver = self._loop.create_task(self._give(upto))

    async def _give(self, upto: int) -> None:
        try:
            await self.spool.give_back(self.key, upto)
        except BurrowError as error:
            log.warning("space could not be given back", why=error.sentence)
        finally:
            self._giving = False
            self.leave()

    async def _until(self, ask: Callable[[], T | None]) -> T:
        """Waits until `ask` gives something."""
        event = asyncio.Event()

        def wake() -> None:
            self._loop.call_soon_threadsafe(event.set)

        found = ask()
        if found is not None:
            return found
        self.listen(wake)
        try:
            while (found := ask()) is None:
                await event.wait()
                event.clear()
            return found
        finally:
            self.unlisten(wake)


class Reader:
    """One reader's place in a lane."""

    def __init__(self, lane: Lane, number: int) -> None:
        self.lane, self._number = lane, number
        self._closed = False

    @property
    def offset(self) -> int:
        return self.lane.ledger.readers[self._number]

    def ahead(self) -> Ahead:
        with self.lane.lock:
            return self.lane.ledger.ahead(self._number)

    def available(self) -> int:
        return self.lane.ledger.size - self.offset

    def took(self, moved: int) -> None:
        """`moved` bytes have gone to whoever reads; the writer may go on."""
        lane = self.lane
        with lane.lock:
            lane.ledger.read(self._number, moved)
            spare = lane.ledger.spare() - lane.ledger.given
        if spare >= _GIVE:
            lane.give_back()
        if lane.ledger.policy is not Policy.REST:
            lane.changed()

    def passed(self, moved: int) -> None:
        """The writer handed `moved` bytes on to this reader, the only one, and nowhere else."""
        ledger = self.lane.ledger
        with self.lane.lock:
            ledger.wrote(moved)
            ledger.read(self._number, moved)
            if ledger.policy is Policy.LIVE:
                ledger.gave_back(ledger.spare())
            else:  # it was live when they were handed on
                ledger.given = ledger.size

    def close(self) -> None:
        """Called on the loop; twice is once."""
        if not self._closed:
            self._closed = True
            with self.lane.lock:
                self.lane.ledger.leave(self._number)
            self.lane.changed()
            self.lane.leave()

    async def pieces(self, stop: int | None, patience_s: float) -> AsyncGenerator[bytes, None]:
        """The bytes up to `stop`, or to the end. Removed when the writer gave up or nothing came for `patience_s`."""
        while stop is None or self.offset < stop:
            try:
                async with asyncio.timeout(patience_s):
                    ahead = await self.lane._until(lambda: None if (a := self.ahead()) is Ahead.WAIT else a)
            except TimeoutError:
                raise Removed("the sender has not gone on") from None
            if ahead is Ahead.END:
                return
            if ahead is Ahead.LOST:
                raise Removed("the sender gave this upload up")
            want = self.available() if stop is None else min(self.available(), stop - self.offset)
            async with aclosing(self.lane.spool.read(self.lane.key, self.offset, min(want, _PIECE))) as pieces:
                async for piece in pieces:
                    yield piece
                    self.took(len(piece))
