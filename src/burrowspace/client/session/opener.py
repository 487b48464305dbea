"""Between a path and the staging: opens each sealed block, keeps its fingerprint, counts. In the threads of paths."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from burrowspace.client.files.staging import Staging
from burrowspace.core.errors import BurrowError, Tampered
from burrowspace.core.keys import Keys
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import BLOCK, Suite

TELL_S = 0.05  # between two tellings that blocks came: each wakes the session's loop, which costs more than a block
TAMPERED_MOST = 3  # blocks that do not open, after which the transfer is given up


class Opener:
    """`take(path)` gives the callable for one path; a segment may be sealed in another suite than `layout` has.

    `fault` is the staging's own error (a full disk, …), which no other path can mend; a block that does not open is the
    path's fault and breaks only that one.
    """

    def __init__(self, staging: Staging, keys: Keys, layout: Layout, moved: Callable[[], None]) -> None:
        self.layout = layout
        self.fault: BurrowError | None = None
        self.shares: Counter[str] = Counter()  # sealed bytes that were of use, by path
        self.network: Counter[str] = Counter()  # sealed bytes that came, of use or not, by path
        self.again = 0  # blocks that came though they were here before they were asked for
        self.first_at: float | None = None  # when the first block of use came
        self._tampered = 0
        self.staging, self._keys, self._moved = staging, keys, moved
        self._told_at = 0.0
        self._rooms = threading.local()

    def check(self) -> None:
        """Raises what no other path can mend."""
        if self.fault is not None:
            raise self.fault
        if self._tampered >= TAMPERED_MOST:
            raise Tampered("what arrives was not sealed by the sender; somebody between you changes it")

    def layout_in(self, suite: Suite) -> Layout:
        return replace(self.layout, suite=suite)

    def take(self, path: str, suite: Suite | None = None) -> Callable[[int, memoryview], int]:
        def take(position: int, sealed: memoryview) -> int:
            return self._take(path, suite or self.layout.suite, position, sealed)

        return take

    def _take(self, path: str, suite: Suite, position: int, sealed: memoryview) -> int:
        room = getattr(self._rooms, "room", None)
        if room is None:
            room = self._rooms.room = memoryview(bytearray(BLOCK))
        staging, layout, key = self.staging, self.layout, self._keys[suite]
        self.network[path] += len(sealed)
        if position < staging.here:
            self.again += 1
            return staging.here
        file, index = layout.where(position)
        end = len(sealed) < suite.sealed
        try:
            size = key.open_into(file, index, end, sealed, room)
        except Tampered:
            self._tampered += 1
            raise
        try:
            kept = staging.take(position, end, room[:size], key.fingerprint(sealed))
        except BurrowError as error:
            self.fault = error
            self._moved()
            raise
        now = time.monotonic()
        if kept:
            self.first_at = self.first_at or now
            self.shares[path] += len(sealed)
            if end and layout.pack_size is None and position >= layout.manifest_blocks:
                self.layout = layout.ended(position, size)
        if now - self._told_at >= TELL_S or position < layout.manifest_blocks or staging.complete or end:
            self._told_at = now
            self._moved()
        return staging.here
