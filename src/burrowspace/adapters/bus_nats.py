"""The Bus port over NATS: nodes that behave as one server. Spec: docs/spec/bus.md.

Who has a peer's line subscribes to its subject, so what NATS knows of subscriptions is the directory. Frames to a line
go to its node's own subject, all of one turn of the loop in one batch. Nothing is kept here: a batch that is missing, a
node that has started anew and a connection that broke kill the lines between two nodes, and whoever waits for something
of such a line is told so. The numbers and bounds are core/bus_rules.py's.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import structlog

from burrowspace.adapters.bus_remote import Far, RemoteLine
from burrowspace.core import bus_frames
from burrowspace.core.bus_frames import BATCH_MOST, FRAME_BYTES, HEAD_BYTES, PARTS_MOST, Frame, Kind
from burrowspace.core.bus_rules import SEQ_MOST, Batches, News, Received
from burrowspace.core.errors import BadRequest
from burrowspace.core.names import is_our_id
from burrowspace.faults import CannotStart
from burrowspace.ports import Line
from burrowspace.socketio import Encoded
from burrowspace.socketio.encoded import gather, plain

log = structlog.get_logger("bus")

PEER, NODE, BELL, ALL = "b1.p.", "b1.n.", "b1.bell", "b1.all"  # subjects
START_S = 10.0  # that NATS may take to answer at the start
FIND_S = 1.0  # that a peer whose node lives is looked for, and
AWAY_S = 2.0  # while the bus itself is away
ANSWER_S = 0.5  # that a question may take
AGAIN_S = 0.05  # between two questions
BEAT_S = 1.0  # between two looks at the other nodes
SILENT_S = 5.0  # without a word of a node that was asked whether it is there
FORGOTTEN_S = 60.0  # until a node is forgotten that has no lines and says nothing
NODES_MOST = 256  # other nodes: beyond these nobody is listened to
LINES_MOST = 100_000  # remote lines that are remembered
RUNG_MOST = 4096  # keys of one turn: beyond these everything may have changed
PENDING_MOST = 8 << 20  # bytes that wait for NATS: beyond these nothing is shouted


class _Local:
    """A line of this node."""

    __slots__ = ("handle", "line", "number", "users")

    def __init__(self, line: Line, number: int, handle: int) -> None:
        self.line, self.number, self.handle = line, number, handle
        self.users: set[str] = set()  # the nodes that were told of it


class NatsBus:
    """Bus over NATS. Make one, then `open` it; on the loop only."""

    may_lose = True

    def __init__(self, urls: Sequence[str], node: str, *, most_bytes: int = 0) -> None:
        """`node`: 32 hex digits, another one after each start. `most_bytes`: of the largest packet."""
        self._urls, self.node, self._most_bytes = list(urls), node, most_bytes
        self._lives: Callable[[str], Awaitable[bool]] | None = None
        self._nats: Any = None
        self._boot = time.time_ns()
        self._up = asyncio.Event()
        self._down_since: float | None = time.monotonic()
        self._here: dict[str, _Local] = {}
        self._handles: dict[int, _Local] = {}
        self._next_handle = secrets.randbits(62)
        self._ways: dict[str, Line] = {}  # lines of this node, and remote ones that were found
        self._far: dict[str, Far] = {}  # the other nodes
        self._bells: dict[str, Batches] = {}
        self._numbers: dict[str, int] = {}  # of the last batch, by subject
        self._finding: dict[str, asyncio.Future[Line | None]] = {}
        self._bell: dict[str, None] = {}  # keys to be rung
        self._all: deque[bytes] = deque()  # frames to be shouted
        self._all_bytes = 0
        self._flushing = False
        self._subscriptions: dict[str, Any] = {}
        self._work: deque[Callable[[], Awaitable[None]]] = deque()
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._rung: list[Callable[[Sequence[str]], None]] = []
        self._shouted: list[Callable[[Encoded, str], None]] = []
        self.line = self._ways.get  # the hottest call of the server: no frame of ours around it

    # Life

    async def open(self, lives: Callable[[str], Awaitable[bool]]) -> None:
        """See Bus. CannotStart where NATS does not answer, or takes no message as large as a packet."""
        try:
            await self._connect()
        except ModuleNotFoundError:
            raise CannotStart(
                "the bus needs a library that is not installed; install BurrowSpace with its extra `cluster`, or leave "
                "BURROW_BUS_URL out"
            ) from None
        self._lives = lives
        self._down_since = None
        self._up.set()
        for work in (self._write(), self._beat()):
            self._start(work)

    async def _connect(self) -> None:
        import nats  # late: nobody without a bus waits for it

        names = ", ".join(url.rpartition("@")[2] for url in self._urls)
        try:
            async with asyncio.timeout(START_S):
                self._nats = await nats.connect(
                    self._urls,
                    name=f"burrowspace {self.node}",
                    no_echo=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.1,
                    connect_timeout=2,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    disconnected_cb=self._lost,
                    reconnected_cb=self._back,
                    error_cb=self._trouble,
                )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            raise CannotStart(
                f"the bus at {names} cannot be reached ({type(error).__name__}); start NATS there, or correct "
                "BURROW_BUS_URL"
            ) from None
        needed = self._most_bytes + HEAD_BYTES + FRAME_BYTES + 4 * PARTS_MOST + 1024
        most = min(self._nats.max_payload, BATCH_MOST)
        if most < needed:
            raise CannotStart(
                f"the bus takes messages of {most} bytes and this server sends up to {needed}; raise max_payload in "
                "the settings of NATS up to 1 MiB, or lower BURROW_MAX_PAYLOAD_BYTES"
            )
        await self._nats.subscribe(NODE + self.node, cb=self._said)
        await self._nats.subscribe(BELL, cb=self._bell_heard)
        await self._nats.subscribe(ALL, cb=self._all_heard)
        await self._nats.flush()

    async def close(self) -> None:
        """Says nothing more. Lines to other nodes are dead."""
        self._up.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for far in list(self._far.values()):
            far.part()
        if self._nats is not None:
            await self._nats.close()

    @property
    def away_s(self) -> float:
        """For how many seconds NATS has not been reached; 0 while it is."""
        return 0.0 if self._down_since is None else time.monotonic() - self._down_since

    # Bus

    def attach(self, peer_id: str, line: Line, number: int = 0) -> Line | None:
        before = self._here.get(peer_id)
        if before is not None and before.line is line:
            before.number = max(number, before.number)
            return None
        if before is not None:
            self._forget(before)
        else:
            self._do(partial(self._subscribe, peer_id))
        way = self._ways.get(peer_id)
        if isinstance(way, RemoteLine):
            way.die()
        self._next_handle += 1
        held = self._here[peer_id] = self._handles[self._next_handle] = _Local(line, number, self._next_handle)
        self._ways[peer_id] = line
        self._do(partial(self._kick, peer_id, held))
        return None if before is None else before.line

    def detach(self, peer_id: str, line: Line) -> bool:
        held = self._here.get(peer_id)
        if held is None or held.line is not line:
            return False
        del self._here[peer_id]
        if self._ways.get(peer_id) is line:
            del self._ways[peer_id]
        self._forget(held)
        self._do(partial(self._unsubscribe, peer_id))
        return True

    def here(self, peer_id: str) -> Line | None:
        held = self._here.get(peer_id)
        return None if held is None else held.line

    async def find(self, peer_id: str) -> Line | None:
        way = self._ways.get(peer_id)
        if way is not None or not is_our_id(peer_id):
            return way
        asked = self._finding.get(peer_id)
        if asked is None:
            asked = self._finding[peer_id] = self._start(self._look_for(peer_id))
            asked.add_done_callback(lambda _: self._finding.pop(peer_id, None))
        return await asyncio.shield(asked)

    def lines(self) -> Iterator[tuple[str, Line]]:
        return iter([(peer_id, held.line) for peer_id, held in self._here.items()])

    def on_ring(self, rung: Callable[[Sequence[str]], None]) -> None:
        self._rung.append(rung)

    def on_shout(self, shouted: Callable[[Encoded, str], None]) -> None:
        self._shouted.append(shouted)

    def ring(self, keys: Sequence[str]) -> None:
        self._ring_here(keys)
        for key in keys:
            self._bell[key] = None
        self.flush_soon()

    def shout(self, packet: Encoded, but: str) -> None:
        for shouted in self._shouted:
            shouted(packet, but)
        parts = [but.encode(), plain(packet.head), *map(plain, packet.attachments)]
        if self._all_bytes + packet.size > PENDING_MOST:
            log.warning("more is told to all devices than the bus takes; other nodes miss some of it")
            return
        said = bus_frames.frame(Kind.SHOUT, parts=parts)
        self._all.append(said)
        self._all_bytes += len(said)
        self.flush_soon()

    def __len__(self) -> int:
        return len(self._here)

    # What goes out

    def flush_soon(self) -> None:
        """Sends what is queued once this turn of the loop is over."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        for far in [each for each in self._far.values() if each.wants_to_speak]:
            self.flush(far)
        if self._bell:
            keys, self._bell = list(self._bell), {}
            fit = len(keys) <= RUNG_MOST and all(len(key) <= bus_frames.KEY_MOST and key.isascii() for key in keys)
            groups = [keys[at : at + PARTS_MOST] for at in range(0, len(keys), PARTS_MOST)] if fit else [[]]
            said = [bus_frames.frame(Kind.RING, parts=[key.encode() for key in group]) for group in groups]
            self._publish(BELL, b"".join(said))
        while self._all:
            said, size = [], 0
            while self._all and (not said or size + len(self._all[0]) <= bus_frames.BATCH_FULL):
                said.append(self._all.popleft())
                size += len(said[-1])
            self._all_bytes -= size
            self._publish(ALL, b"".join(said))

    def flush(self, far: Far) -> None:
        """Sends what is queued for one node now."""
        for frames in far.said():
            self._publish(NODE + far.node, frames)

    def _publish(self, subject: str, frames: bytes) -> None:
        number = self._numbers[subject] = self._numbers.get(subject, 0) + 1
        if self._up.is_set():  # else it is lost, and the numbers say so
            data = bus_frames.head(self.node, self._boot, number) + frames
            self._do(partial(self._nats.publish, subject, data))

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        """Things that are said to NATS, in their order."""
        self._work.append(work)
        self._woken.set()

    async def _write(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._work:
                try:
                    await self._work.popleft()()
                except Exception as error:  # NATS is away, or has gone for good: the lines die with it
                    log.warning("something could not be said on the bus", error=repr(error))

    async def _subscribe(self, peer_id: str) -> None:
        if peer_id not in self._subscriptions:
            self._subscriptions[peer_id] = await self._nats.subscribe(PEER + peer_id, cb=self._asked)

    async def _unsubscribe(self, peer_id: str) -> None:
        if peer_id not in self._here and peer_id in self._subscriptions:
            await self._subscriptions.pop(peer_id).unsubscribe()

    async def _kick(self, peer_id: str, held: _Local) -> None:
        """Tells other nodes that a line of theirs, if it is older, is not the peer's any more."""
        if self._up.is_set() and self._here.get(peer_id) is held:
            frames = [Frame(Kind.KICK, 0, held.number, [peer_id.encode()])]
            await self._nats.publish(PEER + peer_id, bus_frames.batch(self.node, self._boot, 0, frames))

    def _forget(self, held: _Local) -> None:
        """The line is no way to its peer any more: those who were told of it hear that."""
        del self._handles[held.handle]
        for node in held.users:
            far = self._far.get(node)
            if far is not None:
                far.received.pop(held.handle, None)
                far.dead(held.handle)

    # What comes in

    async def _said(self, message: Any) -> None:
        """A batch for this node."""
        batch = _parsed(message)
        far = None if batch is None else self._node(batch.node)
        if batch is None or far is None:
            return
        far.heard_at = time.monotonic()
        match far.batches.take(batch.boot, batch.number):
            case News.OLD:
                return
            case News.GAP:
                log.warning("messages of another node are missing; its lines begin anew", node=batch.node)
                far.part()
                far.say(bus_frames.frame(Kind.RESET))
            case News.REBORN:
                far.part()
            case News.FIRST | News.NEXT:
                pass
        for frame in batch.frames:
            self._act(far, frame)

    def _act(self, far: Far, frame: Frame) -> None:
        kind = frame.kind
        if kind in (Kind.EVENT, Kind.ASKED, Kind.PROVE):
            self._take(far, frame)
        elif kind == Kind.CLOSE:
            held = self._handles.get(frame.line)
            if held is not None:
                held.line.disconnect(close=True)
        elif kind == Kind.RESET:
            far.part()
        elif kind == Kind.PROBE:
            far.say(bus_frames.frame(Kind.ANSWER, 0, frame.seq))
        else:
            far.told(frame)

    def _take(self, far: Far, frame: Frame) -> None:
        """Something for a line of this node."""
        handle = frame.line
        held = self._handles.get(handle)
        received = far.received.get(handle)
        if held is not None and (received is None or frame.seq == 1):
            received = far.received[handle] = Received()
        if held is None or received is None or not received.takes(frame.seq):
            far.dead(handle)
            return
        if frame.kind == Kind.PROVE:
            held.line.confirm(partial(far.proved, handle, received, frame.seq))
            return
        packet = Encoded(gather(frame.parts[0]), frame.parts[1:])
        reports = received.reports(packet.size, asked=frame.kind == Kind.ASKED)
        taken = partial(far.taken, handle, received, frame.seq) if reports else None
        if not held.line.send_encoded(packet, taken):
            far.dead(handle)

    async def _asked(self, message: Any) -> None:
        """Somebody looks for a peer of this node, or has it now."""
        batch = _parsed(message)
        peer_id = message.subject.removeprefix(PEER)
        for frame in batch.frames if batch is not None else ():
            held = self._here.get(peer_id)
            if batch is None or held is None or frame.parts != [peer_id.encode()]:
                continue
            if frame.kind == Kind.FIND and message.reply and self._node(batch.node) is not None:
                held.users.add(batch.node)
                answer = [Frame(Kind.FOUND, held.handle, held.number)]
                await self._nats.publish(message.reply, bus_frames.batch(self.node, self._boot, 0, answer))
            elif frame.kind == Kind.KICK and frame.seq > held.number:
                held.line.disconnect(close=True)
            elif frame.kind == Kind.KICK and frame.seq < held.number:
                await self._kick(peer_id, held)

    async def _bell_heard(self, message: Any) -> None:
        batch = _parsed(message)
        if batch is None or (batch.node not in self._bells and len(self._bells) >= NODES_MOST):
            return
        news = self._bells.setdefault(batch.node, Batches()).take(batch.boot, batch.number)
        if news in (News.GAP, News.REBORN):
            self._ring_here(())
        elif news is not News.OLD:
            for frame in batch.frames:
                if frame.kind == Kind.RING:
                    self._ring_here([key.decode() for key in frame.parts])

    async def _all_heard(self, message: Any) -> None:
        batch = _parsed(message)
        for frame in batch.frames if batch is not None else ():
            if frame.kind == Kind.SHOUT:
                packet = Encoded(gather(frame.parts[1]), frame.parts[2:])
                for shouted in self._shouted:
                    shouted(packet, frame.parts[0].decode())

    def _ring_here(self, keys: Sequence[str]) -> None:
        for rung in self._rung:
            rung(keys)

    # Looking for a peer

    async def _look_for(self, peer_id: str) -> Line | None:
        began = time.monotonic()
        while True:
            if self._up.is_set():
                answer = await self._ask(peer_id)
                way = self._ways.get(peer_id)
                if way is not None:  # it came here meanwhile
                    return way
                if isinstance(answer, RemoteLine):
                    self._ways[peer_id] = answer
                    return answer
                if answer is None and (self._lives is None or not await self._lives(peer_id)):
                    return None
                if time.monotonic() - began > FIND_S:
                    return None
                await asyncio.sleep(AGAIN_S)
            else:
                if time.monotonic() - began > AWAY_S:
                    return None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, began + AWAY_S - time.monotonic()) + 0.01):
                        await self._up.wait()

    async def _ask(self, peer_id: str) -> "RemoteLine | bool | None":
        """A line to the peer; None: NATS says that nobody has it; False: nobody can tell."""
        from nats.errors import Error, NoRespondersError

        asked = bus_frames.batch(self.node, self._boot, 0, [Frame(Kind.FIND, parts=[peer_id.encode()])])
        try:
            message = await self._nats.request(PEER + peer_id, asked, timeout=ANSWER_S)
        except NoRespondersError:
            return None
        except (Error, OSError):
            return False
        batch = _parsed(message)
        if batch is None or len(batch.frames) != 1 or batch.frames[0].kind != Kind.FOUND or batch.node == self.node:
            return False
        far = self._node(batch.node)
        if far is None or not self._up.is_set() or len(self._ways) - len(self._here) >= LINES_MOST:
            return False
        return far.line(batch.frames[0].line, partial(self._gone, peer_id))

    def _gone(self, peer_id: str, line: RemoteLine) -> None:
        if self._ways.get(peer_id) is line:
            del self._ways[peer_id]

    # The other nodes

    def _node(self, node: str) -> Far | None:
        far = self._far.get(node)
        if far is None and node != self.node and len(self._far) < NODES_MOST:
            far = self._far[node] = Far(self, node)
        return far

    async def _beat(self) -> None:
        """Asks nodes that are needed whether they are there; forgets those that are not."""
        probe = 0
        while True:
            await asyncio.sleep(BEAT_S)
            now = time.monotonic()
            for far in list(self._far.values()):
                silent_s = now - far.heard_at
                if far.lines and silent_s > SILENT_S and self._up.is_set():
                    log.warning("another node does not answer; its lines are dead", node=far.node)
                    far.part()
                elif far.lines:
                    probe = probe % SEQ_MOST + 1
                    far.say(bus_frames.frame(Kind.PROBE, 0, probe))
                elif silent_s > FORGOTTEN_S:
                    del self._far[far.node]  # its numbers go on, for it has not forgotten them

    async def _lost(self) -> None:
        if self._up.is_set():
            log.warning("the bus is away; other nodes are not reached")
            self._down_since = time.monotonic()
        self._up.clear()
        for far in list(self._far.values()):
            far.part()

    async def _back(self) -> None:
        """Connected again: what was missed nobody knows."""
        self._boot = max(self._boot + 1, time.time_ns())
        for far in self._far.values():
            far.part()
            far.batches = Batches()
            far.heard_at = time.monotonic()
        self._bells.clear()
        self._down_since = None
        self._up.set()
        for far in self._far.values():
            far.say(bus_frames.frame(Kind.RESET))
        log.info("the bus is back")
        self._ring_here(())
        self._publish(BELL, bus_frames.frame(Kind.RING))
        for peer_id, held in list(self._here.items()):
            self._do(partial(self._kick, peer_id, held))

    async def _trouble(self, error: Exception) -> None:
        log.warning("the bus has trouble", error=repr(error))

    def _start(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _parsed(message: Any) -> bus_frames.Batch | None:
    """What stands in a message; None, and a line in the log, for what is no batch."""
    try:
        return bus_frames.parse(message.data)
    except BadRequest as error:
        log.warning("a message on the bus is not of a node", subject=message.subject[:80], why=error.sentence)
        return None
