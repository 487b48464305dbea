"""One direction of one relay session: chunks for one peer, in order, live while it is here and at rest while it is not.

Live, a chunk goes to the peer's line at once and is kept in memory until the peer has proved its arrival; if the line
dies first, what was not proved goes to the spool and waits there with what comes later. At rest, a chunk is
acknowledged once it is durable. Only when the spool has been emptied, in order, do chunks go live again.
Spec: docs/spec/relay.md. Proven by tests/server/test_relay_queue.py.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from burrowspace.core.errors import BurrowError, NoSpace, NotFound
from burrowspace.core.relay import Chunk, Part, Torn, packed_size, pieces, unpack
from burrowspace.ports import Line
from burrowspace.server.driver.backpressure import Backpressure, Feeder
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.queued_chunk import QueuedChunk
from burrowspace.server.driver.quota import Quota
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded

log = structlog.get_logger("relay")

_WINDOW = 2 << 20  # bytes in memory for a peer, sent and not proved or waiting for the disk, before its feeder waits
_STRIDE = 1 << 20  # bytes that one write to the spool takes, or one part more
_ELSEWHERE_S = 2.0  # that a feeder waits for a peer of another node, of which nobody knows here whether it waits itself
_PROVE = 1 << 20  # bytes sent from the spool between two proofs
_RETRY_S = 1.0  # after a failure of the disk or the database; doubles up to
_RETRY_MAX_S = 60.0


Save = Callable[[int], Awaitable[None]]  # keeps how far the peer has confirmed, bytes; durable when it returns


class RelayQueue:
    """Made by Relays for a session it has checked. `save` is told how far the peer has confirmed the spool."""

    def __init__(
        self,
        context: DriverContext,
        tasks: Tasks,
        quota: Quota,
        backpressure: Backpressure,
        key: str,
        peer_id: str,
        confirmed: int,
        save: Save,
        lost: Callable[[], None] = lambda: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        """`lost` is called when something that was accepted cannot be delivered any more, `missed` when the peer has
        what stood before it."""
        self._context, self._tasks, self._quota, self._backpressure = context, tasks, quota, backpressure
        self._key, self._peer_id, self._save, self._lost, self._missed = key, peer_id, save, lost, missed
        self._damaged = False  # something was lost, and the peer does not know it yet
        self._line: Line | None = None  # the line that chunks were sent down last
        self._resting = True  # until the worker has looked into the spool
        self._unproved: deque[QueuedChunk] = deque()  # sent live, arrival not proved
        self._unproved_bytes = 0
        self._sent_live = 0  # chunks sent since the queue went live
        self._proved = 0
        self._proving = False
        self._life = 0  # counts the times of being live: a late proof of an earlier one says nothing
        self._incoming: deque[QueuedChunk] = deque()  # for the spool, or for when it is empty, in order
        self._incoming_bytes = 0
        self._crowded = False  # what is incoming must go to the spool though the peer is here
        self._waiting: list[Feeder] = []  # for the peer to take or to prove something
        self._storing: list[Feeder] = []  # for the disk
        self._held: int | None = None  # bytes in the spool; unknown before a look
        self._confirmed = confirmed
        self._saved = confirmed  # the position that a restart would find
        self._sent = 0  # of the bytes in the spool, those that went down `_line`
        self._there = False  # the spool has the key, if only with nothing under it
        self._torn_off = False  # behind `_held` may lie the rest of a write that failed
        self._working = False
        self._woken = False  # something changed since the worker looked last
        self._alarm: asyncio.Future[None] | None = None  # while the worker waits and wants to hear of that

    @property
    def idle(self) -> bool:
        return not (self._working or self._unproved or self._incoming or self._waiting or self._storing)

    def take(self, chunk: QueuedChunk, feeder: Feeder) -> None:
        """A chunk for the peer. Never blocks; makes the feeder wait where it must."""
        line = self._context.bus.line(self._peer_id)
        if not self._resting and (line is None or line is not self._line):
            self._settle()
        if not self._resting and line is not None:
            self._send(line, chunk)
        else:
            self._incoming.append(chunk)
            self._incoming_bytes += chunk.size
            self.wake()
        if self._unproved_bytes + self._incoming_bytes > _WINDOW or (not self._resting and self._over_budget()):
            self._wait(feeder)

    def wake(self) -> None:
        """Something changed: the peer is here, or there is something to write."""
        self._woken = True
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)
        if self._resting and not self._working:
            self._working = True
            self._tasks.start(self._work())

    def readdress(self, peer_id: str) -> None:
        """What rests here, and what comes, is for another device from now on."""
        self._peer_id = peer_id
        if not self._resting:
            self._settle()

    # Live

    def _send(self, line: Line, chunk: QueuedChunk) -> None:
        self._unproved.append(chunk)
        self._unproved_bytes += chunk.size
        self._sent_live += 1
        if chunk.line is not line:  # else it went down this very line before it was about to rest
            chunk.line = line
            if not line.send_encoded(Encoded.from_raw("/", chunk.body, chunk.attachments)):
                self._settle()
                return
        self._prove(line)

    def _prove(self, line: Line) -> None:
        """Asks for proof of what was sent: one question at a time, so that it costs little."""
        if not self._proving:
            self._proving = True
            line.confirm(partial(self._arrived, line, self._life, self._sent_live))

    def _arrived(self, line: Line, life: int, sent: int, arrived: bool) -> None:
        if life != self._life:
            return
        self._proving = False
        if not arrived:
            self._settle()
            return
        while self._proved < sent:
            self._proved += 1
            chunk = self._unproved.popleft()
            self._unproved_bytes -= chunk.size
            chunk.delivered()
        if self._unproved:
            self._prove(line)
        self._resume()

    def _settle(self) -> None:
        """The line is dead or another: what it did not prove goes to the spool, before anything newer."""
        self._line = None
        self._rest()

    def _rest(self) -> None:
        self._resting, self._proving = True, False
        self._life += 1
        self._incoming.extendleft(reversed(self._unproved))
        self._incoming_bytes += self._unproved_bytes
        self._unproved.clear()
        self._unproved_bytes = self._sent_live = self._proved = 0
        self.wake()

    # Waiting

    def _over_budget(self) -> bool:
        return self._line is not None and self._line.over_budget

    def _stuck(self) -> bool:
        """Whether the peer is here and cannot prove anything, because it waits itself."""
        line = self._way()
        return line is not None and self._backpressure.holds(line)

    def _wait(self, feeder: Feeder) -> None:
        if self._stuck() and not self._over_budget():
            feeder.pause_reading()  # not counted as backpressure: the disk waits for nobody
            self._storing.append(feeder)
            self._crowd()
        else:
            self._backpressure.hold(feeder)
            self._waiting.append(feeder)
            if not self._resting and self._line is not None:
                self._line.on_drain(self._resume)
                if self._context.bus.here(self._peer_id) is not self._line:
                    asyncio.get_running_loop().call_later(_ELSEWHERE_S, self._no_longer, self._life, self._proved)

    def _no_longer(self, life: int, proved: int) -> None:
        """Two peers that flood each other from two nodes would wait for each other without end."""
        if self._waiting and not self._resting and (self._life, self._proved) == (life, proved):
            self._crowd()

    def _crowd(self) -> None:
        """The peer is here, but nothing may wait for it: what is in memory goes to the spool beside it."""
        self._crowded = True
        if self._resting:
            self.wake()
        else:
            self._rest()

    def _resume(self) -> None:
        if not self._resting and self._line is not None and self._line.over_budget:
            self._line.on_drain(self._resume)
        elif self._unproved_bytes + self._incoming_bytes <= _WINDOW // 2:
            waiting, self._waiting = self._waiting, []
            storing, self._storing = self._storing, []
            for feeder in waiting:
                self._backpressure.release(feeder)
            for feeder in storing:
                feeder.resume_reading()
        elif self._waiting and not self._crowded and self._stuck():
            self._crowd()

    # At rest

    async def _work(self) -> None:
        delay = _RETRY_S
        try:
            while self._resting:
                try:
                    await self._look()
                    if not await self._step():
                        return
                    delay = _RETRY_S
                except Exception as error:
                    log.error("a relay queue cannot be worked on", session=self._key, error=repr(error), exc_info=error)
                    self._refuse_all(NoSpace("the server could not store this; try again later"))
                    if not self._incoming and self._way() is None:
                        return
                    self._resume()
                    await self._news(delay)
                    delay = min(2 * delay, _RETRY_MAX_S)
        finally:
            self._working = False
            self._resume()

    async def _step(self) -> bool:
        """One thing that is to be done now; False when there is nothing."""
        line = self._way()
        if line is None:
            await self._context.bus.find(self._peer_id)  # it may be on another node
            line = self._way()
        if self._incoming and (line is None or self._crowded):
            await self._store()
        elif line is None:
            return False
        elif self._held != self._confirmed:
            await self._deliver(line)
        else:
            await self._clear()
            if self._damaged:
                self._damaged = False
                self._missed()
            self._go_live()
        return True

    def _way(self) -> Line | None:
        """The peer's line, if there is one that still takes something."""
        line = self._context.bus.line(self._peer_id)
        return line if line is not None and line.connected else None

    async def _news(self, seconds: float | None = None, *others: "asyncio.Future[bool]") -> None:
        """Waits for a `wake` since the last time, for one of the others, or so long."""
        if not self._woken:
            self._alarm = asyncio.get_running_loop().create_future()
            try:
                awaited: set[asyncio.Future[Any]] = {self._alarm, *others}
                await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._alarm = None
        self._woken = False

    async def _look(self) -> None:
        """A look into the spool at the start, or after a failure: a record that a crash cut short is cut off."""
        if self._held is not None:
            return
        try:
            held = await self._context.spool.size(self._key)
            self._there = True
        except NotFound:
            held = 0
        self._confirmed = min(self._confirmed, held)
        end = self._confirmed
        try:
            async for chunk in self._chunks(end, held):
                end = chunk.end
        except Torn:  # of one that a crash cut short the end is missing; here bytes are not what they were
            log.warning("a resting relay queue ends in a torn record", session=self._key)
            self._lose()
        if end < held:
            await self._context.spool.cut(self._key, end)
        self._torn_off = False
        self._quota.note(self._key, end)
        self._held, self._sent = end, min(self._sent, end)

    def _go_live(self) -> None:
        """The spool is empty: what waits goes out live, and so does what comes. No await between the two."""
        line = self._way()
        if line is None:
            return
        self._line, self._resting, self._crowded = line, False, False
        self._sent = 0
        waiting, self._incoming, self._incoming_bytes = self._incoming, deque(), 0
        while waiting:
            if self._resting:  # the line died on the way
                self._incoming.extend(waiting)
                self._incoming_bytes += sum(chunk.size for chunk in waiting)
                return
            self._send(line, waiting.popleft())

    async def _store(self) -> None:
        """Writes everything that waits, makes it durable, then answers. What was promised is not refused: it waits."""
        await self._ready_to_append()
        held = self._held or 0
        room = min(self._quota.each - (held - self._confirmed), self._quota.room(self._key))
        batch: list[QueuedChunk] = []
        records: list[Part] = []
        size = sent = 0
        waiting, self._incoming, self._crowded = self._incoming, deque(), False
        for chunk in waiting:
            record = packed_size(chunk.body, chunk.attachments)
            if chunk.answer is not None and size + record > room:
                self._incoming_bytes -= chunk.size
                chunk.refuse(NoSpace("the receiver is away and no more may wait for it here; send it again later"))
                continue
            batch.append(chunk)
            records += pieces(chunk.body, chunk.attachments)
            size += record
            if chunk.line is not None and chunk.line is self._line:
                sent = size
        if not batch:
            self._resume()
            return
        self._quota.note(self._key, held + size)
        self._torn_off = self._there = True
        try:
            await self._append(held, records)
            await self._context.spool.sync(self._key)
        except BaseException as error:
            self._quota.note(self._key, held)
            self._incoming.extendleft(reversed(batch))
            if isinstance(error, NoSpace):
                self._refuse_all(error)
            raise
        self._torn_off = False
        self._held = held + size
        if sent:  # all before it went down the same line
            self._sent = held + sent
        for chunk in batch:
            self._incoming_bytes -= chunk.size
            chunk.queued()
        self._resume()

    async def _append(self, offset: int, records: list[Part]) -> None:
        """Writes records in strides: what waits is copied a little at a time."""
        stride: list[Part] = []
        size = 0
        for number, part in enumerate(records, 1):
            stride.append(part)
            size += len(part)
            if size >= _STRIDE or number == len(records):
                offset = await self._context.spool.append(self._key, offset, b"".join(stride))
                stride, size = [], 0

    async def _ready_to_append(self) -> None:
        """Nothing is written behind the rest of a failed write, nor where a restart would believe it confirmed."""
        if self._torn_off:
            try:
                await self._context.spool.cut(self._key, self._held or 0)
            except NotFound:  # not even the key was made, or somebody took the row away
                self._held = self._confirmed = self._sent = 0
            self._torn_off = False
        if self._saved > self._confirmed:
            await self._save(self._confirmed)
            self._saved = self._confirmed

    def _refuse_all(self, error: BurrowError) -> None:
        """Nothing can be stored now: those that may still hear so are told, the others wait."""
        waiting, self._incoming = self._incoming, deque()
        for chunk in waiting:
            if chunk.answer is None:
                self._incoming.append(chunk)
            else:
                self._incoming_bytes -= chunk.size
                chunk.refuse(error)

    async def _deliver(self, line: Line) -> None:
        """Sends what rests, in order, proving as it goes; returns when all is proved or the line is dead."""
        if line is not self._line:
            self._line, self._sent = line, self._confirmed
        end = self._held or 0
        self._sent = max(self._sent, self._confirmed)
        try:
            async for chunk in self._chunks(self._sent, end):
                if not line.send_encoded(Encoded.from_raw("/", chunk.body, chunk.attachments)):
                    return
                self._sent = chunk.end
                if line.over_budget:
                    await _drained(line)
                if self._sent - self._confirmed >= _PROVE and not await self._confirm(line, self._sent):
                    return
            if self._sent < end:
                raise Torn
        except Torn:
            log.error("a resting relay queue is damaged; what lies behind the damage is dropped", session=self._key)
            self._lose()
            await self._context.spool.cut(self._key, self._sent)
            self._held = self._sent
            self._quota.note(self._key, self._held)
        except NotFound:
            log.error("a resting relay queue has vanished", session=self._key)
            self._lose()
            self._held = self._confirmed = self._sent = 0
            self._quota.note(self._key, 0)
        if self._sent > self._confirmed:
            await self._confirm(line, self._sent)

    def _lose(self) -> None:
        self._damaged = True
        self._lost()

    async def _confirm(self, line: Line, sent: int) -> bool:
        """Waits until the peer has proved all up to `sent`. What would have to wait for that without end is stored."""
        arrived: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        line.confirm(lambda ok: None if arrived.done() else arrived.set_result(ok))
        while not arrived.done():
            if self._incoming and (self._crowded or (self._waiting and self._stuck())):
                await self._store()
            else:
                await self._news(None, arrived)
        if not arrived.result():
            return False
        self._confirmed = sent
        await self._save(sent)
        self._saved = sent
        return True

    async def _clear(self) -> None:
        """All is delivered: the space goes back. The saved position stays until a new row is begun."""
        if self._there:
            await self._context.spool.drop(self._key)
            self._there = self._torn_off = False
        self._quota.note(self._key, 0)
        self._held = self._confirmed = self._sent = 0

    async def _chunks(self, start: int, end: int) -> AsyncIterator[Chunk]:
        """The records between two offsets of the spool, through a bounded buffer."""
        buffer = bytearray()
        offset = start
        if start == end:
            return
        async for piece in self._context.spool.read(self._key, start, end - start):
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
