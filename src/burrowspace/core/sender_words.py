"""What the words of a sender mean to its receiver: what it offers, which segments it has, whether anything comes.

Words come in, what to do about them comes out. No clock, no mailbox, no link. Twin of web/core/sender-words.js, held to
the same walks. Specs: docs/spec/session.md, docs/spec/signalling.md.
"""

from enum import StrEnum

from burrowspace.core import signals
from burrowspace.core.segments import Announced
from burrowspace.core.signals import Offer, Signal


class Act(StrEnum):
    """What the driver does next, in this order."""

    OFFERED = "offered"  # there is an offer now
    CAME = "came"  # its program has begun again: say hello once more
    OTHER = "other"  # it offers something else than before: end
    LOOK = "look"  # at its segments: one is new, or has ended
    CANCELLED = "cancelled"  # for good; `over` says why
    LEFT = "left"  # its program has ended, and may come back
    REACH = "reach"  # it says where it is reached


class SenderWords:
    """`offer`: the last one. `announced`: its segments. `here`: its program runs. `over`: why nothing comes any more.
    `heard_at`: when it said something last."""

    def __init__(self, now: float) -> None:
        self.offer: Offer | None = None
        self.announced = Announced()
        self.here = True
        self.over: str | None = None
        self.heard_at = now
        self._run: str | bytes = b""  # of its program

    def recalls(self, signal: Signal) -> None:
        """It said so to an earlier run of ours: its segments count, and where it was reached is history."""
        self._segment(signal)

    def hears(self, now: float, run: str | bytes, signal: Signal) -> tuple[Act, ...]:
        self.heard_at = now
        if isinstance(signal, Offer):
            return self._offers(run, signal)
        if self._segment(signal):
            return (Act.LOOK,)
        if isinstance(signal, signals.Cancel):
            self.over = signal.why
            return (Act.CANCELLED,)
        if not isinstance(signal, signals.Bye):
            return (Act.REACH,)
        if run != self._run:
            return ()
        self.here = False
        return (Act.LEFT,)

    def _offers(self, run: str | bytes, offer: Offer) -> tuple[Act, ...]:
        if self.offer is not None and offer.transfer != self.offer.transfer:
            return (Act.OTHER,)
        again = self.offer is not None and run != self._run
        self.offer, self._run, self.here = offer, run, True
        if not again:
            return (Act.OFFERED,)
        self.announced.anew()  # of what it wrote live it says once more what goes on
        return (Act.OFFERED, Act.CAME)

    def _segment(self, signal: Signal) -> bool:
        if isinstance(signal, signals.Leg):
            self.announced.begins(signal.spool, signal.first, signal.suite, signal.resting)
        elif isinstance(signal, signals.LegEnd):
            self.announced.ends(signal.spool, signal.upto)
        return isinstance(signal, signals.Leg | signals.LegEnd)
