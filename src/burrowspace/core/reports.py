"""What a receiver says of how far it is while blocks come: to its sender, and to its own person.

Tell it what time it is and how things stand, and it says whether to speak now. No clock, no socket, no screen. Times
are seconds of one clock. Twin of web/core/reports.js, held to the same walks. Spec: docs/spec/session.md.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.paths import Path

SAY_HELD = 0.25  # between two words on a link
SAY, SAY_LATER = 1.0, 2.0  # between two words through the mailbox: in the first SAY_FIRST seconds, and after them
SAY_FIRST = 60.0
SAY_ALIVE = 4.0  # until it is said without a new block, where bytes came

TELL = 0.1  # between two words to the person
STILL = 4.0  # without a byte, after which a path that is in use moves nothing
IDLE = 2.0  # without a path, after which the person is told why
LOOK_AGAIN = 5.0  # between two looks whether the server answers
TELL_AGAIN = 10.0  # until the same reason is told again


class Say(StrEnum):
    """How the sender hears it."""

    HELD = "held"  # on the link
    PROGRESS = "progress"  # through the mailbox


class ToSender:
    """`began` is when the two ends had met.

    >>> said = ToSender(100.0)
    >>> said.tick(101.0, Path.RELAY, held=3, moved_at=101.0), said.tick(103.0, Path.RELAY, held=4, moved_at=103.0)
    (<Say.PROGRESS: 'progress'>, None)
    >>> said.arrived()
    >>> said.tick(103.0, Path.RELAY, held=4, moved_at=103.0)
    <Say.PROGRESS: 'progress'>
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._at, self._held = float("-inf"), -1  # when it was said last, and what
        self._under_way = False

    def tick(self, now: float, path: Path | None, held: int, moved_at: float) -> Say | None:
        """`path` carries, and bytes came by it last at `moved_at`. What it gives counts as said."""
        if path is None:
            return None
        by_mailbox = path in (Path.RELAY, Path.STORE)
        every = SAY_HELD if not by_mailbox else SAY if now - self._began < SAY_FIRST else SAY_LATER
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


class Tell(StrEnum):
    """What is done about the person now."""

    PROGRESS = "progress"
    WAITING = "waiting"  # told why
    LOOK = "look"  # first ask the server: it may be we who are cut off


class Reason(NamedTuple):
    why: str
    applies: Callable[["Standing", bool], bool]  # the second: the server did not answer
    because: str


OFFLINE = "this device is offline; it goes on when the network is back"
BACK = "the network is back"
AWAY = "the server cannot be reached; still trying"
WAITS = "waiting for the sender"

WHY: tuple[Reason, ...] = (
    Reason(
        OFFLINE,
        lambda standing, offline: not standing.network,
        "our own system knows no way out, so nothing is known of anybody",
    ),
    Reason(
        AWAY,
        lambda standing, offline: standing.away or offline,
        "we are cut off ourselves, so nothing is known of the sender",
    ),
    Reason(
        "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back",
        lambda standing, offline: not standing.sender_here and standing.nothing_left,
        "there is nothing to read until they come",
    ),
    Reason(WAITS, lambda standing, offline: True, "they are here, or something of theirs is"),
)
"""Why nothing moves: the first that applies."""


class ToPerson:
    """What the receiver's person sees: progress, or why there is none.

    >>> seen = ToPerson()
    >>> seen.tick(Standing(9.0, carries=True, moved_at=8.0, idle_since=9.0))
    (<Tell.PROGRESS: 'progress'>, '')
    >>> seen.tick(Standing(19.0, carries=True, moved_at=8.0, idle_since=19.0))
    (<Tell.LOOK: 'look'>, '')
    >>> seen.looked(reached=True)
    >>> seen.tick(Standing(20.0, carries=True, moved_at=8.0, idle_since=20.0))
    (<Tell.WAITING: 'waiting'>, 'waiting for the sender')
    """

    def __init__(self) -> None:
        self._told_at = self._looked_at = self._said_at = float("-inf")
        self._why = ""  # that was said last
        self._network = True
        self._looking = self._offline = False

    def tick(self, standing: Standing) -> tuple[Tell, str] | None:
        now = standing.now
        if standing.network is not self._network:
            self._network = standing.network
            return self._waits(now, BACK if standing.network else OFFLINE)
        if now - self._told_at < TELL:
            return None
        self._told_at = now
        if standing.carries and now - standing.moved_at <= STILL:
            self._why = ""
            return Tell.PROGRESS, ""
        if standing.deciding or self._looking or not (standing.carries or now - standing.idle_since > IDLE):
            return None
        if standing.network and now - self._looked_at > LOOK_AGAIN:
            self._looking, self._looked_at = True, now
            return Tell.LOOK, ""
        return self._waits(now, next(reason.why for reason in WHY if reason.applies(standing, self._offline)))

    def _waits(self, now: float, why: str) -> tuple[Tell, str] | None:
        """The same reason again only after a while."""
        if why == self._why and now - self._said_at < TELL_AGAIN:
            return None
        self._why, self._said_at = why, now
        return Tell.WAITING, why

    def looked(self, reached: bool) -> None:
        """Whether the server answered."""
        self._looking, self._offline = False, not reached


class Troubles:
    """What a sender's person is told where nothing reaches the server: once it lasts, and then now and again.

    >>> told = Troubles()
    >>> [told.tick(now, "the proxy does not answer") for now in (1.0, 3.0, 9.0, 14.0)]
    ['', 'the proxy does not answer', '', 'the proxy does not answer']
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._said_at = float("-inf")

    def tick(self, now: float, why: str) -> str:
        """`why`: nothing reaches the server now; empty: all is well."""
        if not why:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        if now - self._since < IDLE or now - self._said_at < TELL_AGAIN:
            return ""
        self._said_at = now
        return why
