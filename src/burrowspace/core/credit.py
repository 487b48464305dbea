"""What was asked and not yet sent, at both ends of a link: the flow control of docs/spec/paths.md.

The receiver asks for ranges of positions and never for more than CREDIT blocks beyond what it holds; the sender serves
what it was asked, in order, and takes a request beyond that as an attack. Counts only: no socket, no lock, no clock.
Positions and counts are blocks. Its owner (client/links/link.py) holds a lock around every call.
"""

from collections import deque

from burrowspace.core.errors import BadRequest

CREDIT = 32  # blocks: 8 MiB, whatever the path (measured: enough for 57 MB/s at 50 ms with room to spare)
PIECE = 4  # blocks asked at once: one small message for each MiB


class Asked:
    """The sender's end of one stream: ranges to send, in the order in which they were asked.

    >>> asked = Asked()
    >>> asked.want(5, 7); asked.want(9, 10)
    >>> [asked.next(), asked.next(), asked.next(), asked.next()]
    [5, 6, 9, None]
    """

    def __init__(self) -> None:
        self._ranges: deque[tuple[int, int]] = deque()
        self.waiting = 0  # blocks asked and not yet taken by next(); never above CREDIT

    def want(self, start: int, upto: int) -> None:
        """Adds [start, upto). BadRequest when it is no range or more than CREDIT would wait."""
        if not 0 <= start < upto or self.waiting + upto - start > CREDIT:
            raise BadRequest("the other side asked for more than its credit")
        self._ranges.append((start, upto))
        self.waiting += upto - start

    def stop(self) -> None:
        """Forgets everything asked."""
        self._ranges.clear()
        self.waiting = 0

    def next(self) -> int | None:
        """The position to send now, or None when nothing is asked."""
        if not self._ranges:
            return None
        start, upto = self._ranges.popleft()
        if start + 1 < upto:
            self._ranges.appendleft((start + 1, upto))
        self.waiting -= 1
        return start


class Asking:
    """The receiver's end of a link of one or more streams: what to ask for, and what is on its way.

    >>> asking = Asking(held=0, end=40, streams=1)
    >>> [(start, upto) for _, start, upto in asking.wants()]
    [(0, 32)]
    >>> asking.arrived(0, 0), asking.moved(1), list(asking.wants())   # less than a piece: not worth a message
    (True, None, [])
    """

    def __init__(self, held: int, end: int | None, streams: int, credit: int = CREDIT) -> None:
        self.held, self.end, self.credit = held, end, credit
        self._next = held  # the first position not asked for
        self._open: list[set[int]] = [set() for _ in range(streams)]  # asked of each stream and not arrived
        self._stale: list[set[int]] = [set() for _ in range(streams)]  # the same, from before a stop
        self.resting = False

    @property
    def outstanding(self) -> int:
        """Blocks asked for and not arrived."""
        return sum(map(len, self._open))

    @property
    def under_way(self) -> int:
        """The same, with what was asked before a stop: it may still come."""
        return self.outstanding + sum(map(len, self._stale))

    def add_stream(self) -> None:
        self._open.append(set())
        self._stale.append(set())

    def begin(self, held: int, end: int | None) -> None:
        """Asks from `held` on; `end` is the number of positions, None while that is unknown."""
        self.held = self._next = held
        self.end, self.resting = end, False

    def stop(self) -> None:
        """Asks for nothing more; what is on its way may still arrive."""
        self.resting = True
        for stream, waiting in enumerate(self._open):
            self._stale[stream] |= waiting
            waiting.clear()

    def arrived(self, stream: int, position: int) -> bool:
        """A block came in; whether it was asked of this stream. False is an attack or a mistake of the peer."""
        for waiting in (self._open[stream], self._stale[stream]):
            if position in waiting:
                waiting.discard(position)
                return True
        return False

    def moved(self, held: int) -> None:
        """All positions before `held` are written."""
        self.held = max(self.held, held)
        self._next = max(self._next, self.held)  # what needs no asking (a hole) was passed over

    def wants(self) -> list[tuple[int, int, int]]:
        """(stream, start, upto) to ask for now: the stream with the least on its way comes first."""
        if self.resting:
            return []
        limit = self.held + self.credit
        if self.end is not None:
            limit = min(limit, self.end)
        if len(self._open) == 1:
            # One stream: everything that the credit allows, in messages of a piece or more. Behind a leap what was
            # asked before it is still on its way, and the other side counts that too.
            limit = min(limit, self._next + self.credit - len(self._open[0]))
            if limit - self._next < PIECE and self._open[0] and limit != self.end:
                return []
            pieces = [(0, self._next, limit)] if limit > self._next else []
            self._open[0].update(range(self._next, limit))
            self._next = max(self._next, limit)
            return pieces
        found = []
        share = max(1, self.credit // len(self._open))
        while self._next < limit:
            stream = min(range(len(self._open)), key=lambda each: len(self._open[each]))
            room = min(PIECE, limit - self._next, 2 * share - len(self._open[stream]))
            if room <= 0:
                break
            found.append((stream, self._next, self._next + room))
            self._open[stream].update(range(self._next, self._next + room))
            self._next += room
        return found
