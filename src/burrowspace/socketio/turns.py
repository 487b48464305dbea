"""Turns of the event loop: who has more to say than fits into one of them goes on in a later one.

One read may bring thousands of messages, and an event loop may read a connection many times before it looks at the
next. Without a bound on the whole turn, a few busy clients make everybody else wait. Decides nothing about a client
over time; `reading.py` does. Spec: docs/spec/realtime.md, "Backpressure".
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Protocol

SLICE_S = 0.001  # how long a turn may have lasted for a client to go on within it
LARGE_SLICE_S = 0.005  # the same after a large message of a client that is trusted: to stop and go on costs as much
TOGETHER = 4  # clients that go on in one turn, where none of them is heavy


class Waiting(Protocol):
    """Who waits. `heavy`: what it says next may take as long as a turn may last, and costs nothing before."""

    heavy: bool

    def resume(self) -> None: ...


class Turns:
    """The turns of the running loop, and who waits for the next."""

    __slots__ = ("_began", "_waiting", "number")

    def __init__(self) -> None:
        self.number = 0  # of the turn: it changes with each in which somebody asks
        self._began: float | None = None  # when somebody first asked in this turn
        self._waiting: deque[Waiting] = deque()

    def over(self, *, large: bool = False) -> bool:
        """Whether this turn has lasted long enough, counted from the first call within it."""
        if self._began is None:
            self._begin()
        assert self._began is not None
        return perf_counter() - self._began > (LARGE_SLICE_S if large else SLICE_S)

    def wait(self, client: Waiting) -> None:
        """Calls `client.resume` in a later turn: a few in each, in the order in which they came."""
        self._waiting.append(client)
        if self._began is None:
            self._begin()

    def _begin(self) -> None:
        self._began = perf_counter()
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """The next turn has begun."""
        waiting, self._began = self._waiting, None
        self.number += 1
        for _ in range(min(TOGETHER, len(waiting))):
            client = waiting.popleft()
            client.resume()
            if client.heavy:
                break
        if waiting and self._began is None:
            self._begin()
