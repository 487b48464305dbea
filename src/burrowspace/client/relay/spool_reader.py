"""Reads one spool of the server, live or later, out of one GET that follows its writer. Twin of
web/wire/relay/spool-reader.js. Spec: docs/spec/paths.md ("legs"), docs/spec/bytes.md.
"""

import http.client
import time
from collections.abc import Callable

from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import Take
from burrowspace.client.relay.relay_stream import RelayStream, StreamEnded
from burrowspace.client.server.http import refusal
from burrowspace.core import proxies
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import SEALED_MOST
from burrowspace.faults import why

SLICE_LEAST = 4096
SLICE = 64 << 10  # bytes after which progress is seen: a slow line has not stalled


class SpoolReader(RelayStream):
    """Follows a spool from `position` on and gives each whole block to `take`, until `upto`, its end or a cut.

    `over(reader, None)`: everything that the segment carries has been taken. `came_at`: when the last bytes came.
    """

    def __init__(
        self,
        origin: str,
        spool: str,
        layout: Layout,
        first: int,
        position: int,
        take: Take,
        over: Callable[["RelayStream", StreamEnded | None], None],
        upto: int | None = None,
        bucket: Bucket | None = None,
    ) -> None:
        super().__init__(origin, spool, over, "leg-reader")
        self._bucket = bucket
        self.position, self.upto = position, upto
        # The server sends no more than this, even if `upto` grows meanwhile.
        self._asked_upto = upto if upto is None or layout.positions is None else min(upto, layout.positions)
        self.came_at = time.monotonic()
        self.received = 0
        self._answered = False
        self._layout, self._take = layout, take
        self._base = layout.offset(first)

    @property
    def why_nothing(self) -> str:
        """Why nothing came by it, for the person; empty: it did, or nobody has written anything."""
        if self.received or self.trouble:
            return self.trouble
        return proxies.no_answer(self._proxy) if self._proxy is not None and not self._answered else ""

    def _work(self) -> None:
        try:
            connection = self._connect()
            self._follow(connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StreamEnded(why(error)) from error

    def _follow(self, connection: http.client.HTTPConnection) -> None:
        start = self._layout.offset(self.position) - self._base
        last = "" if self._asked_upto is None else str(self._layout.offset(self._asked_upto) - self._base - 1)
        headers = {**self._said, "Range": f"bytes={start}-{last}"} if start or last else self._said
        connection.request("GET", self._path_of(f"/download/{self.spool}?follow=1"), headers=headers)
        answer = connection.getresponse()
        self._answered = True
        self._ours(answer)
        if answer.status not in (200, 206):
            raise StreamEnded(refusal(answer.status, answer.read(4096))[1], final=answer.status in (404, 410, 416))
        skip = start if answer.status == 200 else 0  # a server that knows no ranges here gives all of it
        buffer = memoryview(bytearray(SEALED_MOST))
        while skip:
            got = answer.readinto(buffer[: min(skip, len(buffer))])
            if not got:
                raise StreamEnded("the segment ended before the place to go on")
            skip -= got
        layout = self._layout
        while not self._at_end():
            wanted = layout.sealed_most(self.position)
            got, cut = self._fill(answer, buffer[:wanted])
            if got < wanted and (cut or not got or layout.pack_size is not None):
                raise StreamEnded("the segment was cut" if cut or got else "the segment ended before the transfer did")
            self._take(self.position, buffer[:got])
            self.position += 1
            if layout.ends_with(self.position - 1, got):
                return

    def _fill(self, answer: http.client.HTTPResponse, room: memoryview) -> tuple[int, bool]:
        """Bytes read until `room` was full or the answer ended, and whether it was cut. A cut in a body of known length
        looks like its end."""
        got, most = 0, SLICE if self._bucket is None else min(SLICE, max(SLICE_LEAST, int(self._bucket.burst)))
        while got < len(room):
            try:
                count = answer.readinto(room[got : got + most])
            except http.client.IncompleteRead:
                return got, True
            if not count:
                return got, False
            got += count
            self.received += count
            self.came_at = time.monotonic()
            if self._bucket and (wait := self._bucket.spend(count)):
                self._pause(wait)
        return got, False

    def _at_end(self) -> bool:
        limits = [each for each in (self.upto, self._asked_upto, self._layout.positions) if each is not None]
        return bool(limits) and self.position >= min(limits)
