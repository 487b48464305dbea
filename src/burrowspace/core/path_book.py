"""What is remembered of the paths of one transfer, so that core/paths.py can decide: states, rates, penalties.

The receiver's session writes here what happens and does what `decide` says. The clock is an argument everywhere.
"""

from collections import deque
from dataclasses import replace

from burrowspace.core.paths import (
    DIRECT,
    SETTLED,
    WINDOW,
    Allowed,
    Decision,
    Facts,
    Known,
    Path,
    State,
    decide,
    penalty,
)

_SLICE = 0.1  # s: blocks of one slice are counted together, so a window is at most 41 numbers


class PathBook:
    """`began` is when the two ends had met.

    >>> book = PathBook(0.0, Allowed())
    >>> book.decide(0.0).start
    (<Path.TCP: 'tcp'>, <Path.PUNCH: 'punch'>)
    >>> book.up(Path.TCP, 0.2)
    >>> book.decide(0.2).use
    <Path.TCP: 'tcp'>
    """

    def __init__(self, began: float, options: Allowed, possible: frozenset[Path] = frozenset(Path)) -> None:
        self._facts = Facts(now=began, began=began, options=options, possible=possible)
        self._paths: dict[Path, Known] = {}
        self._left: dict[Path, int] = {}  # how often a path was left for being slow or stalled
        self._window: deque[tuple[float, int]] = deque()  # (when, bytes) of the path in use
        self.moved_at = began  # when a byte last came
        self.idle_since = began  # when a path was last in use
        self._paused = False

    @property
    def using(self) -> Path | None:
        return self._facts.using

    def known(self, path: Path) -> Known:
        return self._paths.get(path, Known())

    # ---- what happens

    def trying(self, path: Path, now: float) -> None:
        self._paths[path] = replace(self.known(path), state=State.TRYING, since=now)

    def up(self, path: Path, now: float) -> None:
        """It could carry the next block."""
        self._paths[path] = replace(self.known(path), state=State.UP, since=now)

    def failed(self, path: Path, now: float) -> None:
        """It could not be made, or it broke."""
        known = self.known(path)
        used = path is self.using and now - self._facts.using_since >= SETTLED
        failures = 1 if used else known.failures + 1
        self._paths[path] = replace(known, state=State.FAILED, since=now, failures=failures)

    def released(self, path: Path, now: float) -> None:
        """It was given up because it was not needed: no failure."""
        self._paths[path] = replace(self.known(path), state=State.UNTRIED, since=now)

    def carried(self, path: Path, size: int, now: float) -> None:
        """A block of `size` sealed bytes came."""
        self.moved_at = now
        self._paths[path] = replace(self.known(path), progress_at=now)
        if path is not self.using:
            return
        if self._window and now - self._window[-1][0] < _SLICE:
            at, before = self._window.pop()
            self._window.append((at, before + size))
        else:
            self._window.append((now, size))

    def sender_came(self, now: float) -> None:
        """The sender's program began (again): all that failed is worth another try, with a new head start."""
        self.sender(True)
        self._facts = replace(self._facts, began=now)
        for path in (*DIRECT, Path.RELAY):
            state = self.known(path).state
            # The run before it was asked for the relay, and will not answer.
            if state is State.FAILED or (path is Path.RELAY and state is State.TRYING):
                self.released(path, now)

    def announced(self, path: Path, now: float, *, there: bool, reading: bool) -> None:
        """Whether the sender announced a segment of this kind that brings the next block. One that is being read may
        bring it all the same."""
        up = self.known(path).state is State.UP
        if there and not up:
            self.up(path, now)
        elif up and not there and not reading:
            self.released(path, now)

    def pauses(self, now: float) -> None:
        """Nothing may be requested now: a person is asked. That is nobody's fault."""
        self.moved_at = self.idle_since = now
        self._paused = True

    def _resume(self, now: float) -> None:
        """Neither a stall nor a slow path."""
        self._paused = False
        self._facts = replace(self._facts, using_since=now)
        self._window.clear()
        if self.using is not None:
            self._paths[self.using] = replace(self.known(self.using), progress_at=now)

    def sender(self, present: bool) -> None:
        self._facts = replace(self._facts, sender_present=present)

    def may_store(self, allowed: bool) -> None:
        self._facts = replace(self._facts, may_store=allowed)

    # ---- what follows

    def facts(self, now: float) -> Facts:
        """Everything as it stands, the rate of the path in use measured anew."""
        using = self.using
        if using and (rate := self._rate(now)) is not None:
            self._paths[using] = replace(self.known(using), rate=rate)
        return replace(self._facts, now=now, paths=dict(self._paths))

    def decide(self, now: float) -> Decision:
        """Decides, and notes it as done: from here on `use` is in use, `start` is being tried."""
        if self._paused:
            self._resume(now)
        decision = decide(self.facts(now))
        for each in decision.start:
            self.trying(each, now)
        if decision.ask_relay:
            self.trying(Path.RELAY, now)
        for each in decision.stop:
            if self.known(each).state is State.TRYING:
                self.failed(each, now)
            else:
                self.released(each, now)
        if decision.penalise:
            times = self._left[decision.penalise] = self._left.get(decision.penalise, 0) + 1
            self._paths[decision.penalise] = replace(
                self.known(decision.penalise), penalised_until=now + penalty(times)
            )
        if decision.use is not self.using:
            self._switch(decision, now)
        if self.using is not None:
            self.idle_since = now
        return decision

    def _switch(self, decision: Decision, now: float) -> None:
        left = self.known(self.using) if self.using else None
        # A path that stalled or broke leaves no mark: what comes after it cannot be slower than nothing.
        mark = left.rate if left and decision.why in ("better", "probe") else None
        self._window.clear()
        if decision.use:
            # What it gave in its last seconds, perhaps in a stall, says nothing now.
            self._paths[decision.use] = replace(self.known(decision.use), rate=None)
        self._facts = replace(self._facts, using=decision.use, using_since=now, mark=mark)

    def _rate(self, now: float) -> float | None:
        if now - self._facts.using_since < WINDOW:
            return None
        while self._window and now - self._window[0][0] > WINDOW:
            self._window.popleft()
        return sum(size for _, size in self._window) / WINDOW
