"""The rules between two nodes on the bus: what is missing, what is proved, who has to wait. Spec: docs/spec/bus.md.

Counting alone: no socket, no clock, no task. `adapters/bus_nats.py` feeds it what arrives and does what it says.
"""

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

LINE_CREDIT = 1 << 20  # bytes sent down a line and not taken by the peer's connection, before its feeder waits
LINE_MOST = 8 << 20  # and before the line is given up: who feeds it does not wait
NODE_CREDIT = 16 << 20  # bytes of all lines to one node, likewise
REPORT_BYTES = 64 << 10  # that a line takes before its node says so without being asked
SEQ_MOST = 2**64 - 1

W = TypeVar("W")


class News(Enum):
    """What a batch tells by its numbers alone."""

    NEXT = "next"  # nothing is missing
    FIRST = "first"  # of a node that was not heard before
    GAP = "gap"  # batches before it are missing
    REBORN = "reborn"  # the node has started anew, or its connection broke
    OLD = "old"  # it was here already


class Batches:
    """The batches of one node under one subject."""

    __slots__ = ("_boot", "_number")

    def __init__(self) -> None:
        self._boot: int | None = None
        self._number = 0

    def take(self, boot: int, number: int) -> News:
        """
        >>> batches = Batches()
        >>> [batches.take(*each).value for each in ((7, 3), (7, 4), (7, 4), (7, 6), (8, 1))]
        ['first', 'next', 'old', 'gap', 'reborn']
        """
        before, expected = self._boot, self._number + 1
        if boot == before and number < expected:
            return News.OLD
        self._boot, self._number = boot, number
        if before is None:
            return News.FIRST
        if boot != before:
            return News.REBORN
        return News.NEXT if number == expected else News.GAP


class Sent(Generic[W]):
    """What went down one line to another node. `W` is whoever waits for something of it."""

    __slots__ = ("_proofs", "_sizes", "_takers", "seq", "untaken")

    def __init__(self) -> None:
        self.seq = 0  # of the last frame
        self.untaken = 0  # bytes that the peer's connection has not taken, as far as is known
        self._sizes: deque[tuple[int, int]] = deque()  # seq, bytes
        self._takers: deque[tuple[int, W]] = deque()
        self._proofs: deque[tuple[int, W]] = deque()

    def packet(self, size: int, taker: W | None = None) -> int:
        """One packet of `size` bytes; its seq."""
        self.seq += 1
        self.untaken += size
        self._sizes.append((self.seq, size))
        if taker is not None:
            self._takers.append((self.seq, taker))
        return self.seq

    def prove(self, asker: W) -> int:
        """A question for proof; its seq."""
        self.seq += 1
        self._proofs.append((self.seq, asker))
        return self.seq

    def taken(self, upto: int) -> list[W]:
        """The peer's connection has taken all up to `upto`: who waited for that. What was never sent is not believed.

        >>> sent = Sent[str]()
        >>> sent.packet(10, "a"), sent.packet(20, "b"), sent.taken(9), sent.taken(1), sent.untaken
        (1, 2, [], ['a'], 20)
        """
        if upto > self.seq:
            return []
        sizes = self._sizes
        while sizes and sizes[0][0] <= upto:
            self.untaken -= sizes.popleft()[1]
        return _upto(self._takers, upto)

    def arrived(self, upto: int) -> list[W]:
        """The peer has proved all up to `upto`: who asked for that."""
        return _upto(self._proofs, upto) if upto <= self.seq else []

    def die(self) -> list[W]:
        """The line is dead: all who wait for something of it, in the order in which they began to."""
        waiting = sorted([*self._takers, *self._proofs], key=lambda each: each[0])
        self._takers.clear()
        self._proofs.clear()
        self._sizes.clear()
        self.untaken = 0
        return [who for _, who in waiting]


def _upto(waiting: "deque[tuple[int, W]]", upto: int) -> list[W]:
    found = []
    while waiting and waiting[0][0] <= upto:
        found.append(waiting.popleft()[1])
    return found


class Received:
    """What comes from one node for one line of this one."""

    __slots__ = ("_seq", "_unreported")

    def __init__(self) -> None:
        self._seq: int | None = None  # of the last frame; None: only a first one is taken
        self._unreported = 0

    def takes(self, seq: int) -> bool:
        """Whether the frame is the next one. If it is not, the line is dead for that node until it begins anew, with 1.

        >>> line = Received()
        >>> [line.takes(seq) for seq in (1, 2, 4, 5, 3, 1, 2)]
        [True, True, False, False, False, True, True]
        """
        if seq == 1 or (self._seq is not None and seq == self._seq + 1):
            self._seq = seq
            self._unreported = 0 if seq == 1 else self._unreported
            return True
        self._seq = None
        return False

    def reports(self, size: int, *, asked: bool) -> bool:
        """Whether the sender is to hear when these bytes have been taken: it waits for that, or it has sent much."""
        self._unreported += size
        if asked or self._unreported >= REPORT_BYTES:
            self._unreported = 0
            return True
        return False
