"""How far a writer may go, what its readers have, and what can be given back: the arithmetic of a spool.

A ledger counts bytes and holds none. Whoever moves bytes tells it, and asks it what may move next; it knows no clock,
no file and no thread. Offsets are those of the whole transfer, so a spool that begins at a later block begins there.
"""

from enum import StrEnum


class Policy(StrEnum):
    REST = "rest"  # the whole may lie here
    LIVE = "live"  # only as much as the readers have not read, at most a window
    LIVE_THEN_REST = "live-then-rest"  # live while a reader is there; without one the rest may lie here


class Ahead(StrEnum):
    """What a reader finds where it stands."""

    MORE = "more"  # bytes
    WAIT = "wait"  # the writer has not got further
    END = "end"  # it has everything
    LOST = "lost"  # the writer gave up; no more will come


class Ledger:
    """One writer, any number of readers.

    >>> ledger = Ledger(policy=Policy.LIVE, window=10)
    >>> ledger.room(), ledger.join(1, 0), ledger.wrote(10), ledger.room(), ledger.read(1, 4), ledger.room()
    (10, None, None, 0, None, 4)
    """

    __slots__ = (
        "_floor",
        "abandoned",
        "begin",
        "end",
        "given",
        "had_readers",
        "policy",
        "readers",
        "reserved",
        "size",
        "window",
    )

    def __init__(
        self, *, policy: Policy = Policy.REST, window: int = 16 << 20, begin: int = 0, size: int | None = None
    ) -> None:
        self.policy, self.window = policy, window
        self.begin = begin  # the first byte that was ever here
        self.size = begin if size is None else size  # where the writer stands
        self.given = begin  # what lies before this has been given back
        self.reserved: int | None = None  # bytes that may lie here before more is reserved; None: no bound
        self.end: int | None = None  # the length of the whole, once the writer has finished
        self.abandoned = False
        self.readers: dict[int, int] = {}  # where each reader stands
        self.had_readers = False
        self._floor = begin  # where the slowest reader stood when the last one left

    def room(self) -> int:
        """Bytes that the writer may append now."""
        if self.end is not None or self.abandoned:
            return 0
        room = 1 << 62 if not self._held_back() else self.slowest() + self.window - self.size
        if self.reserved is not None:
            room = min(room, self.reserved - self.rest)
        return max(0, room)

    @property
    def rest(self) -> int:
        """Bytes that lie here."""
        return self.size - self.given

    @property
    def is_out(self) -> bool:
        """Whether the writer waits for more to be reserved."""
        return self.reserved is not None and self.rest >= self.reserved and self.end is None and not self.abandoned

    def _held_back(self) -> bool:
        if self.policy is Policy.LIVE_THEN_REST:
            return bool(self.readers)
        return self.policy is Policy.LIVE

    def slowest(self) -> int:
        """Where the slowest reader stands; where it left off when there is none."""
        return min(self.readers.values(), default=self._floor)

    def spare(self) -> int:
        """Up to where bytes may be given back: never what a reader has yet to read.

        A live spool that may come to rest keeps one window behind its slowest reader: bytes that were sent are not
        yet bytes that arrived, and the reader may come back for them.
        """
        if self.policy is Policy.LIVE:
            return max(self.given, min(self.size, self.slowest()))
        if self.policy is Policy.LIVE_THEN_REST and self.readers:
            return max(self.given, min(self.size, self.slowest()) - self.window)
        return self.given

    def gave_back(self, upto: int) -> None:
        assert self.given <= upto <= self.spare()
        self.given = upto

    def wrote(self, count: int) -> None:
        self.size += count

    def cut(self, size: int) -> None:
        """What lies beyond `size` was taken back."""
        self.size = min(self.size, size)

    def finish(self) -> None:
        if not self.abandoned:
            self.end = self.size

    def abandon(self) -> None:
        if self.end is None:
            self.abandoned = True

    def can_read_from(self, offset: int) -> bool:
        """Whether the bytes at `offset` are here or may still come."""
        return offset >= self.given and (self.end is None or offset <= self.end)

    def join(self, reader: int, offset: int) -> None:
        assert self.can_read_from(offset)
        self.readers[reader] = offset
        self.had_readers = True

    def read(self, reader: int, count: int) -> None:
        self.readers[reader] += count

    def leave(self, reader: int) -> None:
        """The reader has gone. Without one left, a live spool holds what the slowest had not read."""
        offset = self.readers.pop(reader)
        if not self.readers:
            self._floor = max(self.given, offset)

    def ahead(self, reader: int) -> Ahead:
        offset = self.readers[reader]
        if offset < self.size:
            return Ahead.MORE
        if self.end is not None:
            return Ahead.END
        return Ahead.LOST if self.abandoned else Ahead.WAIT
