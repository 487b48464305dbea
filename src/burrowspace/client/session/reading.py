"""The segment of the sender's that is read now, of those that it announced. Twin of web/wire/session/reading.js.

Which paths they make usable it tells core/path_book.py; when to read, routes.py says.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from burrowspace.client.in_loop import in_loop
from burrowspace.client.limits import Bucket
from burrowspace.client.log import Log
from burrowspace.client.session.opener import Opener
from burrowspace.core.errors import Tampered
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import Path, backoff
from burrowspace.core.sealing import Suite
from burrowspace.core.segments import Announced, Segment

if TYPE_CHECKING:
    from burrowspace.client.relay.relay_stream import RelayStream, StreamEnded
    from burrowspace.client.relay.spool_reader import SpoolReader

log = Log("client")


class Reading:
    """`over` is called when nothing is read any more, `wake` when there is something new. `spools`: that were read."""

    def __init__(
        self,
        origin: str,
        announced: Announced,
        opener: Opener,
        book: PathBook,
        over: Callable[[], None],
        wake: Callable[[], None],
        bucket: Bucket | None,
    ) -> None:
        self.spools: set[str] = set()
        self.reader: SpoolReader | None = None  # what brings bytes now
        self._origin, self._opener, self._book, self._bucket = origin, opener, book, bucket
        self._over, self._wake, self._announced = over, wake, announced
        self._segment: Segment | None = None
        self._trouble = ""  # of the last reader
        self._limit: int | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def nothing_left(self) -> bool:
        """Whether all that the sender left on the server is gone."""
        return self._announced.nothing_left(self._opener.staging.here)

    @property
    def trouble(self) -> str:
        """Why nothing can be read, for the person; empty: it can, or nothing is there."""
        reader = self.reader
        return self._trouble if reader is None or not reader.received else ""

    def look(self) -> None:
        """What the sender announced may have changed."""
        here, now = self._opener.staging.here, time.monotonic()
        self._bound()
        for path in (Path.RELAY, Path.STORE):
            there = self._announced.pick(here, path is Path.STORE) is not None
            reading = self._segment is not None and _path_of(self._segment) is path
            self._book.announced(path, now, there=there, reading=reading)
        self._wake()

    def limit(self, limit: int | None) -> None:
        """The position before which blocks may be requested; None: all."""
        self._limit = limit
        self._bound()

    def _bound(self) -> None:
        if self.reader is not None and self._segment is not None:
            self.reader.upto = _least(self._segment.upto, self._limit)

    def begin(self, path: Path) -> bool:
        """Reads what this path brings. False: there is nothing any more."""
        here = self._opener.staging.here
        segment = self._announced.pick(here, path is Path.STORE)
        if segment is None:
            self._book.released(path, time.monotonic())
            return False
        from burrowspace.client.relay.spool_reader import (
            SpoolReader,  # late: a direct transfer needs no HTTP in threads
        )

        self._segment = segment
        self.spools.add(segment.spool)
        self.reader = SpoolReader(
            self._origin,
            segment.spool,
            self._opener.layout_in(suite := Suite(segment.suite)),
            segment.first,
            here,
            self._opener.take(path, suite),
            self._ended,
            _least(segment.upto, self._limit),
            self._bucket,
        )
        self.reader.start()
        return True

    def stop(self) -> None:
        if self.reader is not None:
            self._trouble = self.reader.why_nothing
            self.reader.stop()
            self.reader = self._segment = None

    def look_at_end(self) -> None:
        """A segment may end while it is read, and its reader would wait for a block that does not come."""
        reader, segment = self.reader, self._segment
        if reader is None or segment is None:
            return
        still = time.monotonic() - reader.came_at
        if self._announced.leaves(segment, reader.position, self._opener.staging.here, still):
            reader.stop()
            self._ended_here(reader, None)

    def _ended(self, reader: "RelayStream", ended: "StreamEnded | None") -> None:
        """In the reader's thread."""
        in_loop(self._loop, self._ended_here, reader, ended)

    def _ended_here(self, reader: "RelayStream", ended: "StreamEnded | None") -> None:
        segment = self._segment
        if reader is not self.reader or segment is None:
            return
        self._trouble = self.reader.why_nothing
        self.reader = self._segment = None
        self._over()
        if ended is None:
            self.look()
            return
        log.debug("a segment was left", why=str(ended))
        # What does not open may do so another time; the session counts, and ends it.
        if ended.final and not isinstance(ended.__cause__, Tampered):
            self._announced.lost(segment.spool)
        path = _path_of(segment)
        self._book.failed(path, time.monotonic())
        if not segment.dead:  # the server, or the way to it, may come back
            self._loop.call_later(backoff(self._book.known(path).failures), self.look)


def _path_of(segment: Segment) -> Path:
    return Path.STORE if segment.resting else Path.RELAY


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
