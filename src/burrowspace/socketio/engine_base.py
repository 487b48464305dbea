"""What all sessions and connections of an engine share: its numbers, clocks and counters, and the writes held back.

The parts of a session know this much of their engine, and no part knows who owns it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from burrowspace.socketio.options import ServerOptions
from burrowspace.socketio.stats import Stats
from burrowspace.socketio.timers import Target, Timers
from burrowspace.socketio.turns import Turns


class Corked(Protocol):
    """A connection with small texts that wait for the end of a read."""

    def uncork(self) -> None: ...


class EngineBase(ABC):
    """An engine, as its parts see it."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.stats = Stats()
        self.timers = Timers()
        self.turns = Turns()
        self.upgradable = options.allow_upgrades and "websocket" in options.transports
        self.corking = False  # a read with several messages is worked on: small answers may wait for its end
        self.corked: list[Corked] = []  # those that have some
        self.last_turn = 0.0  # when the last client whose messages are expensive is read again

    @abstractmethod
    def came(self, connection: Any) -> None:
        """A WebSocket begins."""

    @abstractmethod
    def gone(self, connection: Any) -> None:
        """It is lost."""

    @abstractmethod
    def forget(self, session: Any) -> None:
        """A session is over."""

    @contextmanager
    def corked_together(self) -> Iterator[None]:
        """Small texts that are sent meanwhile leave at its end, one write for each socket."""
        outer, self.corking = self.corking, True
        try:
            yield
        finally:
            if not outer:
                self.uncork()

    def uncork(self) -> None:
        """The read is worked through: what waited for that is written."""
        self.corking = False
        if self.corked:
            corked, self.corked = self.corked, []
            for connection in corked:
                connection.uncork()


class SessionBase(Target, Protocol):
    """A session, as its parts see it; each says what else it needs."""

    @property
    def engine(self) -> EngineBase: ...
    @property
    def is_open(self) -> bool: ...
