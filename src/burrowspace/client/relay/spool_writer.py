"""Fills one spool of the server: seals blocks straight into the body of PATCH requests. Twin of
web/wire/relay/spool-writer.js. Spec: docs/spec/paths.md ("legs"), docs/spec/bytes.md.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator

from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import Seal
from burrowspace.client.pause import RETRY_MOST_S, RETRY_S
from burrowspace.client.relay.relay_stream import SILENT_S, RelayStream, StreamEnded
from burrowspace.client.server.api import Spool
from burrowspace.client.server.http import AWAY, refusal
from burrowspace.core import proxies
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import SEALED_MOST
from burrowspace.faults import why

PIECE = 60 << 20  # bytes of one request at most: tunnels and proxies refuse bodies of 100 MB
FIRST = 4  # blocks of the first request: behind a proxy that keeps each until it is whole, something arrives soon
PIECE_S = 2.0  # that a request takes about: it grows and shrinks with the line
HOLD_S = 0.1  # between two looks whether more may go


class SpoolWriter(RelayStream):
    """Carries positions from `first` on into a spool that begins with that block, until the transfer's end.

    `position` is the next block to seal; `safe` counts sealed bytes that the server has acknowledged, and `moved_at` is
    when that was. A cut in the middle of a block ends the segment: the block's other half cannot be made again, for
    each sealing has its own nonce. `over(writer, None)`: all of it is there.
    """

    def __init__(
        self,
        origin: str,
        spool: Spool,
        layout: Layout,
        first: int,
        seal: Seal,
        ahead: Callable[[], int | None],
        over: Callable[["RelayStream", StreamEnded | None], None],
        bucket: Bucket | None = None,
    ) -> None:
        super().__init__(origin, spool.id, over, "leg-writer")
        self.woken = threading.Event()
        self._ahead = ahead
        self._count = FIRST
        self.position = first
        self.sent = self.safe = 0
        self.moved_at = time.monotonic()
        self._token, self._layout, self._seal, self._bucket = spool.token, layout, seal, bucket
        self._base = layout.offset(first)
        self._ended = first == layout.positions
        self.safe_at = self.moved_at  # when the server last acknowledged something

    @property
    def safe_position(self) -> int:
        """Blocks before this one are on the server, acknowledged."""
        return self._layout.position_at(self._base + self.safe)[0]

    def why_still(self, now: float) -> str:
        """Why nothing of it arrives, for the person; empty: it does, or nothing has to go."""
        unheard = self.sent > self.safe and now - max(self.safe_at, self.moved_at) > SILENT_S
        return self.trouble or (proxies.no_answer(self._proxy) if self._proxy is not None and unheard else "")

    def _work(self) -> None:
        delay = RETRY_S
        while not self._ended or self.safe < self.sent:
            upto = self._allowed()
            try:
                connection = self._connection_now()
                began = time.monotonic()
                self._piece(connection, upto)
                self._paced(time.monotonic() - began)
                delay = RETRY_S
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if self.stopped.is_set():
                    raise StreamEnded("stopped") from None
                held = self._held(error, delay)
                delay = min(2 * delay, RETRY_MOST_S)
                position, rest = self._layout.position_at(self._base + held)
                self.safe = held
                if rest:
                    raise StreamEnded("the connection was cut in the middle of a block") from error
                self.position, self.sent, self._ended = position, held, position == self._layout.positions
        self._finish()

    def stop(self) -> None:
        super().stop()
        self.woken.set()

    def _allowed(self) -> int:
        """Where the next request ends: waits until it may carry a block."""
        while True:
            ahead = self._ahead()
            if ahead is None or ahead > self.position or self._ended:
                return self.position + self._count if ahead is None else min(ahead, self.position + self._count)
            if self.stopped.is_set():
                raise StreamEnded("stopped")
            self.woken.wait(HOLD_S)
            self.woken.clear()

    def _paced(self, took: float) -> None:
        if took < PIECE_S / 2:
            self._count = min(2 * self._count, PIECE // self._layout.suite.sealed)
        elif took > PIECE_S * 2:
            self._count = max(self._count // 2, 1)

    def _piece(self, connection: http.client.HTTPConnection, upto: int) -> None:
        """One request, of whole blocks to before `upto`."""
        layout = self._layout
        headers = {"Upload-Offset": str(self.sent), "Content-Type": "application/offset+octet-stream"}
        if layout.positions is None:
            headers["Transfer-Encoding"] = "chunked"
        else:
            upto = min(upto, layout.positions)
            headers["Content-Length"] = str(layout.offset(upto) - layout.offset(self.position))
        try:
            self._request(connection, "PATCH", headers, self._blocks(upto))
        except (BrokenPipeError, ConnectionResetError):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._answered(connection)  # the server may have said why before it hung up
            raise
        self._answered(connection)

    def _blocks(self, upto: int) -> Iterator[memoryview]:
        """Sealed blocks to before `upto`, each in the same buffer; one counts as sent when the next is asked for."""
        buffer = memoryview(bytearray(SEALED_MOST))
        while self.position < upto and not self._ended:
            count = self._seal(self.position, buffer)
            if self._bucket and (wait := self._bucket.spend(count)):
                self._pause(wait)
            yield buffer[:count]
            self._ended = self._layout.ends_with(self.position, count)
            self.position += 1
            self.sent += count
            self.moved_at = time.monotonic()

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        headers: dict[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> None:
        """A body without a length in `headers` goes in chunks."""
        headers = {**self._said, "Authorization": f"Bearer {self._token}", "Tus-Resumable": "1.0.0", **headers}
        path = self._path_of(f"/upload/{self.spool}")
        connection.request(method, path, body, headers, encode_chunked=True)

    def _answered(self, connection: http.client.HTTPConnection) -> None:
        answer = connection.getresponse()
        body = answer.read()
        self._ours(answer)
        status = answer.status
        if status == 204:
            self.trouble = ""
            self.safe = int(answer.headers.get("Upload-Offset", self.sent))
            self.moved_at = self.safe_at = time.monotonic()
            return
        code, words = refusal(status, body)
        if status in (408, 409, 429) or status in AWAY:
            raise http.client.HTTPException(words)
        raise StreamEnded(words, final=status in (401, 403, 413, 507), status=status, code=code)

    def _held(self, error: Exception, delay: float) -> int:
        """What the server holds, bytes; asked until it answers."""
        while True:
            try:
                connection = self._connect()
                self._request(connection, "HEAD", {})
                answer = connection.getresponse()
                answer.read()
                self._ours(answer)
                if answer.status in (200, 204):
                    return int(answer.headers["Upload-Offset"])
                if answer.status in (404, 410, 401, 403):
                    raise StreamEnded("the server has let go of what lay there") from error
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                pass
            self._drop()
            self._pause(delay)
            delay = min(2 * delay, RETRY_MOST_S)

    def _finish(self) -> None:
        """The length of what had none is said."""
        if self._layout.positions is not None:
            return
        connection = self._connection_now()
        headers = {
            "Upload-Offset": str(self.sent),
            "Upload-Length": str(self.sent),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            self._request(connection, "PATCH", headers, b"")
            self._answered(connection)
        except (OSError, http.client.HTTPException) as error:
            raise StreamEnded(why(error)) from error
