"""Which run of blocks lies in which spool of the server, what is covered, what comes next.

A segment (on the wire: a *leg*) is one spool that carries the blocks from `first` on. `Announced` is what a receiver
knows of them; `Part`, `Flow` and the functions below are what a sender asks of its own. No spool is touched here.
Twin of web/core/segments.js, held to the same walks. Spec: docs/spec/session.md, docs/spec/paths.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.credit import CREDIT
from burrowspace.core.paths import STALL

REMEMBERED = 256  # segments, and ends of segments, of one transfer


@dataclass
class Segment:
    """One as the sender announced it: positions from `first` to before `upto`, None while it goes on."""

    spool: str
    first: int
    suite: str
    resting: bool  # it may stay without the sender
    upto: int | None = None
    dead: bool = False  # it cannot be read any more

    def serves(self, position: int) -> bool:
        return not self.dead and self.first <= position and (self.upto is None or position < self.upto)


class Announced:
    """All that a receiver was told. An end counts even if heard before its beginning; told again, a segment lives.

    >>> known = Announced()
    >>> known.ends("s", 40); known.begins("s", 0, "A256GCM", False)
    >>> known.pick(39, False).spool, known.pick(40, False), known.nothing_left(40)
    ('s', None, True)
    """

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._ends: dict[str, int] = {}

    def begins(self, spool: str, first: int, suite: str, resting: bool) -> None:
        found = self._find(spool)
        if found is None:
            if len(self._segments) >= REMEMBERED:
                self._segments.pop(0)
            found = Segment(spool, first, suite, resting)
            self._segments.append(found)
        found.resting, found.dead, found.upto = resting, False, self._ends.get(spool)

    def ends(self, spool: str, upto: int) -> None:
        if len(self._ends) >= REMEMBERED and spool not in self._ends:
            del self._ends[next(iter(self._ends))]
        self._ends[spool] = upto
        if (found := self._find(spool)) is not None:
            found.upto = upto

    def lost(self, spool: str) -> None:
        """The server has it no more."""
        if (found := self._find(spool)) is not None:
            found.dead = True

    def anew(self) -> None:
        """The sender's program begins again: of what it wrote live it must say once more what still goes on. Whether
        the end of an earlier one was heard or not, nobody waits for a block that won't come."""
        for each in self._segments:
            each.dead = each.dead or not each.resting

    def pick(self, position: int, resting: bool) -> Segment | None:
        """The latest of this kind that brings the block at `position`."""
        fits = (each for each in reversed(self._segments) if each.resting is resting and each.serves(position))
        return next(fits, None)

    def leaves(self, segment: Segment, taken: int, held: int, still: float) -> bool:
        """Whether who reads it should leave it. `taken`: the next block that it brings; `held`: the next one that is
        wanted; `still`: seconds since the last byte.

        It has brought all that it will; or it stands still while another brings that block, or none is known to.
        """
        if segment.upto is not None and min(taken, held) >= segment.upto:
            return True
        return still >= STALL and self.pick(held, segment.resting) is not segment

    def nothing_left(self, position: int) -> bool:
        return not any(each.serves(position) for each in self._segments)

    def _find(self, spool: str) -> Segment | None:
        return next((each for each in self._segments if each.spool == spool), None)


class Part(NamedTuple):
    """One of a sender's own. `at`: the next block that goes into it, None where nobody writes it."""

    first: int
    suite: str
    rests: bool
    upto: int | None = None
    whole: bool = False  # everything up to the transfer's end is there
    at: int | None = None


def serving(parts: Sequence[Part], position: int, suite: str) -> int | None:
    """Which of them (the latest) carries this block, or will next; one that is behind would only bring what is held.

    >>> serving([Part(0, "a", False, at=9), Part(5, "a", False, whole=True), Part(0, "b", True, whole=True)], 6, "a")
    1
    """
    for number in reversed(range(len(parts))):
        each = parts[number]
        ahead = each.whole or (each.at is not None and each.at >= position)
        if each.first <= position and each.suite == suite and ahead:
            return number
    return None


def covered(parts: Sequence[Part], position: int, positions: int | None) -> int | None:
    """Up to which block what follows from `position` on lies on the server, to rest there. None: to the end.

    >>> covered([Part(4, "a", True, upto=9), Part(0, "a", True, upto=5)], 2, 100)
    9
    >>> covered([Part(4, "a", True, whole=True), Part(0, "a", True, upto=5)], 2, 100)
    """
    if position == positions:
        return None
    moved = True
    while moved:
        moved = False
        for each in parts:
            if not each.rests or each.first > position:
                continue
            if each.whole:
                return None
            if each.upto is not None and each.upto > position:
                position, moved = each.upto, True
    return position


class Lack(NamedTuple):
    """What one who has gone lacks, and what lies on the server already."""

    own: int | None  # the number of the segment that it follows and that nobody dropped
    first: int | None  # the first block that no resting segment covers; None: all is covered
    running: int | None  # the number of a segment that is being written, to rest, and brings that block


class Rest(StrEnum):
    """How what it lacks comes to rest."""

    OWN = "own"
    NOTHING = "nothing"
    RUNNING = "running"
    NEW = "new"


class RestRow(NamedTuple):
    rest: Rest
    applies: Callable[[Lack], bool]
    because: str


REST: tuple[RestRow, ...] = (
    RestRow(Rest.OWN, lambda lack: lack.own is not None, "its own segment goes on, and all of it may lie there now"),
    RestRow(Rest.NOTHING, lambda lack: lack.first is None, "all that it lacks rests already"),
    RestRow(Rest.RUNNING, lambda lack: lack.running is not None, "another brings it; nothing is uploaded twice"),
    RestRow(Rest.NEW, lambda lack: True, "a new segment begins with the first block that rests nowhere"),
)


def rest(parts: Sequence[Part], own: int | None, held: int, positions: int | None) -> tuple[Rest, int | None]:
    """How what a receiver lacks from `held` on comes to rest: with the number of a segment, or a new one's first block.

    >>> rest([Part(0, "a", False, at=9)], 0, 5, 100), rest([Part(0, "a", True, upto=9)], None, 5, 100)
    ((<Rest.OWN: 'own'>, 0), (<Rest.NEW: 'new'>, 9))
    >>> rest([Part(0, "a", True, at=9)], None, 5, 100)
    (<Rest.RUNNING: 'running'>, 0)
    """
    first = covered(parts, held, positions)
    written = (number for number in reversed(range(len(parts))) if parts[number].at is not None)
    running = next(written, None)
    if running is not None and (first is None or not parts[running].rests or parts[running].first > first):
        running = None
    lack = Lack(own, first, running)
    found = next(row.rest for row in REST if row.applies(lack))
    return found, {Rest.OWN: own, Rest.NOTHING: None, Rest.RUNNING: running, Rest.NEW: first}[found]


class Flow(NamedTuple):
    """One of a sender's own, and those who follow it."""

    first: int
    rests: bool = False
    wanted: bool = False  # somebody read it
    linked: bool = False  # since it was opened, a block went to a follower by a link
    limits: tuple[int | None, ...] = ()  # of each follower's consent; None: everything


class Ahead(StrEnum):
    """Up to where it may be filled now."""

    NOTHING = "nothing"
    CREDIT = "credit"  # 32 blocks
    CONSENT = "consent"  # the manifest and one window
    EVERYTHING = "everything"


class Row(NamedTuple):
    ahead: Ahead
    applies: Callable[[Flow], bool]
    because: str


FILL: tuple[Row, ...] = (
    Row(Ahead.EVERYTHING, lambda f: f.rests, "it is for somebody who isn't there; nobody is being asked"),
    Row(Ahead.NOTHING, lambda f: not f.wanted and f.linked, "a link does the work"),
    Row(Ahead.CREDIT, lambda f: not f.wanted, "nobody reads it yet; so much hides the round trip from whoever begins"),
    Row(
        Ahead.EVERYTHING, lambda f: not f.limits or None in f.limits, "somebody said yes, or the reader is unknown here"
    ),
    Row(Ahead.CONSENT, lambda f: True, "all who follow it are still deciding"),
)


def ahead(flow: Flow) -> int | None:
    """The position before which blocks may go into it now; None: all. The first row that applies.

    >>> ahead(Flow(5)), ahead(Flow(5, linked=True)), ahead(Flow(0, wanted=True, limits=(33,))), ahead(Flow(5, True))
    (37, 5, 33, None)
    """
    found = next(row.ahead for row in FILL if row.applies(flow))
    if found is Ahead.EVERYTHING:
        return None
    if found is Ahead.CONSENT:
        return max(limit for limit in flow.limits if limit is not None)
    return flow.first + (CREDIT if found is Ahead.CREDIT else 0)
