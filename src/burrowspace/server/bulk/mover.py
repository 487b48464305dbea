"""A thread that moves bytes for many connections, a bounded number at a turn, and gives up on who makes no progress.

It knows flows and nothing of HTTP. A slow disk stalls this thread and no other.
"""

import asyncio
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

import structlog

from burrowspace.core.errors import Stalled
from burrowspace.server.driver.lane import Lane
from burrowspace.system import moving

log = structlog.get_logger("bulk")

_TICK_S = 0.25  # an upload that trickles in is looked at as often, so its progress is no older
TURN = 1 << 20  # bytes that a flow may move before the others have their turn


class Need(Enum):
    """What a flow waits for after its turn."""

    TURN = "turn"  # nothing: it has more to do
    PEER = "peer"  # its socket
    LANE = "lane"  # the other side of its lane
    DONE = "done"


class Flow:
    """One connection's body on its way. Subclasses say in `step` how bytes move; all runs on the mover's thread."""

    def __init__(self, fd: int) -> None:
        self.fd = fd  # a descriptor of our own; closed by whoever made it
        self.moved = 0  # bytes, for the deadlines
        self.need = Need.TURN
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.mover: Mover = None  # type: ignore[assignment]  # set when it is added
        self.over = False
        self._seen, self._since = 0, 0.0  # bytes moved at the last look, and when that last changed
        self._mark, self._from = 0, 0.0  # where the present window of the rate began

    def step(self) -> Need:
        raise NotImplementedError

    def hung_up(self) -> None:
        """The peer has gone, in both directions."""

    def close(self) -> None:
        """The last thing done for it on this thread."""

    def wake(self) -> None:
        """Something changed in its lane. From any thread."""
        if self.need is Need.LANE:
            self.mover.call(lambda: self.mover.ready.add(self))

    def late(self, now: float, stall_s: float, min_rate: int, patience_s: float) -> bool:
        """Whether it has made no progress, or too little, for too long. Who waits for the other side is not slow."""
        if self._seen != self.moved or self._since == 0.0:
            self._seen, self._since = self.moved, now
        if self.need is Need.LANE:
            self._mark, self._from = self.moved, now
            return now - self._since > max(patience_s, stall_s)
        if self._from == 0.0:
            self._mark, self._from = self.moved, now
        if now - self._since > stall_s:
            return True
        if now - self._from >= stall_s:
            slow = self.moved - self._mark < min_rate * (now - self._from)
            self._mark, self._from = self.moved, now
            return slow
        return False


class Mover(threading.Thread):
    """One of a few. Flows of one lane share a mover, so that they may hand bytes to each other."""

    def __init__(self, name: str, stall_s: float, min_rate: int, patience_s: float) -> None:
        super().__init__(name=name, daemon=True)
        self._limits = stall_s, min_rate, patience_s
        self._tick = min(_TICK_S, stall_s / 4)
        self._epoll = select.epoll()
        self._kick = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._kick, moving.READABLE)
        self._inbox: deque[Callable[[], None]] = deque()
        self._flows: dict[int, Flow] = {}
        self.ready: set[Flow] = set()
        self.following: dict[Lane, set[Flow]] = {}  # who sends what a lane brings
        self._closing = False
        self._lock = threading.Lock()  # the descriptor that wakes the thread is not used once it is closed
        self._ended = False

    # From any thread

    def call(self, work: Callable[[], None]) -> None:
        """Runs `work` on this thread, soon; at once where the thread has ended, and nothing else moves."""
        if threading.get_ident() != self.ident:
            with self._lock:
                if not self._ended:
                    self._inbox.append(work)
                    os.eventfd_write(self._kick, 1)
                    return
        work()

    def add(self, flow: Flow) -> None:
        flow.mover = self
        self.call(lambda: self._add(flow))

    def stop(self, flow: Flow, error: Exception) -> None:
        """Ends the flow with `error`, unless it has ended; its future says when nothing of it moves any more."""
        self.call(lambda: self.end(flow, error))

    def close(self) -> None:
        self.call(self._close)

    # On this thread

    def _add(self, flow: Flow) -> None:
        if self._closing:
            self.end(flow, ConnectionAbortedError("the server stops"))
            return
        try:
            self._epoll.register(flow.fd, moving.BOTH_EDGES)
        except OSError as error:
            self.end(flow, error)
            return
        self._flows[flow.fd] = flow
        self.ready.add(flow)

    def end(self, flow: Flow, error: BaseException | None = None) -> None:
        if flow.over:
            return
        flow.over = True
        self.ready.discard(flow)
        if self._flows.pop(flow.fd, None) is not None:
            self._epoll.unregister(flow.fd)
        try:
            flow.close()
        except OSError as problem:
            error = error or problem
        if not flow.loop.is_closed():
            flow.loop.call_soon_threadsafe(_settle, flow.done, error)

    def _close(self) -> None:
        self._closing = True
        for flow in list(self._flows.values()):
            self.end(flow, ConnectionAbortedError("the server stops"))

    def run(self) -> None:
        looked = time.monotonic()
        while not self._closing:
            for fd, events in self._epoll.poll(0 if self.ready else self._tick, 256):
                if fd == self._kick:
                    os.eventfd_read(self._kick)
                elif (flow := self._flows.get(fd)) is not None:
                    if events & moving.GONE:
                        flow.hung_up()
                    self.ready.add(flow)
            while self._inbox:
                self._inbox.popleft()()
            for flow in list(self.ready):
                self._turn(flow)
            now = time.monotonic()
            if now - looked >= self._tick:
                looked = now
                self._look(now)
        with self._lock:
            self._ended = True
            self._epoll.close()
            os.close(self._kick)
        while self._inbox:
            self._inbox.popleft()()

    def _turn(self, flow: Flow) -> None:
        if flow.over:
            self.ready.discard(flow)  # woken after its end: it must not keep this thread awake
            return
        try:
            flow.need = Need.LANE  # a wake-up from another thread during the step is not lost
            flow.need = need = flow.step()
        except Exception as error:  # whatever it was, it is this flow's and must not end the others
            self.end(flow, error)
            return
        if need is Need.DONE:
            self.end(flow)
        elif need is not Need.TURN:
            self.ready.discard(flow)

    def _look(self, now: float) -> None:
        for flow in list(self._flows.values()):
            if flow.late(now, *self._limits):
                self.end(flow, Stalled("the bytes made no progress for too long; go on where it stands"))
            elif flow.need is Need.PEER:
                self.ready.add(flow)  # the kernel wakes us for much (SO_RCVLOWAT): what is less, and stays so, is taken


def _settle(done: "asyncio.Future[None]", error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
