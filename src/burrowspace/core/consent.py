"""Consent: what a receiver may request before its person has said yes, and what is said to the sender meanwhile.

Two tables of facts and no more: no clock, no socket, no question on a screen. `Consent` is the receiver's side. Tell it
what happened and it gives the acts that follow. `Person` is how a sender sees the same person from afar.
Positions are blocks, times are seconds of one clock. Spec, with the table: docs/spec/session.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from burrowspace.core.credit import CREDIT

WINDOW = CREDIT  # blocks (8 MiB) behind the manifest that may be requested early: the credit of a link
SAY_FIRST = 1.0  # s after the question that the sender hears of it; whoever answers sooner needs no word
SAY_EVERY = 5.0  # s at most between two times that the sender hears that a person is deciding


class Stage(StrEnum):
    UNASKED = "unasked"  # the manifest isn't whole yet: there is nothing to ask about
    DECIDING = "deciding"  # the person has the question
    YES = "yes"
    NO = "no"


class Row(NamedTuple):
    """What holds in one stage."""

    beyond: int | None  # blocks beyond the manifest that may be requested; None: all
    says: bool  # the sender hears every SAY_EVERY seconds that a person is deciding
    because: str


TABLE: dict[Stage, Row] = {
    Stage.UNASKED:  Row(WINDOW, False, "the question shows the manifest, so it comes first; the window behind it "
                                       "hides the round trip from whoever says yes at once"),
    Stage.DECIDING: Row(WINDOW, True,  "nothing more is wanted until somebody wants it; the sender must be able to "
                                       "tell a person who thinks from one who has gone"),
    Stage.YES:      Row(None,   False, "everything is wanted; blocks that come say that somebody is there"),
    Stage.NO:       Row(0,      False, "nothing is wanted any more: the sender hears it, and the paths are closed"),
}  # fmt: skip


class Act(StrEnum):
    """What the driver does next, in this order."""

    ASK = "ask"  # put the question to the person, once
    SAY_DECIDING = "say-deciding"  # `progress` with what is held
    SAY_ACCEPT = "say-accept"
    SAY_DECLINE = "say-decline"
    GO_ON = "go-on"  # request blocks again; the pause was nobody's fault, so no path has stalled in it
    CLOSE = "close"  # let go of every path and end


class Consent:
    """The receiver's side. `manifest_blocks`: positions of the manifest. `window`: blocks behind it that this end can
    keep until the answer, at most WINDOW (a page has no place for them: 0).

    >>> consent = Consent(1)
    >>> consent.limit(None), consent.know(0.0), consent.tick(0.5), consent.tick(1.0), consent.tick(5.9)
    (33, (<Act.ASK: 'ask'>,), (), (<Act.SAY_DECIDING: 'say-deciding'>,), ())
    >>> consent.answer(True), consent.limit(None)
    ((<Act.SAY_ACCEPT: 'say-accept'>, <Act.GO_ON: 'go-on'>), None)
    """

    def __init__(self, manifest_blocks: int, window: int = WINDOW, *, accepted: bool = False) -> None:
        if not 0 <= window <= WINDOW:
            raise ValueError(f"at most {WINDOW} blocks may be requested before a yes")
        self.stage = Stage.YES if accepted else Stage.UNASKED
        self._manifest_blocks, self._window = manifest_blocks, window
        self._said_at = 0.0

    @property
    def accepted(self) -> bool:
        return self.stage is Stage.YES

    def limit(self, positions: int | None) -> int | None:
        """The position before which blocks may be requested; `positions` of the whole transfer where that is known."""
        beyond = TABLE[self.stage].beyond
        if beyond is None:
            return positions
        limit = self._manifest_blocks + min(beyond, self._window)
        return limit if positions is None else min(limit, positions)

    def may_request(self, here: int, positions: int | None) -> bool:
        """Whether there is anything to request. `here`: so many positions in a row have come. Where there is not, no
        path is in use, and none can stall."""
        limit = self.limit(positions)
        return self.stage is not Stage.NO and (limit is None or here < limit)

    def know(self, now: float) -> tuple[Act, ...]:
        """The manifest is whole."""
        if self.stage is not Stage.UNASKED:
            return ()
        self.stage, self._said_at = Stage.DECIDING, now + SAY_FIRST - SAY_EVERY
        return (Act.ASK,)

    def tick(self, now: float) -> tuple[Act, ...]:
        if not TABLE[self.stage].says or now - self._said_at < SAY_EVERY:
            return ()
        self._said_at = now
        return (Act.SAY_DECIDING,)

    def answer(self, yes: bool) -> tuple[Act, ...]:
        """The person has answered. The first answer counts."""
        if self.stage is not Stage.DECIDING:
            return ()
        self.stage = Stage.YES if yes else Stage.NO
        return (Act.SAY_ACCEPT, Act.GO_ON) if yes else (Act.SAY_DECLINE, Act.CLOSE)


@dataclass
class Person:
    """The same person, as the sender sees them: by what their program said and asked for. `accept` counts for good,
    whichever run of that program said it.

    >>> bob = Person(manifest_blocks=1)
    >>> bob.holds(1); bob.stage, bob.limit
    (<Stage.DECIDING: 'deciding'>, 33)
    >>> bob.accepts(); bob.stage, bob.limit
    (<Stage.YES: 'yes'>, None)
    """

    manifest_blocks: int
    held: int = 0
    said: Stage | None = None

    @property
    def stage(self) -> Stage:
        if self.said is not None:
            return self.said
        return Stage.UNASKED if self.held < self.manifest_blocks else Stage.DECIDING

    @property
    def limit(self) -> int | None:
        """The position before which blocks may go to the server for this person. None: all."""
        beyond = TABLE[self.stage].beyond
        return None if beyond is None else self.manifest_blocks + beyond

    @property
    def deciding(self) -> bool:
        """They have the question: a wait that is no stall, and is shown."""
        return self.stage is Stage.DECIDING

    def holds(self, held: int) -> None:
        """So many positions are verified and written there. Nobody writes before the yes."""
        self.held = max(self.held, held)
        if held > self.manifest_blocks:
            self.accepts()

    def requests(self, position: int) -> None:
        """A block was asked for. Nobody asks beyond the window before the yes."""
        if position >= self.manifest_blocks + WINDOW:
            self.accepts()

    def accepts(self) -> None:
        if self.said is None:
            self.said = Stage.YES

    def declines(self) -> None:
        self.said = Stage.NO
