"""Another node, as this one sees it, and the lines to its peers. Part of bus_nats.py."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from burrowspace.core.bus_frames import BATCH_FULL, Frame, Kind
from burrowspace.core.bus_frames import frame as framed
from burrowspace.core.bus_rules import LINE_CREDIT, LINE_MOST, NODE_CREDIT, Batches, Received, Sent
from burrowspace.socketio import Encoded
from burrowspace.socketio.encoded import EVENT_HEAD, Binary, plain

Told = Callable[[bool], None]


class Speaks(Protocol):
    """The bus, as a node seen through it needs it."""

    def flush(self, far: "Far") -> None: ...
    def flush_soon(self) -> None: ...


class Far:
    """Another node: the lines to its peers, what it sends to ours, and what is queued for it."""

    def __init__(self, bus: Speaks, node: str) -> None:
        self.node = node
        self.heard_at = time.monotonic()
        self.batches = Batches()
        self.lines: dict[int, RemoteLine] = {}  # to its peers
        self.received: dict[int, Received] = {}  # what it sends to our lines, by handle
        self.untaken = 0  # bytes on the way to its peers
        self._bus = bus
        self._out: list[bytes] = []
        self._size = 0
        self._taken: dict[int, int] = {}  # to be reported: only the last of each line counts
        self._arrived: dict[int, int] = {}
        self._dead: set[int] = set()
        self._full: set[RemoteLine] = set()  # whose feeders wait

    @property
    def wants_to_speak(self) -> bool:
        return bool(self._out or self._taken or self._arrived or self._dead)

    def say(self, frame: bytes) -> None:
        if self._size + len(frame) > BATCH_FULL and self._out:
            self._bus.flush(self)
        self._out.append(frame)
        self._size += len(frame)
        self._bus.flush_soon()

    def said(self) -> Iterator[bytes]:
        """Takes what is queued, as the frames of one batch or more."""
        frames, size = self._out, self._size
        taken, arrived, dead = self._taken, self._arrived, self._dead
        self._out, self._size, self._taken, self._arrived, self._dead = [], 0, {}, {}, set()
        reports = [framed(Kind.TAKEN, handle, seq) for handle, seq in taken.items()]
        reports += [framed(Kind.ARRIVED, handle, seq) for handle, seq in arrived.items()]
        reports += [framed(Kind.DEAD, handle) for handle in dead]
        for report in reports:
            if size + len(report) > BATCH_FULL:
                yield b"".join(frames)
                frames, size = [], 0
            frames.append(report)
            size += len(report)
        yield b"".join(frames)

    # Our lines, which it sends to

    def taken(self, handle: int, received: Received, seq: int, ok: bool) -> None:
        """Our peer's connection has taken what the node sent, or has died before."""
        if ok and self.received.get(handle) is received:
            self._taken[handle] = seq
            self._bus.flush_soon()

    def proved(self, handle: int, received: Received, seq: int, ok: bool) -> None:
        if self.received.get(handle) is not received:
            return
        if ok:
            self._arrived[handle] = seq
            self._bus.flush_soon()
        else:
            self.dead(handle)

    def dead(self, handle: int) -> None:
        """That line of ours is no way to anybody, or has to begin anew."""
        self.received.pop(handle, None)
        self._dead.add(handle)
        self._bus.flush_soon()

    # Its lines, which we send to

    def line(self, handle: int, gone: "Callable[[RemoteLine], None]") -> "RemoteLine":
        """The line of that handle. `gone` is called when it is dead."""
        before = self.lines.get(handle)
        if before is not None:
            before.die()
        if not self.lines:
            self.heard_at = time.monotonic()
        found = self.lines[handle] = RemoteLine(self, handle, gone)
        return found

    def told(self, frame: Frame) -> None:
        """What the node says about one of its lines."""
        line = self.lines.get(frame.line)
        if line is not None:
            line.told(frame)
            self.look()

    def wait(self, line: "RemoteLine") -> None:
        self._full.add(line)

    def look(self) -> None:
        """Feeders go on where there is room again."""
        if self._full and self.untaken <= NODE_CREDIT // 2:
            for line in [each for each in self._full if each.has_room]:
                self._full.discard(line)
                line.drained()

    def part(self) -> None:
        """All lines between us are dead, and what was about to be said on them is not said any more."""
        self._out, self._size, self._taken, self._arrived, self._dead = [], 0, {}, {}, set()
        self.received.clear()
        for line in list(self.lines.values()):
            line.die()


class RemoteLine:
    """A Line to a peer of another node."""

    __slots__ = ("_drains", "_far", "_gone", "_handle", "_sent", "arrivals", "connected", "held")

    def __init__(self, far: Far, handle: int, gone: "Callable[[RemoteLine], None]") -> None:
        self._far, self._handle, self._gone = far, handle, gone
        self._sent: Sent[Told] = Sent()
        self._drains: list[Callable[[], None]] = []
        self.connected = True
        self.held = False  # its node does not read the peer, which waits for others
        self.arrivals = 0

    @property
    def over_budget(self) -> bool:
        return self._sent.untaken > LINE_CREDIT or self._far.untaken > NODE_CREDIT

    @property
    def has_room(self) -> bool:
        return self._sent.untaken <= LINE_CREDIT // 2

    def send_encoded(self, packet: Encoded, taken: Told | None = None) -> bool:
        parts: list[Binary] = [plain(packet.head), *map(plain, packet.attachments)]
        return self._send(parts, packet.size, taken)

    def send_array(self, head: bytes, body: bytes, tail: bytes) -> bool:
        text = b"".join((EVENT_HEAD, head, body, tail))
        return self._send((text,), len(text), None)

    def _send(self, parts: Sequence[Binary], size: int, taken: Told | None) -> bool:
        if not self.connected:
            return False
        if self._sent.untaken + size > LINE_MOST:
            self.die()
            return False
        seq = self._sent.packet(size, taken)
        self._far.untaken += size
        self._far.say(framed(Kind.EVENT if taken is None else Kind.ASKED, self._handle, seq, parts))
        return True

    def confirm(self, done: Told) -> None:
        if not self.connected:
            done(False)
            return
        self._far.say(framed(Kind.PROVE, self._handle, self._sent.prove(done)))

    def on_drain(self, callback: Callable[[], None]) -> None:
        if not self.connected or not self.over_budget:
            callback()
        else:
            self._drains.append(callback)
            self._far.wait(self)

    def disconnect(self, close: bool = False) -> None:
        if self.connected and close:
            self._far.say(framed(Kind.CLOSE, self._handle))
        self.die()

    def told(self, frame: Frame) -> None:
        """Its node says something about it."""
        if frame.kind in (Kind.TAKEN, Kind.ARRIVED):
            self.arrivals += 1
            before = self._sent.untaken
            found = self._sent.taken(frame.seq) if frame.kind == Kind.TAKEN else self._sent.arrived(frame.seq)
            self._far.untaken -= before - self._sent.untaken
            for told in found:
                told(True)
        elif frame.kind == Kind.DEAD:
            self.die()
        elif frame.kind in (Kind.HELD, Kind.RELEASED):
            self.held = frame.kind == Kind.HELD

    def drained(self) -> None:
        drains, self._drains = self._drains, []
        for drained in drains:
            drained()

    def die(self) -> None:
        """It is no way to the peer any more; whoever waits for something of it is told."""
        if not self.connected:
            return
        self.connected = False
        if self._far.lines.get(self._handle) is self:
            del self._far.lines[self._handle]
        self._far.untaken -= self._sent.untaken
        self._gone(self)
        for told in self._sent.die():
            told(False)
        self.drained()
