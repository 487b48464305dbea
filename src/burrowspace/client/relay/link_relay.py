"""Blocks through the server: a spool that one end writes and the other follows. Relay and store are one thing here.

Two threads with blocking HTTP, as thin as links: `Writer` seals blocks straight into the body of PATCH requests,
`Reader` reads them out of one GET that follows the writer. Which spool, and from which block on, the session says.
Spec: docs/spec/paths.md ("legs"), docs/spec/bytes.md.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from burrowspace.client.limits import Bucket
from burrowspace.client.links.link import Seal, Take
from burrowspace.client.pause import RETRY_MOST_S, RETRY_S
from burrowspace.client.server import trust
from burrowspace.client.server.api import Spool
from burrowspace.client.server.http import AWAY, NO_WARNING, is_page, refusal
from burrowspace.client.server.proxies import proxy_of
from burrowspace.core.layout import Layout
from burrowspace.core.sealing import SEALED_MOST

PIECE = 60 << 20  # bytes of one request at most: tunnels and proxies refuse bodies of 100 MB
FIRST = 4  # blocks of the first request: behind a proxy that keeps each until it is whole, something arrives soon
PIECE_S = 2.0  # that a request takes about: it grows and shrinks with the line
HOLD_S = 0.1  # between two looks whether more may go
CONNECT_S = 10.0
IDLE_S = 120.0  # without a byte: the connection is taken for dead
BUFFER = 1 << 20
SLICE_LEAST = 4096
SLICE = 64 << 10  # bytes after which progress is seen: a slow line has not stalled


class Ended(Exception):
    """Why a segment is over for this end: `final` if trying again cannot help."""

    def __init__(self, why: str, *, final: bool = False, status: int = 0, code: str = "error") -> None:
        super().__init__(why)
        self.final = final
        self.status, self.code = status, code  # of the server's refusal


class RelayStream(threading.Thread):
    """What both have in common: a thread, a connection that can be cut from outside, a report at the end."""

    def __init__(self, origin: str, spool: str, over: Callable[["RelayStream", Ended | None], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.spool = spool
        self.stopped = threading.Event()
        self._origin = urlsplit(origin)
        self._over = over
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Cuts the connection; the thread ends soon and reports nothing."""
        self.stopped.set()
        with self._lock:
            line = self._connection.sock if self._connection else None
            if line is not None:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        ended: Ended | None
        try:
            self._work()
            ended = None
        except Ended as error:
            ended = error
        except Exception as error:  # of seal or take: the session must hear of it
            ended = Ended(f"{type(error).__name__}: {error}", final=True)
            ended.__cause__ = error
        finally:
            self._drop()
        if not self.stopped.is_set():
            self._over(self, ended)

    def _work(self) -> None:
        raise NotImplementedError

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._origin.hostname or "", self._origin.port
        secure = self._origin.scheme == "https"
        proxy = proxy_of(self._origin.scheme, host)
        connection: http.client.HTTPConnection
        if proxy is not None:
            at = (proxy.hostname or "", proxy.port or 3128)
            connection = (
                http.client.HTTPSConnection(*at, timeout=CONNECT_S, context=trust.context())
                if secure
                else http.client.HTTPConnection(*at, timeout=CONNECT_S)
            )
            connection.set_tunnel(host, port or (443 if secure else 80))
        elif secure:
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_S, context=trust.context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_S)
        connection.blocksize = BUFFER
        connection.connect()
        line = connection.sock
        line.settimeout(IDLE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, AttributeError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        with self._lock:
            self._connection = connection
            if self.stopped.is_set():
                raise Ended("stopped")
        return connection

    def _drop(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @staticmethod
    def _ours(answer: http.client.HTTPResponse) -> None:
        """HTTPException: it is the word of a tunnel or a proxy, and the server may be asked again."""
        if is_page(answer.getheader("Content-Type")):
            raise http.client.HTTPException(f"what stands before the server answered {answer.status} with a page")

    def _pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Ended("stopped")


class Writer(RelayStream):
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
        over: Callable[["RelayStream", Ended | None], None],
        bucket: Bucket | None = None,
    ) -> None:
        super().__init__(origin, spool.id, over, "leg-writer")
        self.woken = threading.Event()
        self._ahead = ahead
        self._count = FIRST
        self.first, self.position = first, first
        self.sent = self.safe = 0
        self.blocks = 0
        self.moved_at = time.monotonic()
        self._token, self._layout, self._seal, self._bucket = spool.token, layout, seal, bucket
        self._base = layout.offset(first)
        self._ended = first == layout.positions
        self.safe_at = self.moved_at  # when the server last acknowledged something

    @property
    def safe_position(self) -> int:
        """Blocks before this one are on the server, acknowledged."""
        return self._layout.position_at(self._base + self.safe)[0]

    def _work(self) -> None:
        delay = RETRY_S
        while not self._ended or self.safe < self.sent:
            upto = self._allowed()
            try:
                connection = self._connection or self._connect()
                began = time.monotonic()
                self._piece(connection, upto)
                self._paced(time.monotonic() - began)
                delay = RETRY_S
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if self.stopped.is_set():
                    raise Ended("stopped") from None
                held = self._held(error, delay)
                delay = min(2 * delay, RETRY_MOST_S)
                position, rest = self._layout.position_at(self._base + held)
                self.safe = held
                if rest:
                    raise Ended("the connection was cut in the middle of a block") from error
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
                raise Ended("stopped")
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
        if layout.positions is None:
            size = None
        else:
            upto = min(upto, layout.positions)
            size = layout.offset(upto) - layout.offset(self.position)
        connection.putrequest("PATCH", f"/upload/{self.spool}", skip_accept_encoding=True)
        headers = {
            **NO_WARNING,
            "Authorization": f"Bearer {self._token}",
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(self.sent),
            "Content-Type": "application/offset+octet-stream",
        }
        headers |= {"Transfer-Encoding": "chunked"} if size is None else {"Content-Length": str(size)}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        buffer = memoryview(bytearray(SEALED_MOST))
        try:
            while self.position < upto and not self._ended:
                count = self._seal(self.position, buffer)
                if self._bucket and (wait := self._bucket.spend(count)):
                    self._pause(wait)
                if size is None:
                    connection.send(b"%x\r\n" % count)
                connection.send(buffer[:count])
                if size is None:
                    connection.send(b"\r\n")
                self.position += 1
                self.blocks += 1
                self.sent += count
                self.moved_at = time.monotonic()
                self._ended = self._is_end(count)
            if size is None:
                connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self._refused(connection)
            raise
        self._answered(connection)

    def _is_end(self, count: int) -> bool:
        positions = self._layout.positions
        if positions is not None:
            return self.position == positions
        return self.position > self._layout.manifest_blocks and count < self._layout.suite.sealed

    def _answered(self, connection: http.client.HTTPConnection) -> None:
        answer = connection.getresponse()
        body = answer.read()
        self._ours(answer)
        if answer.status == 204:
            self.safe = int(answer.headers.get("Upload-Offset", self.sent))
            self.moved_at = self.safe_at = time.monotonic()
            return
        self._raise(answer.status, body)

    def _refused(self, connection: http.client.HTTPConnection) -> None:
        """The server may have said why before it hung up."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = connection.getresponse()
            self._ours(answer)
            self._raise(answer.status, answer.read())

    def _raise(self, status: int, body: bytes) -> None:
        code, words = refusal(status, body)
        if status in (408, 409, 429) or status in AWAY:
            raise http.client.HTTPException(words)
        raise Ended(words, final=status in (401, 403, 413, 507), status=status, code=code)

    def _held(self, error: Exception, delay: float) -> int:
        """What the server holds, bytes; asked until it answers."""
        while True:
            try:
                connection = self._connect()
                headers = {**NO_WARNING, "Authorization": f"Bearer {self._token}", "Tus-Resumable": "1.0.0"}
                connection.request("HEAD", f"/upload/{self.spool}", headers=headers)
                answer = connection.getresponse()
                answer.read()
                self._ours(answer)
                if answer.status in (200, 204):
                    return int(answer.headers["Upload-Offset"])
                if answer.status in (404, 410, 401, 403):
                    raise Ended("the server has let go of what lay there") from error
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                pass
            self._drop()
            self._pause(delay)
            delay = min(2 * delay, RETRY_MOST_S)

    def _finish(self) -> None:
        """The length of what had none is said."""
        if self._layout.positions is not None:
            return
        connection = self._connection or self._connect()
        headers = {
            **NO_WARNING,
            "Authorization": f"Bearer {self._token}",
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(self.sent),
            "Upload-Length": str(self.sent),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            connection.request("PATCH", f"/upload/{self.spool}", body=b"", headers=headers)
            self._answered(connection)
        except (OSError, http.client.HTTPException) as error:
            raise Ended(str(error)) from error


class Reader(RelayStream):
    """Follows a spool from `position` on and gives each whole block to `take`, until `upto`, its end or a cut.

    `over(reader, None)`: everything that the segment carries has been taken. `came_at`: when the last block came.
    """

    def __init__(
        self,
        origin: str,
        spool: str,
        layout: Layout,
        first: int,
        position: int,
        take: Take,
        over: Callable[["RelayStream", Ended | None], None],
        upto: int | None = None,
        bucket: Bucket | None = None,
    ) -> None:
        super().__init__(origin, spool, over, "leg-reader")
        self._bucket = bucket
        self.first, self.position, self.upto = first, position, upto
        # The server sends no more than this, even if `upto` grows meanwhile.
        self._asked_upto = upto if upto is None or layout.positions is None else min(upto, layout.positions)
        self.came_at = time.monotonic()
        self.received = 0
        self.blocks = 0
        self._layout, self._take = layout, take
        self._base = layout.offset(first)

    def _work(self) -> None:
        try:
            connection = self._connect()
            self._follow(connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Ended(str(error) or type(error).__name__) from error

    def _follow(self, connection: http.client.HTTPConnection) -> None:
        start = self._layout.offset(self.position) - self._base
        last = "" if self._asked_upto is None else str(self._layout.offset(self._asked_upto) - self._base - 1)
        headers = {**NO_WARNING, "Range": f"bytes={start}-{last}"} if start or last else NO_WARNING
        connection.request("GET", f"/download/{self.spool}?follow=1", headers=headers)
        answer = connection.getresponse()
        self._ours(answer)
        if answer.status not in (200, 206):
            raise Ended(refusal(answer.status, answer.read(4096))[1], final=answer.status in (404, 410, 416))
        skip = start if answer.status == 200 else 0  # a server that knows no ranges here gives all of it
        buffer = memoryview(bytearray(SEALED_MOST))
        while skip:
            got = answer.readinto(buffer[: min(skip, len(buffer))])
            if not got:
                raise Ended("the segment ended before the place to go on")
            skip -= got
        while not self._at_end():
            wanted = self._size()
            got, cut = self._fill(answer, buffer[:wanted])
            if got < wanted and (cut or not got or self._layout.pack_size is not None):
                raise Ended("the segment was cut" if cut or got else "the segment ended before the transfer did")
            self.blocks += 1
            self._take(self.position, buffer[:got])
            self.position += 1
            if (
                self._layout.pack_size is None
                and got < self._layout.suite.sealed
                and self.position > self._layout.manifest_blocks
            ):
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

    def _size(self) -> int:
        size = self._layout.plain_size(self.position)
        return self._layout.suite.sealed if size is None else size + self._layout.suite.overhead
