"""One timer of the event loop for all deadlines of all sessions.

A heap of (when, target). A target has at most one live entry, its `wake`; entries it outgrew are dropped when they
surface. Two floats and a tuple per session, where a TimerHandle or a task each would cost a kilobyte.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from math import inf
from typing import Protocol

logger = logging.getLogger(__name__)

SLACK = 0.0005  # seconds; event loops round timers to milliseconds


class Target(Protocol):
    """Something with deadlines. `wake` belongs to Timers."""

    wake: float

    def tick(self, now: float) -> float:
        """Does what is due at `now` (loop time, seconds) and says when to come back; inf for never."""


class Timers:
    """Wakes targets. Bound to the loop that is running when it is first used."""

    __slots__ = ("_armed", "_handle", "_heap", "_loop", "_order", "_stale")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heap: list[tuple[float, int, Target]] = []
        self._order = 0
        self._stale = 0
        self._armed = inf
        self._handle: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The loop's clock, seconds."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return loop.time()

    def wake_by(self, target: Target, when: float) -> None:
        """Ticks the target at `when`, or earlier if it is already due earlier."""
        if when >= target.wake:
            return
        if target.wake != inf:
            self._stale += 1
        target.wake = when
        self._order += 1
        heapq.heappush(self._heap, (when, self._order, target))
        if when < self._armed:
            self._arm(when)

    def forget(self, target: Target) -> None:
        """The target is dead. Its entry goes with the next sweep, so that churn does not pile up."""
        if target.wake != inf:
            target.wake = inf
            self._stale += 1
            if self._stale > 64 and self._stale * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if entry[2].wake == entry[0]]
                heapq.heapify(self._heap)
                self._stale = 0

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._armed, self._heap = None, inf, []

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self.now()
        assert self._loop is not None
        self._armed = when
        self._handle = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._handle, self._armed = None, inf
        now = self.now() + SLACK
        while self._heap and self._heap[0][0] <= now:
            when, _, target = heapq.heappop(self._heap)
            if target.wake != when:
                self._stale -= 1
                continue
            target.wake = inf
            try:
                again = target.tick(now)
            except Exception:
                logger.exception("a deadline failed")
                continue
            if again != inf:
                self.wake_by(target, max(again, now + SLACK))
        if self._heap and self._heap[0][0] < self._armed:
            self._arm(self._heap[0][0])
