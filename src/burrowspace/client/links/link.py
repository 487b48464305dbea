"""A link: one authenticated connection between the two ends of a transfer, whatever carries it.

Every direct path ends as one blocking socket (or several, where a single TCP stream is slow), and this is what runs on
it: a thread that reads and a thread that writes for each stream, sealed blocks in one direction, sealed controls in
both. It opens and seals no block itself: the sender gives a callable that fills a buffer, the receiver one that takes
it. Which path is used when is not decided here: core/paths.py. Spec: docs/spec/paths.md and docs/spec/link.md.

One lock for a link guards what its threads share; no callable and no system call runs under it.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable

from burrowspace.client.limits import Bucket
from burrowspace.core.credit import Asked, Asking
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.frames import (
    BLOCK_HEADER_BYTES,
    CONTROL_BODY_MOST,
    HEADER_BYTES,
    Controls,
    Kind,
    block_header_into,
    parse_header,
    parse_position,
)
from burrowspace.core.sealing import SEALED_MOST
from burrowspace.core.signals import Control, Ping, Pong, Stop, Want
from burrowspace.faults import told

Seal = Callable[[int, memoryview], int]
"""(position, room) -> bytes written; 0 where there is no such position. Called in the threads of a link."""
Take = Callable[[int, memoryview], int]
"""(position, sealed) -> positions held from now on. Called in the threads of a link, one for each stream."""

INBOX = 256  # controls that wait for the session; a peer that sends more is cut
PING_AFTER = 5.0  # s without a byte from the other side
SILENT_AFTER = 60.0  # s without a byte: the program there hangs (a host that vanished is noticed by the kernel)
SLICE = 4096  # bytes of a block sent at once under the lowest limits
LINGER = 2.0  # s that last words may take
# One call for a whole block, and one wake of this program, which still hears what came on a slow line every 1/8 s.
_WHOLE = socket.MSG_WAITALL if sys.platform == "linux" else 0
_LOOK = struct.pack("ll", 0, 125_000)  # s, µs


class Broken(ConnectionError):
    """The link is no more; the sentence says why. What caused it is its `__cause__`."""


class _Stream:
    """One socket of a link and what waits for it."""

    def __init__(self, number: int, line: socket.socket, words: Controls, lock: threading.Lock) -> None:
        self.number, self.line, self.words = number, line, words
        self.changed = threading.Condition(lock)
        self.asked = Asked()
        self.outbox: list[Control] = []
        self.heard_at = time.monotonic()
        self.pinged = False
        self.threads = 2  # that still use the socket


class DirectLink:
    """Made and used in an event loop; its work is done in threads. `line` is connected and greeted; it is the link's
    from now on, in blocking mode. `kind`: "tcp", "punch", "webrtc" or "turn". `peer`: the address to show to a
    person. `received`: bytes of sealed blocks, as they come, whole block or not.
    """

    def __init__(
        self,
        line: socket.socket,
        words: Controls,
        *,
        kind: str,
        peer: str,
        bucket: Bucket | None = None,
        ping_after: float = PING_AFTER,
        silent_after: float = SILENT_AFTER,
    ) -> None:
        self.kind, self.peer = kind, peer
        self.received = 0
        self._bucket, self._ping_after, self._silent_after = bucket, ping_after, silent_after
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Control | None] = asyncio.Queue()
        self._end: asyncio.Future[Broken] = self._loop.create_future()
        self._lock = threading.Lock()
        self._streams: list[_Stream] = []
        self._seal: Seal | None = None
        self._take: Take | None = None
        self._asking: Asking | None = None
        self._broken: Broken | None = None
        self.add_stream(line, words)

    # ---- the face

    async def controls(self) -> AsyncIterator[Control]:
        """What the other end says, without what links say to each other. Ends when the link does. One reader."""
        while (control := await self._inbox.get()) is not None:
            yield control
        self._inbox.put_nowait(None)

    async def send(self, control: Control) -> None:
        """Says something to the other end, ahead of all blocks that are not yet under way. Broken."""
        with self._lock:
            if self._broken:
                raise self._broken
            self._say(self._streams[0], control)

    def serve(self, seal: Seal) -> None:
        """Sends the blocks that the other end asks for, from now on."""
        with self._lock:
            self._seal = seal
            for stream in self._streams:
                stream.changed.notify()

    def pull(self, take: Take, held: int, end: int | None = None) -> None:
        """Asks for the positions from `held` on to `end`, with credit, and gives each to `take`; again after stop()."""
        with self._lock:
            self._take = take
            if self._asking is None:
                self._asking = Asking(held, end, len(self._streams))
            else:
                self._asking.begin(held, end)
            self._ask(self._asking)

    def ends(self, end: int | None) -> None:
        """Another position before which blocks are asked for: the end has become known, or the person said yes."""
        with self._lock:
            if self._asking:
                self._asking.end = end
                self._ask(self._asking)

    def stop(self) -> None:
        """Asks for nothing more. What is under way may still be given to `take`."""
        with self._lock:
            if self._asking and not self._asking.resting:
                self._asking.stop()
                for stream in self._streams:
                    self._say(stream, Stop())

    @property
    def outstanding(self) -> int:
        """Blocks asked for and not arrived: never above the credit."""
        with self._lock:
            return self._asking.outstanding if self._asking else 0

    @property
    def under_way(self) -> int:
        """The same, with what was asked before a stop: it may still come."""
        with self._lock:
            return self._asking.under_way if self._asking else 0

    def close(self, why: str = "closed here") -> None:
        """Ends it, after what was said is said. From any thread; more than once does nothing."""
        self._break(Broken(why), rest=LINGER)

    async def closed(self) -> Broken:
        """Waits for the end; why."""
        return await asyncio.shield(self._end)

    def add_stream(self, line: socket.socket, words: Controls) -> None:
        """One more socket for the blocks, greeted like the first."""
        line.setblocking(True)
        if _WHOLE:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _LOOK)
        with self._lock:
            if self._broken:
                line.close()
                return
            stream = _Stream(len(self._streams), line, words, self._lock)
            self._streams.append(stream)
            if self._asking and stream.number:
                self._asking.add_stream()
                self._ask(self._asking)
        for work in (self._read, self._write):
            threading.Thread(
                target=self._run, args=(work, stream), name=f"link-{self.kind}-{work.__name__}", daemon=True
            ).start()

    @property
    def streams(self) -> int:
        return len(self._streams)

    # ---- under the lock

    def _say(self, stream: _Stream, control: Control) -> None:
        stream.outbox.append(control)
        stream.changed.notify()

    def _ask(self, asking: Asking) -> None:
        for number, start, upto in asking.wants():
            self._say(self._streams[number], Want(start, upto))

    # ---- the threads

    def _run(self, work: Callable[[_Stream], None], stream: _Stream) -> None:
        try:
            work(stream)
        except (OSError, BurrowError) as error:
            self._break(Broken(told(error)), error)
        except BaseException as error:  # of seal or take: the session's own, and it must hear of it
            self._break(Broken(f"{type(error).__name__}: {error}"), error)
        finally:
            with self._lock:
                stream.threads -= 1
                last = not stream.threads
            if last:
                stream.line.close()

    def _read(self, stream: _Stream) -> None:
        line, rest = stream.line, BLOCK_HEADER_BYTES - HEADER_BYTES
        # A control's body is never shorter than the rest of a block's header, so both are read in one call.
        head, room = (
            memoryview(bytearray(BLOCK_HEADER_BYTES)),
            memoryview(bytearray(max(SEALED_MOST, CONTROL_BODY_MOST))),
        )
        while True:
            self._fill(stream, line, head)
            kind, size = parse_header(head[:HEADER_BYTES])
            body = room[: size - rest]
            self._fill(stream, line, body, counts=kind is Kind.BLOCK)
            if kind is Kind.BLOCK:
                self._came(stream, parse_position(head[HEADER_BYTES:]), body)
            else:
                self._heard(stream, stream.words.open(bytes(head[HEADER_BYTES:]) + bytes(body)))

    def _fill(self, stream: _Stream, line: socket.socket, room: memoryview, counts: bool = False) -> None:
        """Reads until `room` is full, counting what comes: on a slow line a block takes its time and is no stall."""
        got, size = 0, len(room)
        while got < size:
            upto = min(size, got + max(SLICE, int(self._bucket.burst))) if counts and self._bucket else size
            try:
                count = line.recv_into(room[got:upto], 0, _WHOLE)
            except BlockingIOError:  # LOOK has passed, and nothing came
                continue
            if not count:
                raise ConnectionResetError("the other side has closed")
            got += count
            stream.heard_at = time.monotonic()
            if counts:
                with self._lock:
                    self.received += count
                    if self._bucket and (delay := self._bucket.spend(count)):
                        stream.changed.wait_for(lambda: self._broken is not None, delay)

    def _came(self, stream: _Stream, position: int, block: memoryview) -> None:
        with self._lock:
            asking, take = self._asking, self._take
            if self._broken or asking is None or take is None or not asking.arrived(stream.number, position):
                raise BadRequest("a block came that was not asked for")
        held = take(position, block)
        with self._lock:
            asking.moved(held)
            self._ask(asking)

    def _heard(self, stream: _Stream, control: Control) -> None:
        with self._lock:
            if isinstance(control, Want):
                stream.asked.want(control.from_, control.upto)
                stream.changed.notify()
                return
            if isinstance(control, Stop):
                stream.asked.stop()
                return
            if isinstance(control, Ping):
                if not any(isinstance(each, Pong) for each in stream.outbox):  # one answer for many questions
                    self._say(stream, Pong(control.n))
                return
            if isinstance(control, Pong):
                stream.pinged = False
                return
        self._on_loop(self._deliver, control)

    def _write(self, stream: _Stream) -> None:
        room = memoryview(bytearray(BLOCK_HEADER_BYTES + SEALED_MOST))
        body = room[BLOCK_HEADER_BYTES:]
        while True:
            position = None
            with self._lock:
                while not stream.outbox and not self._broken and not (self._seal and stream.asked.waiting):
                    if not stream.changed.wait(self._ping_after):
                        self._check_life(stream)
                words = b"".join(stream.words.seal(each) for each in stream.outbox)
                stream.outbox.clear()
                if not words and self._broken:
                    break
                if not words:
                    position = stream.asked.next()
                seal = self._seal
            if words:
                stream.line.sendall(words)
                continue
            if position is None or seal is None:
                continue
            size = seal(position, body)
            if not size:
                continue
            block_header_into(room, position, size)
            self._send_block(stream, room[: BLOCK_HEADER_BYTES + size])
        self._shut(stream)

    def _send_block(self, stream: _Stream, frame: memoryview) -> None:
        """Sends a block's frame; in slices where there is a limit, so that a slow rate looks like no standstill."""
        slice_size = max(SLICE, int(self._bucket.burst)) if self._bucket else len(frame)
        for start in range(0, len(frame), slice_size):
            piece = frame[start : start + slice_size]
            if self._bucket and (delay := self._bucket.spend(len(piece))):
                with self._lock:
                    if stream.changed.wait_for(lambda: self._broken is not None, delay):
                        return
            stream.line.sendall(piece)

    def _check_life(self, stream: _Stream) -> None:
        """Under the lock: a question to a silent peer, and the end of one that stays silent."""
        silent = time.monotonic() - stream.heard_at
        if silent > self._silent_after:
            raise TimeoutError(f"the other side has been silent for {silent:.0f} s")
        if silent >= self._ping_after and not stream.pinged:
            stream.pinged = True
            stream.outbox.append(Ping(0))

    # ---- the end

    def _break(self, broken: Broken, cause: BaseException | None = None, rest: float = 0.0) -> None:
        broken.__cause__ = cause
        with self._lock:
            if self._broken:
                return
            self._broken = broken
            streams = list(self._streams)
            for stream in streams:
                stream.changed.notify_all()
        if not rest:
            for stream in streams:
                self._shut(stream)
        self._on_loop(self._ended, broken, rest)

    def _shut(self, stream: _Stream) -> None:
        """Wakes whatever thread is inside a call on the socket, at both ends."""
        with self._lock:
            if not stream.threads:
                return  # the number may be another file's by now
            with contextlib.suppress(OSError):
                stream.line.shutdown(socket.SHUT_RDWR)

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *args)

    def _deliver(self, control: Control) -> None:
        if self._inbox.qsize() >= INBOX:
            self._break(Broken("the other side says more than anybody could hear"))
        else:
            self._inbox.put_nowait(control)

    def _ended(self, broken: Broken, rest: float) -> None:
        for stream in self._streams:
            if rest:
                self._loop.call_later(rest, self._shut, stream)
        self._inbox.put_nowait(None)
        if not self._end.done():
            self._end.set_result(broken)
