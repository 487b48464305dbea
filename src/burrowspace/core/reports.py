"""What a receiver says of how far it is while blocks come: to its sender, and to its own person.

Tell it what time it is and how things stand, and it says whether to speak now. No clock, no socket, no screen. Times
are seconds of one clock. Twin of web/core/reports.js, held to the same walks. Spec: docs/spec/session.md.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.paths import Path
from burrowspace.core.silence import Act, Silence

SAY_HELD = 0.25  # between two words on a link
SAY = 1.0  # between two words through the mailbox
SAY_ALIVE = 4.0  # until it is said without a new block, where bytes came

TELL = 0.1  # between two words to the person
STILL = 4.0  # without a byte, after which a path that is in use moves nothing
IDLE = 2.0  # without a path, after which the person is told why
LOOK_AGAIN = 5.0  # between two looks whether the server answers
TELL_AGAIN = 10.0  # until the same reason is told again
SLOW = 5.0  # without a byte of what goes to rest, after which that is told


class Say(StrEnum):
    """How the sender hears it."""

    HELD = "held"  # on the link
    PROGRESS = "progress"  # through the mailbox


class ToSender:
    """Whether the sender is told now how far its receiver is.

    >>> said = ToSender()
    >>> said.tick(101.0, Path.RELAY, held=3, moved_at=101.0), said.tick(103.0, Path.RELAY, held=4, moved_at=103.0)
    (<Say.PROGRESS: 'progress'>, None)
    >>> said.arrived()
    >>> said.tick(103.0, Path.RELAY, held=4, moved_at=103.0)
    <Say.PROGRESS: 'progress'>
    """

    def __init__(self) -> None:
        self._at, self._held = float("-inf"), -1  # when it was said last, and what
        self._under_way = False

    def tick(self, now: float, path: Path | None, held: int, moved_at: float) -> Say | None:
        """`path` carries, and bytes came by it last at `moved_at`. What it gives counts as said."""
        if path is None:
            return None
        by_mailbox = path in (Path.RELAY, Path.STORE)
        every = SAY if by_mailbox else SAY_HELD
        # A block may take long on a slow line.
        news = held != self._held or (by_mailbox and moved_at > self._at + SAY_ALIVE)
        if not news or now - self._at < every or (by_mailbox and self._under_way):
            return None
        self._at, self._held = now, held
        self._under_way = self._under_way or by_mailbox
        return Say.PROGRESS if by_mailbox else Say.HELD

    def arrived(self) -> None:
        """The mailbox has it, or cannot be reached: one word at a time, so a server that is busy sets the pace."""
        self._under_way = False


class Standing(NamedTuple):
    """How things stand for a receiver."""

    now: float
    carries: bool  # a path is in use
    moved_at: float  # when the last byte came
    idle_since: float  # when a path was in use last
    deciding: bool = False  # its person has been asked
    network: bool = True  # this device has one at all
    away: bool = False  # a call of ours found no server
    sender_here: bool = True
    nothing_left: bool = True  # of what the sender left on the server
    heard_at: float = 0.0  # when the sender said something last
    linked: bool = False  # there is a direct link to the sender
    silent: bool = False  # the sender reads its standard input and does not answer; `ToPerson` knows


class Tell(StrEnum):
    """What is done about the person now."""

    PROGRESS = "progress"
    WAITING = "waiting"  # told why
    LOOK = "look"  # first ask the server: it may be we who are cut off
    ASK = "ask"  # the sender, for a segment: whether it lives
    END = "end"  # the sender was stopped and cannot come back


class Reason(NamedTuple):
    why: str
    applies: Callable[["Standing"], bool]
    because: str


OFFLINE = "this device is offline; it goes on when the network is back"
BACK = "the network is back"
AWAY = "the server cannot be reached; still trying"
SILENT = (
    "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. "
    "After two minutes of silence this ends"
)
OVER = (
    "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, "
    "so it cannot come back if it was stopped; ask for it again"
)
WAITS = "waiting for the sender"
SLOW_LINE = "the line to the server is slow; nothing more has arrived there yet"

WHY: tuple[Reason, ...] = (
    Reason(OFFLINE, lambda s: not s.network, "our own system knows no way out, so nothing is known of anybody"),
    Reason(AWAY, lambda s: s.away, "we are cut off ourselves, so nothing is known of the sender"),
    Reason(
        "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back",
        lambda s: not s.sender_here and s.nothing_left,
        "there is nothing to read until they come",
    ),
    Reason(SILENT, lambda s: s.silent, "it was asked twice: one that lives answers each time"),
    Reason(WAITS, lambda s: True, "they are here, or something of theirs is"),
)
"""Why nothing moves: the first that applies."""


class Reasons:
    """Whether a person is told why nothing moves: the same reason again only after a while.

    >>> told = Reasons()
    >>> [told.due(now, why) for now, why in ((1.0, "a"), (9.0, "a"), (10.0, "b"), (20.0, "b"))]
    [True, False, True, True]
    """

    def __init__(self) -> None:
        self._why, self._said_at = "", float("-inf")

    def due(self, now: float, why: str) -> bool:
        """What it gives counts as told."""
        if why == self._why and now - self._said_at < TELL_AGAIN:
            return False
        self._why, self._said_at = why, now
        return True

    def moved(self) -> None:
        """Whatever stands still from now on is news."""
        self._why = ""


class ToPerson:
    """What the receiver's person sees: progress, or why there is none. `silence`: the sender cannot come back.

    >>> seen = ToPerson()
    >>> seen.tick(Standing(9.0, carries=True, moved_at=8.0, idle_since=9.0))
    (<Tell.PROGRESS: 'progress'>, '')
    >>> seen.tick(Standing(19.0, carries=True, moved_at=8.0, idle_since=19.0))
    (<Tell.LOOK: 'look'>, '')
    >>> seen.looked(reached=True)
    >>> seen.tick(Standing(20.0, carries=True, moved_at=8.0, idle_since=20.0))
    (<Tell.WAITING: 'waiting'>, 'waiting for the sender')
    """

    def __init__(self, silence: Silence | None = None) -> None:
        self._silence = silence
        self._told_at = self._looked_at = float("-inf")
        self._reasons = Reasons()
        self._network = True
        self._looking = self._offline = False
        self._ends = False  # after this look, if the server answers

    def tick(self, standing: Standing) -> tuple[Tell, str] | None:
        now, silence = standing.now, self._silence
        standing = standing._replace(away=standing.away or self._offline)
        if silence is not None:
            if (asks := self._asks(standing, silence)) is not None:
                return asks
            standing = standing._replace(silent=silence.warned)
        if standing.network is not self._network:
            self._network = standing.network
            return self._waits(now, BACK if standing.network else OFFLINE)
        if now - self._told_at < TELL:
            return None
        self._told_at = now
        if standing.carries and now - standing.moved_at <= STILL:
            self._reasons.moved()
            return Tell.PROGRESS, ""
        if standing.deciding or self._looking or not (standing.carries or now - standing.idle_since > IDLE):
            return None
        if standing.network and now - self._looked_at > LOOK_AGAIN:
            return self._look(now)
        return self._waits(now, next(reason.why for reason in WHY if reason.applies(standing)))

    def _asks(self, standing: Standing, silence: Silence) -> tuple[Tell, str] | None:
        """What follows from a silence that may be for good."""
        if self._looking:
            return None
        now = standing.now
        wanted = standing.network and not standing.deciding and not standing.away
        heard_at = now if standing.linked else max(standing.heard_at, standing.moved_at)
        act = silence.tick(now, heard_at, wanted=wanted)
        sure, self._ends = self._ends, act is Act.END
        if act is Act.END:
            return (Tell.END, OVER) if sure else self._look(now)
        return (Tell.ASK, "") if act is Act.ASK else None

    def _look(self, now: float) -> tuple[Tell, str]:
        self._looking, self._looked_at = True, now
        return Tell.LOOK, ""

    def _waits(self, now: float, why: str) -> tuple[Tell, str] | None:
        return (Tell.WAITING, why) if self._reasons.due(now, why) else None

    def looked(self, reached: bool) -> None:
        """Whether the server answered."""
        self._looking, self._offline = False, not reached
        self._ends = self._ends and reached


class Troubles:
    """What a sender's person is told where nothing reaches the server: once it lasts, and then now and again.

    >>> told = Troubles()
    >>> [told.tick(now, "the proxy does not answer") for now in (1.0, 3.0, 9.0, 14.0)]
    ['', 'the proxy does not answer', '', 'the proxy does not answer']
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._reasons = Reasons()

    def tick(self, now: float, why: str) -> str:
        """`why`: nothing reaches the server now; empty: all is well."""
        if not why:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        return why if now - self._since >= IDLE and self._reasons.due(now, why) else ""


class Storing:
    """What the person who sends sees of what goes to rest on the server: how much is there, or that nothing arrives.

    >>> seen = Storing()
    >>> seen.tick(101.0, 100.5, 7), seen.tick(106.0, 100.5, 7), seen.tick(109.0, 100.5, 7), seen.tick(110.0, 109.5, 5)
    (<Tell.PROGRESS: 'progress'>, <Tell.WAITING: 'waiting'>, None, <Tell.PROGRESS: 'progress'>)
    >>> seen.stored
    7
    """

    def __init__(self) -> None:
        self.stored = 0  # content bytes that are there; a new segment may begin before the end of the last
        self._told_at = self._slow_at = float("-inf")

    def tick(self, now: float, safe_at: float, stored: int) -> Tell | None:
        """`safe_at`: when the server last acknowledged something. WAITING counts until something arrives."""
        if now - self._told_at < TELL:
            return None
        self._told_at = now
        if now - max(safe_at, self._slow_at) > SLOW:
            self._slow_at = now
            return Tell.WAITING
        if self._slow_at > safe_at:
            return None
        self.stored = max(self.stored, stored)
        return Tell.PROGRESS


class Meter:
    """How fast bytes go, over the last few seconds, or over the last few steps where one takes longer.

    A block of a slow line comes every few seconds, and stands for all of them.

    >>> meter = Meter()
    >>> meter.add(1.0, 0, 100), meter.add(2.0, 10, 100), meter.add(3.0, 40, None)
    ((0.0, None), (10.0, 9.0), (20.0, None))
    >>> meter.add(3.5, 40, 100), meter.add(8.0, 40, 100)
    ((20.0, 2.5), (0.0, None))
    """

    SPAN = 3.0
    STEPS = 3  # that are measured at least, where so many were made

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # the first word, and each that said something new

    def add(self, now: float, done: int, total: int | None) -> tuple[float, float | None]:
        """`done` of `total` bytes at `now`: bytes per second, and the seconds that are left, where they are known."""
        marks = self._marks
        if not marks or done != marks[-1][1]:
            if marks and done < marks[-1][1]:
                marks.clear()  # something was lost: it begins again
            marks.append((now, done))
        while len(marks) > self.STEPS + 1 and now - marks[0][0] > self.SPAN:
            marks.popleft()
        if len(marks) < 2:
            return 0.0, None
        (first, begun), (before, _), (last, held) = marks[0], marks[-2], marks[-1]
        step, since = last - before, now - last
        if since > max(self.SPAN, 2 * step):
            return 0.0, None  # it stands still
        span = last - first + max(0.0, since - step)  # the next step is late: it is slower now
        if span <= 0:
            return 0.0, None
        rate = (held - begun) / span
        return rate, None if total is None else max(0.0, (total - held) / rate - min(since, step))
