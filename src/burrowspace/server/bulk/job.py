"""A bulk request taken off its connection: what it is, and what the two sides of it need of each other.

The connection is front.py's, the work serve.py's. Neither imports the other: they meet in these protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from burrowspace.config import Settings
from burrowspace.server.headers import header_map

BIG = 64 * 1024  # bytes of a body from which on the kernel moves it


class Job:
    """A request taken off: its head, the bytes of its body that came with it, how its connection goes on."""

    __slots__ = (
        "address",
        "early",
        "expects",
        "headers",
        "keep_alive",
        "key",
        "method",
        "query",
        "started",
        "task",
        "verb",
        "whole",
    )

    def __init__(
        self, verb: str, key: str, query: str, method: str, raw: list[tuple[bytes, bytes]], address: str
    ) -> None:
        self.address = address  # the caller's
        self.verb, self.key, self.query, self.method = verb, key, query, method
        self.headers = header_map(raw)
        self.early = b""
        self.whole = False  # the request is complete: no body, or all of it came with the head
        self.keep_alive = True
        self.expects = False
        self.started = False
        self.task: asyncio.Task[None] | None = None


class MinimumRate:
    """Whether so many bytes a second are reached, window by window, while somebody is waited for."""

    __slots__ = ("_from", "_mark")

    def __init__(self) -> None:
        self._mark, self._from = 0, 0.0  # bytes at the begin of the window, and when that was; 0: no window is open

    def rest(self) -> None:
        """Nobody is waited for."""
        self._from = 0.0

    def is_slow(self, moved: int, now: float, window_s: float, min_rate: int) -> bool:
        """`moved` counts all bytes so far."""
        if self._from and now - self._from < window_s:
            return False
        slow = self._from > 0 and moved - self._mark < min_rate * (now - self._from)
        self._mark, self._from = moved, now
        return slow


class JobFront(Protocol):
    """The connection that a job came from. It reads nothing more until the job has said how it goes on."""

    transport: asyncio.Transport

    def hand_back(self) -> None:
        """The request goes to ASGI after all. Only for one whose body, if any, is all here."""

    def go_on(self, *, clean: bool) -> None:
        """The job is answered. `clean`: all of its body was read and the next request may come."""


class Jobs(Protocol):
    """Whoever works on jobs."""

    @property
    def settings(self) -> Settings: ...

    @property
    def movers(self) -> Sequence[object]:
        """The threads that move bytes; without any, no job is taken off."""

    def start(self, front: JobFront, job: Job) -> asyncio.Task[None]:
        """Begins the job's task."""
