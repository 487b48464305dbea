"""One segment of the sender's: a spool on the server that carries blocks from some position on, live or to rest there.

Deciding is core/segments.py's and core/receiver_book.py's. Spec: docs/spec/session.md.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from burrowspace.client.server.api import Spool
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.core import segments, signals
from burrowspace.core.receiver_book import ReceiverBook
from burrowspace.core.sealing import Suite

if TYPE_CHECKING:
    from burrowspace.client.relay.spool_writer import SpoolWriter

Say = Callable[[signals.Signal], Awaitable[None]]


class Follower(Protocol):
    """Who follows a segment, or would. It is given the one that goes on where its own was cut."""

    book: ReceiverBook
    segment: "RelaySegment | None"


class RelaySegment:
    """A segment of ours. `rests`: all of it may lie there. `upto`: it ends before this position, None while it goes on.
    `wanted`: somebody reads it, or all of it may lie there."""

    def __init__(self, spool: Spool, first: int, say: Say, policy: str, suite: Suite) -> None:
        self.spool, self.first, self.say, self.policy, self.suite = spool, first, say, policy, suite
        self.rests = self.wanted = policy == "rest"
        self.opened_at = time.monotonic()
        self.writer: SpoolWriter | None = None
        self.whole = False  # everything up to the transfer's end is there
        self.upto: int | None = None
        self.followers: set[Follower] = set()

    @classmethod
    def again(cls, kept: KeptSegment, say: Say) -> "RelaySegment":
        """One of an earlier run, as it was written down."""
        found = cls(Spool(kept.spool, kept.token), kept.first, say, "rest" if kept.rests else "live", kept.suite)
        found.whole, found.upto = kept.whole, kept.upto
        return found

    def wake(self) -> None:
        """More may go into it now."""
        if self.writer is not None:
            self.writer.woken.set()

    def want(self) -> None:
        self.wanted = True
        self.wake()

    def ahead(self) -> int | None:
        """The position before which blocks may go into it now; None: all. Asked in the writer's thread."""
        books = [each.book for each in tuple(self.followers)]
        linked = any(book.direct_at > self.opened_at for book in books)
        limits = tuple(book.person.limit for book in books)
        return segments.ahead(segments.Flow(self.first, self.rests, self.wanted, linked, limits))

    @property
    def part(self) -> segments.Part:
        at = self.writer.position if self.writer else None
        return segments.Part(self.first, self.suite, self.rests, self.upto, self.whole, at)

    def announcement(self) -> signals.Leg:
        return signals.Leg(self.spool.id, self.first, self.suite, self.rests)

    def kept(self) -> KeptSegment:
        spool = self.spool
        return KeptSegment(spool.id, spool.token, self.first, self.rests, self.upto, self.whole, self.suite)
