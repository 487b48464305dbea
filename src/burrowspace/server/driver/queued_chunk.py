"""A chunk on its way from one peer to another, and what becomes of it."""

from collections.abc import Sequence
from typing import Protocol

from burrowspace.core.errors import BurrowError
from burrowspace.ports import Line
from burrowspace.socketio.encoded import Binary


class ChunkOutcome(Protocol):
    """What becomes of a chunk, told to its sender; exactly one of these is called."""

    def delivered(self) -> None: ...
    def queued(self) -> None: ...
    def refused(self, error: BurrowError) -> None: ...


class QueuedChunk:
    """A chunk on its way. Once its answer is given (None) it is promised: it may not be refused or lost any more."""

    __slots__ = ("answer", "attachments", "body", "line", "size")

    def __init__(self, body: bytes, attachments: Sequence[Binary], answer: ChunkOutcome | None) -> None:
        self.body, self.attachments, self.answer = body, attachments, answer
        self.size = len(body) + sum(map(len, attachments))
        self.line: Line | None = None  # the line it was sent down last

    def delivered(self) -> None:
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.delivered()

    def queued(self) -> None:
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.queued()

    def refuse(self, error: BurrowError) -> None:
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.refused(error)
