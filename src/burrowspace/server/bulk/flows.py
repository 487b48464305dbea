"""The two kinds of flow: a body from a socket into a lane, and a lane or a file into a socket. The kernel moves all.

A live lane with one reader that keeps up is short-circuited: socket, pipe, socket; the file is not touched. As soon as
that is no longer so, the same pipe empties into the file, at the same offset.
"""

import os
import socket

from burrowspace.core.errors import NoSpace, Removed
from burrowspace.core.spooling import Ahead, Policy
from burrowspace.faults import is_full
from burrowspace.server.bulk.mover import TURN, Flow, Mover, Need
from burrowspace.server.driver.lane import Lane, Reader
from burrowspace.system import moving

PIPE = 1 << 20  # bytes in a pipe between two descriptors
LOW = 256 << 10  # bytes that should be there before the kernel wakes us


class Receive(Flow):
    """`left` bytes from a socket into a lane."""

    def __init__(self, sock: socket.socket, lane: Lane, file: int, left: int) -> None:
        super().__init__(sock.fileno())
        self._sock, self.lane, self._file, self.left = sock, lane, file, left
        self._out, self._in, self._room = moving.pipe(PIPE)
        self._held = 0  # bytes in the pipe
        self._low = 0
        self.passed = False  # some bytes never touched the file
        lane.listen(self.wake)

    def step(self) -> Need:
        if self._may_pass_soon():
            return Need.LANE
        before = self.lane.size
        try:
            return self._move()
        finally:
            if self.lane.size != before:
                self.lane.changed()

    def _move(self) -> Need:
        budget = TURN
        while budget > 0:
            if self._held:
                moved, need = self._empty()
                if not moved:
                    return need
                budget -= moved
                continue
            if self.left == 0:
                return Need.DONE
            if self.lane.over:
                raise Removed("this upload was called off")
            room = self.lane.room()
            if room <= 0:
                return Need.LANE
            try:
                got = os.splice(self.fd, self._in, min(self.left, self._room, room), flags=moving.NOW)
            except BlockingIOError:
                self._wait_for_much()
                return Need.PEER
            if got == 0:
                raise ConnectionResetError("the body ended before its length")
            self.left -= got
            self._held += got
        return Need.TURN

    def _may_pass_soon(self) -> bool:
        """Whether the one reader of a live lane is behind: once it has caught up, the file is needed no longer."""
        one = Send.alone(self.mover, self.lane)
        return one is not None and one.at < self.lane.size

    def _empty(self) -> tuple[int, Need]:
        """Moves what the pipe holds: to the one reader where that is possible, else to the file."""
        target = Send.only_one(self.mover, self.lane)
        if target is not None:
            try:
                moved = os.splice(self._out, target.fd, self._held, flags=moving.MORE if self.left else moving.NOW)
            except BlockingIOError:
                target.feeder, target.need = self, Need.PEER
                return 0, Need.LANE
            except OSError as error:
                self.mover.end(target, error)
                return self._empty()
            self.passed = True
            self._took(moved)
            target.passed(moved)
            return moved, Need.TURN
        try:
            moved = os.splice(self._out, self._file, self._held, offset_dst=self.lane.size, flags=moving.MOVE)
        except OSError as error:
            if is_full(error):
                raise NoSpace("the server's disk is full; what arrived so far is kept") from error
            raise
        self._took(moved)
        self.lane.wrote(moved, tell=False)
        return moved, Need.TURN

    def _took(self, moved: int) -> None:
        self._held -= moved
        self.moved += moved

    def _wait_for_much(self) -> None:
        """Asks the kernel to wake us for much, and at the end for what is left."""
        low = min(LOW, self.left)
        if low != self._low:
            self._low = low
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, low))

    def close(self) -> None:
        self.lane.unlisten(self.wake)
        try:
            while self._held:  # what left the socket is not lost, unless the disk is why we end
                if not self._empty_into_file():
                    break
            if self.passed and os.fstat(self._file).st_size < self.lane.size:
                os.ftruncate(self._file, self.lane.size)
        finally:
            os.close(self._out)
            os.close(self._in)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def _empty_into_file(self) -> int:
        if self.lane.over:
            return 0
        moved = os.splice(self._out, self._file, self._held, offset_dst=self.lane.size, flags=moving.MOVE)
        self._took(moved)
        self.lane.wrote(moved)
        return moved


class Send(Flow):
    """A head, then the bytes from `start` to `stop` of a file into a socket; as they come where a reader is given."""

    def __init__(
        self, sock: socket.socket, file: int, head: bytes, start: int, stop: int, reader: Reader | None = None
    ) -> None:
        super().__init__(sock.fileno())
        self._sock, self._file, self._head, self.at, self._stop = sock, file, head, start, stop
        self.reader = reader
        self.feeder: Receive | None = None
        self._entered = False
        if reader is not None:
            reader.lane.listen(self.wake)

    @classmethod
    def only_one(cls, mover: Mover, lane: Lane) -> "Send | None":
        """The one reader of a live lane, where it stands at the writer's place and may be fed directly."""
        one = cls.alone(mover, lane)
        return one if one is not None and not one._head and one.at == lane.size and one.at < one._stop else None

    @classmethod
    def alone(cls, mover: Mover, lane: Lane) -> "Send | None":
        """The one reader of a live lane, if this mover sends to it."""
        ledger = lane.ledger
        if ledger.policy is not Policy.LIVE or len(ledger.readers) != 1:
            return None
        there = mover.following.get(lane)
        if not there or len(there) != 1:
            return None
        one = next(iter(there))
        return one if isinstance(one, cls) else None

    def passed(self, moved: int) -> None:
        """The writer has fed this one directly."""
        assert self.reader is not None
        self.at += moved
        self.moved += moved
        self.reader.passed(moved)
        self.need = Need.LANE
        if self.at == self._stop:
            self.mover.ready.add(self)

    def step(self) -> Need:
        if self.reader is not None and not self._entered:
            self._entered = True
            self.mover.following.setdefault(self.reader.lane, set()).add(self)
        if self._head and not self._send_head():
            return Need.PEER
        budget = TURN
        while budget > 0:
            if self.at >= self._stop:
                return Need.DONE
            want = min(self._stop - self.at, budget)
            if self.reader is not None:
                ahead = self.reader.ahead()
                if ahead is not Ahead.MORE:
                    return self._nothing_ahead(ahead)
                want = min(want, self.reader.available())
            try:
                sent = os.sendfile(self.fd, self._file, self.at, want)
            except BlockingIOError:
                return Need.PEER
            if sent == 0:
                raise ConnectionAbortedError("the file ended before its length")
            self.at += sent
            self.moved += sent
            budget -= sent
            if self.reader is not None:
                self.reader.took(sent)
        return Need.TURN

    def _nothing_ahead(self, ahead: Ahead) -> Need:
        """At the writer's place: it feeds us, or wakes us."""
        if ahead is not Ahead.WAIT:
            raise ConnectionAbortedError("the sender gave the upload up before its end")
        feeder, self.feeder = self.feeder, None
        if feeder is not None and not feeder.over:
            self.mover.ready.add(feeder)
        return Need.LANE

    def _send_head(self) -> bool:
        try:
            sent = self._sock.send(self._head, socket.MSG_MORE if self.at < self._stop else 0)
        except BlockingIOError:
            return False
        self._head = self._head[sent:]
        return not self._head

    def wake(self) -> None:
        if self.need is Need.LANE or self.feeder is not None:
            self.mover.call(lambda: self.mover.ready.add(self))

    def hung_up(self) -> None:
        self.mover.end(self, ConnectionResetError("the receiver has gone"))

    def close(self) -> None:
        if self.reader is not None:
            self.reader.lane.unlisten(self.wake)
            there = self.mover.following.get(self.reader.lane, set())
            there.discard(self)
            if not there:
                self.mover.following.pop(self.reader.lane, None)
            if self.feeder is not None and not self.feeder.over:
                self.mover.ready.add(self.feeder)
