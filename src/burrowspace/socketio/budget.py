"""How much one session may hold unsent, for how long, and who wants to know when nothing is left.

It holds no bytes: the transports tell it when theirs grow and when they are gone.
Spec: docs/spec/realtime.md, "Backpressure".
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from burrowspace.socketio.engine_base import SessionBase


class Session(SessionBase, Protocol):
    """Whose budget it is."""

    @property
    def buffered(self) -> int: ...
    def close(self, reason: str, *, cut: bool) -> None: ...


class Budget:
    """The unsent bytes of one session, as far as they are too many."""

    __slots__ = ("_drains", "_session", "full", "slow_at")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.full = False  # more than the budget was unsent, and it has not drained since
        self.slow_at = inf  # when the client is dropped, unless it takes some before
        self._drains: list[Callable[[], None]] | None = None

    def filling(self, before: int, after: int) -> None:
        """A transport could not pass a packet on: its unsent bytes went from `before` to `after`."""
        engine = self._session.engine
        options = engine.options
        if after > options.hard_cap:
            self._drop()
        elif after > options.send_budget:
            self.full = True
            if before <= options.send_budget or self.slow_at == inf:
                self.slow_at = engine.timers.now() + options.slow_timeout_ms / 1000
                engine.timers.wake_by(self._session, self.slow_at)
        else:
            self.slow_at = inf

    def drained(self) -> None:
        """No unsent bytes are left."""
        self.slow_at = inf
        self.full = False
        drains, self._drains = self._drains, None
        for callback in drains or ():
            callback()

    def on_drain(self, callback: Callable[[], None]) -> None:
        """Calls back once, when no unsent bytes are left or the session dies; at once if that is so already."""
        if not self._session.is_open or not self._session.buffered:
            callback()
        elif self._drains is None:
            self._drains = [callback]
        else:
            self._drains.append(callback)

    def tick(self, now: float) -> None:
        """Drops a client that was over the budget for too long."""
        if now >= self.slow_at:
            self.slow_at = inf
            if self._session.buffered > self._session.engine.options.send_budget:
                self._drop()

    def _drop(self) -> None:
        if self._session.is_open:
            self._session.engine.stats.slow_dropped += 1
        self._session.close("slow", cut=True)
