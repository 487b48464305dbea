"""When a session is pinged, when it is given up, and which pong proves that something arrived.

Pure: told the time (seconds, any origin), it says what to do. Pongs carry no number, but they come back in the order
of the pings, so counting both is enough to know which ping a pong answers. Spec: docs/spec/realtime.md, "Heartbeat".
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

Done = Callable[[bool], None]
JITTER = 0.05  # seconds a timer may be late without the client being given that time as well


class Heartbeat:
    """The pulse of one session."""

    __slots__ = ("_asked", "_interval", "_paused", "_pongs", "_proves", "_proving", "_timeout", "ping_at", "pong_by")

    def __init__(self, interval: float, timeout: float, now: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self.ping_at = now + interval
        self.pong_by = inf  # while a ping is unanswered: when the session is given up
        self._pongs = 0  # pings sent and not answered
        self._proves = 0  # which of those unanswered pings, counted from the next pong, `_proving` waits for
        self._proving: list[Done] | None = None
        self._asked: list[Done] | None = None  # asked for after the ping in flight was sent
        self._paused = False

    @property
    def due(self) -> float:
        """When to look again."""
        if self._pongs and not self._paused:
            return min(self.pong_by, self.ping_at)
        return self.ping_at

    @property
    def unanswered(self) -> int:
        """How many pings have no pong yet."""
        return self._pongs

    def dead(self, now: float) -> bool:
        return self._pongs > 0 and not self._paused and now >= self.pong_by

    def wants_ping(self, now: float) -> bool:
        # whatever is unanswered: a client gives up when it hears no ping, and its pong may wait behind what it sends
        return now >= self.ping_at or (self._asked is not None and not self._pongs)

    def pinged(self, now: float) -> None:
        """A ping was sent. A late timer does not shift the deadline, a stalled process does."""
        sent = self.ping_at if self.ping_at <= now < self.ping_at + JITTER else now
        if not self._pongs:
            self.pong_by = sent + self._timeout
        self._pongs += 1
        self.ping_at = sent + self._interval
        if self._proving is None and self._asked is not None:
            self._proving, self._asked = self._asked, None
            self._proves = self._pongs

    def ponged(self, now: float) -> list[Done] | None:
        """A pong arrived. Gives what it proves; one that answers no ping proves nothing."""
        if not self._pongs:
            return None
        self._pongs -= 1
        if not self._pongs:
            self.pong_by = inf
            self.ping_at = now + self._interval
        else:
            self.pong_by = now + self._timeout
        if self._proving is None:
            return None
        self._proves -= 1
        if self._proves:
            return None
        proven, self._proving = self._proving, None
        return proven

    def ask(self, done: Done) -> None:
        """`done(True)` when a ping sent after this call is answered."""
        if self._asked is None:
            self._asked = [done]
        else:
            self._asked.append(done)

    def heard(self, now: float) -> None:
        """The client sent something else: it lives, however late its pong is."""
        if self._pongs:
            self.pong_by = now + self._timeout

    def pause(self) -> None:
        self._paused = True

    def resume(self, now: float) -> None:
        self._paused = False
        if self._pongs:
            self.pong_by = now + self._timeout

    def end(self) -> list[Done]:
        """The session died: everyone who waits for a proof."""
        waiting = (self._proving or []) + (self._asked or [])
        self._proving = self._asked = None
        return waiting
