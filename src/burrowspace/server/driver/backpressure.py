"""Who sends faster than others receive, and is made to wait."""

from typing import Protocol

from burrowspace.ports import Line


class Feeder(Protocol):
    """Whoever sends chunks: it can be made to wait."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Backpressure:
    """Who is not read until somebody else has proved something.

    A peer that is not read cannot prove anything either, for its pong stands behind the rest of what it sends. So a
    relay queue never makes its feeder wait for a peer that waits itself: two that flood each other would wait forever.
    """

    def __init__(self) -> None:
        self._held: dict[object, int] = {}

    def hold(self, feeder: Feeder) -> None:
        self._held[feeder] = self._held.get(feeder, 0) + 1
        feeder.pause_reading()

    def release(self, feeder: Feeder) -> None:
        count = self._held.pop(feeder) - 1
        if count:
            self._held[feeder] = count
        feeder.resume_reading()

    def holds(self, line: Line) -> bool:
        return line in self._held
