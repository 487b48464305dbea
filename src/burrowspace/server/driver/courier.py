"""One direction of one relay session: chunks for one peer, in order, live while it is here and at rest while it is not.

Live, a chunk goes to the peer's line at once and is kept in memory until the peer has proved its arrival; if the line
dies first, what was not proved goes to the spool and waits there with what comes later. At rest, a chunk is
acknowledged once it is durable. Only when the spool has been emptied, in order, do chunks go live again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import structlog

from burrowspace.core.errors import BurrowError, NoSpace, NotFound
from burrowspace.core.relay import Chunk, Torn, pack, unpack
from burrowspace.ports import Line
from burrowspace.server.driver.kit import Kit
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded
from burrowspace.socketio.encoded import Binary

log = structlog.get_logger("relay")

_WINDOW = 2 << 20  # bytes sent to a peer and not proved to have arrived, before its feeder waits
_ASK = 256 << 10  # bytes sent live before their arrival is asked for at once; less waits a moment for more
_ASK_S = 0.05  # that moment
_PROVE = 1 << 20  # bytes sent from the spool between two proofs


Save = Callable[[int], Awaitable[None]]  # keeps how far the peer has confirmed, bytes


class Feeder(Protocol):
    """Whoever sends chunks: it can be made to wait."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Answer(Protocol):
    """What becomes of a chunk, told to its sender."""

    def delivered(self) -> None: ...
    def queued(self) -> None: ...
    def refused(self, error: BurrowError) -> None: ...


class Parcel:
    """A chunk on its way."""

    __slots__ = ("answer", "attachments", "body", "size")

    def __init__(self, body: bytes, attachments: Sequence[Binary], answer: Answer | None) -> None:
        self.body, self.attachments, self.answer = body, attachments, answer
        self.size = len(body) + sum(map(len, attachments))


class Quota:
    """Bytes of relay chunks at rest on this server."""

    def __init__(self, each: int, total: int) -> None:
        self.each, self.total, self.used = each, total, 0


class Courier:
    """Made by Relays for a session it has checked. `saved` is told how far the peer has confirmed the spool."""

    def __init__(
        self, kit: Kit, tasks: Tasks, quota: Quota, key: str, peer_id: str, confirmed: int, save: Save
    ) -> None:
        self._kit, self._tasks, self._quota = kit, tasks, quota
        self._key, self._peer_id, self._save = key, peer_id, save
        self._line: Line | None = None
        self._resting = True  # until the worker has looked into the spool
        self._unproved: deque[Parcel] = deque()  # sent live, arrival not proved
        self._unproved_bytes = 0
        self._sent = 0  # parcels sent live on this line
        self._proved = 0
        self._proving = False
        self._timer: asyncio.TimerHandle | None = None
        self._incoming: deque[Parcel] = deque()  # for the spool, in order
        self._incoming_bytes = 0
        self._waiting: list[Feeder] = []
        self._held: int | None = None  # bytes in the spool; unknown before the first look
        self._confirmed = confirmed
        self._working = False

    @property
    def idle(self) -> bool:
        return not (self._working or self._unproved or self._incoming or self._waiting)

    def take(self, parcel: Parcel, feeder: Feeder) -> None:
        """A chunk for the peer. Never blocks; makes the feeder wait where it must."""
        line = self._kit.bus.line(self._peer_id)
        if not self._resting and (line is None or line is not self._line):
            self._settle()
        if self._resting:
            self._incoming.append(parcel)
            self._incoming_bytes += parcel.size
            if self._incoming_bytes > _WINDOW:
                self._wait(feeder)
            self.wake()
        elif line is not None:
            self._send(line, parcel)
            if self._unproved_bytes > _WINDOW or line.over_budget:
                self._wait(feeder)
                line.on_drain(self._resume)

    def _here(self) -> Line | None:
        """The way to the peer; None as well for one that has died and is not off the bus yet."""
        line = self._kit.bus.line(self._peer_id)
        return line if line is not None and line.connected else None

    def wake(self) -> None:
        """Something changed: the peer is here, or there is something to write."""
        if self._resting and not self._working:
            self._working = True
            self._tasks.start(self._work())

    # Live

    def _send(self, line: Line, parcel: Parcel) -> None:
        self._unproved.append(parcel)
        self._unproved_bytes += parcel.size
        self._sent += 1
        taken = None if parcel.answer is None else partial(self._taken, parcel)
        if line.send_encoded(Encoded.from_raw("/", parcel.body, parcel.attachments), taken):
            self._prove(line)
        else:
            self._settle()

    def _taken(self, parcel: Parcel, taken: bool) -> None:
        if taken and parcel.answer is not None:
            parcel.answer.delivered()
            parcel.answer = None

    def _prove(self, line: Line) -> None:
        """Asks for proof of what was sent: one question for much of it, so that it costs little."""
        if self._proving:
            return
        if self._unproved_bytes >= _ASK:
            self._ask(line)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_ASK_S, self._ask, line)

    def _ask(self, line: Line) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if line is self._line and not self._proving:
            self._proving = True
            line.confirm(partial(self._arrived, line, self._sent))

    def _arrived(self, line: Line, sent: int, arrived: bool) -> None:
        if line is not self._line:
            return
        self._proving = False
        if not arrived:
            self._settle()
            return
        while self._proved < sent:
            self._proved += 1
            self._unproved_bytes -= self._unproved.popleft().size
        if self._unproved:
            self._prove(line)
        self._resume()

    def _settle(self) -> None:
        """The line is dead or another: what it did not prove goes to the spool, before anything newer."""
        self._resting, self._line, self._proving = True, None, False
        self._incoming.extendleft(reversed(self._unproved))
        self._incoming_bytes += self._unproved_bytes
        self._unproved.clear()
        self._unproved_bytes = self._sent = self._proved = 0
        self.wake()

    # Waiting

    def _wait(self, feeder: Feeder) -> None:
        feeder.pause_reading()
        self._waiting.append(feeder)

    def _resume(self) -> None:
        line = self._line
        if line is not None and line.over_budget:
            line.on_drain(self._resume)
        elif self._unproved_bytes + self._incoming_bytes <= _WINDOW // 2:
            waiting, self._waiting = self._waiting, []
            for feeder in waiting:
                feeder.resume_reading()

    # At rest

    async def _work(self) -> None:
        try:
            await self._look()
            while self._resting:
                if self._incoming and (self._here() is None or self._held != self._confirmed):
                    await self._store()
                line = self._here()
                if line is not None:
                    if self._held != self._confirmed:
                        await self._deliver(line)
                    else:
                        await self._clear()
                        self._go_live()
                elif not self._incoming:
                    return
        except Exception as error:
            log.error("a relay queue cannot be worked on", session=self._key, error=repr(error), exc_info=error)
            while self._incoming:
                _refuse(self._incoming.popleft(), NoSpace("the server could not store this; try again later"))
            self._incoming_bytes = 0
        finally:
            self._working = False
            self._resume()

    async def _look(self) -> None:
        """The first look into the spool after a start: a record that a crash cut short is cut off."""
        if self._held is not None:
            return
        try:
            held = await self._kit.spool.size(self._key)
        except NotFound:
            held = self._confirmed = 0
        self._confirmed = min(self._confirmed, held)
        end = self._confirmed
        try:
            async for chunk in self._chunks(end, held):
                end = chunk.end
        except Torn:
            log.warning("a resting relay queue ends in a torn record", session=self._key)
        if end < held:
            await self._kit.spool.cut(self._key, end)
            self._quota.used -= held - end
        self._held = end

    def _go_live(self) -> None:
        """The spool is empty: what waits goes out live, and so does what comes. No await between the two."""
        line = self._here()
        if line is None or self._held:
            return
        self._line, self._resting, self._proving = line, False, False
        waiting, self._incoming, self._incoming_bytes = self._incoming, deque(), 0
        while waiting:
            if self._resting:  # the line died on the way
                self._incoming.extend(waiting)
                self._incoming_bytes += sum(parcel.size for parcel in waiting)
                return
            self._send(line, waiting.popleft())

    async def _store(self) -> None:
        """Writes everything that waits, makes it durable, then answers."""
        held = self._held or 0
        batch, size = [], 0
        room = min(self._quota.each - (held - self._confirmed), self._quota.total - self._quota.used)
        while self._incoming:
            parcel = self._incoming.popleft()
            self._incoming_bytes -= parcel.size
            record = pack(parcel.body, parcel.attachments)
            if size + len(record) > room:
                _refuse(parcel, NoSpace("the receiver is away and no more may wait for it here; send it again later"))
                continue
            batch.append((parcel, record))
            size += len(record)
        try:
            if batch:
                self._held = await self._kit.spool.append(self._key, held, b"".join(record for _, record in batch))
                self._quota.used += size
                await self._kit.spool.sync(self._key)
        except (BurrowError, OSError) as error:
            log.error("relay chunks could not be stored", error=repr(error))
            refusal = error if isinstance(error, BurrowError) else NoSpace("the server could not store this; try later")
            for parcel, _ in batch:
                _refuse(parcel, refusal)
            if self._held != held:
                self._quota.used -= size
                self._held = held
                await self._kit.spool.cut(self._key, held)
        else:
            for parcel, _ in batch:
                if parcel.answer is not None:
                    parcel.answer.queued()
        self._resume()

    async def _deliver(self, line: Line) -> None:
        """Sends what rests, in order, proving as it goes; returns when all is proved or the line is dead."""
        sent = self._confirmed
        try:
            async for chunk in self._chunks(self._confirmed, self._held or 0):
                if not line.send_encoded(Encoded.from_raw("/", chunk.body, chunk.attachments)):
                    return
                sent = chunk.end
                if line.over_budget:
                    await _drained(line)
                if sent - self._confirmed >= _PROVE and not await self._confirm(line, sent):
                    return
            if sent > self._confirmed:
                await self._confirm(line, sent)
        except Torn:
            log.error("a resting relay queue is damaged; what lies behind the damage is dropped", session=self._key)
            await self._kit.spool.cut(self._key, sent)
            self._held = sent

    async def _confirm(self, line: Line, sent: int) -> bool:
        arrived: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        line.confirm(lambda ok: None if arrived.done() else arrived.set_result(ok))
        if not await arrived:
            return False
        self._confirmed = sent
        await self._save(self._confirmed)
        return True

    async def _clear(self) -> None:
        """All is delivered: the space goes back. Dropped first: a crash between the two leaves no false position."""
        if self._held:
            await self._kit.spool.drop(self._key)
            self._quota.used -= self._held
            self._held = self._confirmed = 0
            await self._save(self._confirmed)

    async def _chunks(self, start: int, end: int) -> AsyncIterator[Chunk]:
        """The records between two offsets of the spool, through a bounded buffer."""
        buffer = bytearray()
        offset = start
        if start == end:
            return
        async for piece in self._kit.spool.read(self._key, start, end - start):
            buffer += piece
            done = offset
            for chunk in unpack(buffer, offset):
                done = chunk.end
                yield chunk
            del buffer[: done - offset]
            offset = done


async def _drained(line: Line) -> None:
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.on_drain(lambda: None if drained.done() else drained.set_result(None))
    await drained


def _refuse(parcel: Parcel, error: BurrowError) -> None:
    if parcel.answer is not None:
        parcel.answer.refused(error)
