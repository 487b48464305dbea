"""The life of one receiver, as its sender sees it: it is met, takes blocks, goes, comes back, has everything.

Tell it what was heard of the receiver and what time it is; it gives the acts that follow. No clock, no socket, no task.
Twin of web/core/receiver-book.js, held to the same walks. Spec, with both tables: docs/spec/session.md.
"""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.consent import Person
from burrowspace.core.consent import Stage as Answer
from burrowspace.core.credit import CREDIT
from burrowspace.core.paths import DIRECT, GONE
from burrowspace.core.segments import Part

CHECK_EVERY = 5.0  # s between two questions about one of whom nothing is heard
STUCK = 20.0  # s without a word and a byte, after which an open request says nothing: its line may be dead
STORE_AGAIN = 10.0  # s until it is tried again to store the rest
LOOK_EVERY, LOOK_UNREAD = 1.0, 0.1  # s between two looks at its segment; while nobody has read it yet
TELL_EVERY = 0.2  # s between two words of progress


class Act(StrEnum):
    """What the driver does next, in this order."""

    TELL_MET = "tell-met"
    INTRODUCE = "introduce"  # say again where we are: its program, or ours, has begun again
    CATCH_UP = "catch-up"  # hash what it holds already, so that the end needn't wait for it
    GIVE = "give"  # a segment from what it holds on; `given` afterwards
    WAKE = "wake"  # more may go into its segment now
    WANT = "want"  # its segment is read: blocks may go into it
    DROP = "drop"  # its segment, unless somebody else follows it or all of it is there
    LOOK = "look"  # ask the server whether it reads its segment; `looked` afterwards
    CHECK = "check"  # ask whether we reach the server ourselves; `reached` afterwards
    STORE = "store"  # what it lacks; `stored` or `not_stored` afterwards
    FORGET = "forget"  # its code is used up; offer another one
    COMPARE = "compare"  # its digest with ours; `compared` afterwards
    TELL_PATH = "tell-path"
    TELL_DECIDING = "tell-deciding"
    TELL_PROGRESS = "tell-progress"
    TELL_OFFLINE = "tell-offline"
    TELL_AWAY = "tell-away"
    TELL_VERIFIED = "tell-verified"
    TELL_OVER = "tell-over"  # name it, and why
    FAIL = "fail"  # the whole transfer
    CLOSE_LINKS = "close-links"
    CLOSE = "close"  # hear it no more


class Stage(StrEnum):
    """Where it stands. Here: by a link, at its segment, or by a word not long ago."""

    OVER = "over"  # it declined, called it off, verified something else, or left with a code unanswered
    DONE = "done"  # it verified everything
    DECIDING = "deciding"  # here; its person has the question
    HOLDING = "holding"  # here; its person said yes
    MET = "met"  # here; it hasn't the whole manifest yet
    STORED = "stored"  # gone; what it lacks is on the server, or on its way there
    GONE = "gone"


class Facts(NamedTuple):
    over: bool
    verified: bool
    here: bool
    answer: Answer
    stored: bool


class Row(NamedTuple):
    """What holds in one stage."""

    stage: Stage
    applies: Callable[[Facts], bool]
    tick: Act | None  # done again and again
    because: str


LIFE: tuple[Row, ...] = (
    Row(Stage.OVER, lambda f: f.over, None, "nobody counts it or waits for it any more; the others go on"),
    Row(Stage.DONE, lambda f: f.verified, None, "it needs nothing more, here or gone"),
    Row(Stage.DECIDING, lambda f: f.here and f.answer is Answer.DECIDING, None,
        "a wait for a person is no stall; its own word shows it, every 5 s"),
    Row(Stage.HOLDING, lambda f: f.here and f.answer is Answer.YES, Act.TELL_PROGRESS,
        "the person who sends sees what has arrived"),
    Row(Stage.MET, lambda f: f.here, Act.TELL_PROGRESS, "the manifest is on its way"),
    Row(Stage.STORED, lambda f: f.stored, None, "all is done that can be; a hello brings it back"),
    Row(Stage.GONE, lambda f: True, Act.CHECK, "silence may be our own: ask the server before anything is said"),
)  # fmt: skip


class Asked(NamedTuple):
    """How things stand once the server was asked about one that is silent."""

    reached: bool  # the server answered
    stage: Stage
    undecided: bool  # its person has not said yes
    by_code: bool  # it came by a code that works once
    may_store: bool


class Rule(NamedTuple):
    act: Act | None
    applies: Callable[[Asked], bool]
    because: str


SILENT: tuple[Rule, ...] = (
    Rule(Act.TELL_OFFLINE, lambda a: not a.reached, "we are cut off ourselves; it may be here all the same"),
    Rule(None, lambda a: a.stage is not Stage.GONE, "it was heard meanwhile, or needs nothing"),
    Rule(Act.FORGET, lambda a: a.by_code and a.undecided, "a code works once, and nobody said yes: another is offered"),
    Rule(Act.STORE, lambda a: a.may_store, "it finds there what it lacks, and this program may leave"),
    Rule(Act.TELL_AWAY, lambda a: True, "nothing may rest on the server; it goes on when it is back"),
)

Acts = tuple[Act, ...]


class ReceiverBook:
    """`held`: so many positions it holds at least, by all that it said and requested. `alone`: nobody else is to come.

    >>> bob = ReceiverBook(1, 0, 100.0)
    >>> bob.hello(100.0, 0), bob.progress(101.0, 1, None), bob.stage(101.0)
    ((<Act.TELL_MET: 'tell-met'>,), (<Act.TELL_DECIDING: 'tell-deciding'>,), <Stage.DECIDING: 'deciding'>)
    >>> bob.accepts(1), bob.tick(112.0, None, False), bob.reached(112.1, True, False), bob.stage(112.1)
    ((<Act.WAKE: 'wake'>,), (<Act.CHECK: 'check'>,), (<Act.STORE: 'store'>,), <Stage.STORED: 'stored'>)
    """

    def __init__(self, manifest_blocks: int, held: int, now: float, may_store: bool = True, alone: bool = True) -> None:
        self.person = Person(manifest_blocks)
        self.held = held
        self.person.holds(held)
        self.verified = self.over = False
        self.path = ""
        self.direct_at = -math.inf  # when a block last went by a link
        self._may_store, self._alone = may_store, alone
        self._met = self._recalled = False
        self._left = False  # in good order, until its next hello
        self._links = 0
        self._heard_at = now
        self._following = False  # somebody reads its segment
        self._moved_at, self._far = now, (0, 0)  # when its segment last moved, and how far it was then
        self._giving = self._looking = self._checking = self._comparing = self._stored = False
        self._looked_at = self._told_at = self._check_after = -math.inf

    # ---- where it stands

    def here(self, now: float) -> bool:
        if self._comparing:
            return True  # it may have everything: nothing is done about its silence before that is known
        if self._left:
            return False
        if self._links or now - self._heard_at < GONE:
            return True
        return self._following and now - self._moved_at < STUCK

    def stage(self, now: float) -> Stage:
        return self._row(now).stage

    def _row(self, now: float) -> Row:
        facts = Facts(self.over, self.verified, self.here(now), self.person.stage, self._stored)
        return next(row for row in LIFE if row.applies(facts))

    def position(self, part: Part | None) -> int:
        """How far it is. An older receiver seldom says so, but its segment runs only so far ahead of it."""
        if part is None or part.at is None or part.rests or not self._following:
            return self.held
        return max(self.held, part.first, part.at - 3 * CREDIT)

    # ---- it comes, and goes

    def recalled(self, left: bool = False) -> None:
        """All that it said to an earlier run of the sender was told; its last word was a `bye`."""
        self._recalled, self._left = True, left

    def hello(self, now: float, held: int) -> Acts:
        """It is here (again), with so much: it may have lost some."""
        self.held, self._heard_at, self._told_at = held, now, now
        self.person.holds(held)
        self._stored = self._left = False
        acts = () if self._met else (Act.TELL_MET,)
        if self._met or self._recalled:
            acts = (*acts, Act.INTRODUCE)
        self._met = True
        return (*acts, Act.CATCH_UP) if held else acts

    def heard(self, now: float) -> None:
        """Any word, by the server or a link."""
        self._heard_at = now

    def leaves(self, by_code: bool) -> Acts:
        """In good order: `bye`."""
        self._left = True
        if self.over or self.verified or not by_code or self.person.limit is None:
            return (Act.CLOSE_LINKS,)
        self.over = True
        return (Act.CLOSE_LINKS, Act.FORGET)

    def linked(self) -> None:
        self._links += 1

    def unlinked(self, now: float) -> None:
        self._links -= 1
        self._heard_at = now

    # ---- what it says

    def holds(self, held: int) -> None:
        self.held = max(self.held, held)
        self.person.holds(held)

    def requests(self, now: float, position: int) -> None:
        """By a link, where nobody requests more than the credit beyond what it holds."""
        self.direct_at = now
        self.held = max(self.held, position - CREDIT + 1)
        self.person.requests(position)

    def asks(self, held: int) -> Acts:
        """For a segment."""
        self.holds(held)
        if self._giving:
            return ()
        self._giving = True
        return (Act.GIVE,)

    def progress(self, now: float, held: int, rests: bool | None) -> Acts:
        """It holds so much. By a link it says so on the link. `rests`: its segment does; None: it has none."""
        more = held > self.held
        self.holds(held)
        if self.person.deciding:
            if self.verified or self.over:
                return ()
            self._told_at = now
            return (Act.TELL_DECIDING,)
        return self._by_segment(rests) if more and rests is not None else ()

    def accepts(self, held: int) -> Acts:
        self.holds(held)
        self.person.accepts()
        return (Act.WAKE,)

    def verifies(self) -> Acts:
        if self.verified or self.over or self._comparing:
            return ()
        self._comparing = True
        return (Act.COMPARE,)

    def compared(self, same: bool) -> Acts:
        self._comparing = False
        if self.verified or self.over:
            return ()
        if not same:
            return self.ends()
        self.verified = True
        return (Act.TELL_VERIFIED,)

    def declines(self) -> Acts:
        self.person.declines()
        return self.ends()

    def ends(self) -> Acts:
        """It called it off, or must not be served. With one receiver, that is the end of the transfer."""
        if self.over:
            return ()
        self.over = True
        return (Act.FAIL,) if self._alone else (Act.DROP, Act.TELL_OVER, Act.CLOSE)

    # ---- by which path

    def goes_by(self, path: str) -> Acts:
        """The first block by another path. A link does the work of a segment."""
        if path == self.path:
            return ()
        self.path = path
        return (Act.TELL_PATH, Act.DROP) if path in DIRECT else (Act.TELL_PATH,)

    def _by_segment(self, rests: bool) -> Acts:
        return (Act.WANT, *self.goes_by("store" if rests else "relay"))

    def given(self) -> None:
        """It has a segment, or none can be had; then it asks again."""
        self._giving = False

    # ---- time passes, the server answers

    def tick(self, now: float, part: Part | None, wanted: bool) -> Acts:
        """`part`: its segment, `wanted`: which was read, or may rest."""
        if self.over or self.verified:
            return ()
        far = (self.held, part.at or 0 if part is not None else 0)
        if far != self._far:
            self._moved_at, self._far = now, far
        acts: Acts = ()
        if part is not None and self._look_due(now, calm=wanted or part.whole):
            self._looking, acts = True, (Act.LOOK,)
        act = self._row(now).tick
        if act is Act.TELL_PROGRESS and self.path and now - self._told_at >= TELL_EVERY:
            self._told_at, acts = now, (*acts, act)
        elif act is Act.CHECK and not self._checking and now > self._check_after:
            self._checking, self._check_after, acts = True, now + CHECK_EVERY, (*acts, act)
        return acts

    def _look_due(self, now: float, *, calm: bool) -> bool:
        """It says nothing while it reads, so the server is asked."""
        return not self._looking and now - self._looked_at > (LOOK_EVERY if calm else LOOK_UNREAD)

    def looked(self, now: float, following: bool, rests: bool) -> Acts:
        self._looking, self._looked_at, self._following = False, now, following
        return self._by_segment(rests) if following else ()

    def reached(self, now: float, yes: bool, by_code: bool) -> Acts:
        """Whether the server answered. What is done about one that is silent: the first rule that applies."""
        self._checking = False
        asked = Asked(yes, self.stage(now), self.person.limit is not None, by_code, self._may_store)
        act = next(rule.act for rule in SILENT if rule.applies(asked))
        self._stored = self._stored or act is Act.STORE
        self.over = self.over or act is Act.FORGET
        return () if act is None else (act,)

    def stored(self) -> None:
        self.path = "store"

    def not_stored(self, now: float) -> None:
        """It can't rest there now, or the server takes no more of its segment."""
        self._stored, self._check_after = False, now + STORE_AGAIN
