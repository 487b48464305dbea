"""A thread that carries blocks through a spool of the server by blocking HTTP, as thin as a link.

SpoolWriter and SpoolReader are the two. Which spool, and from which block on, the session says. Spec:
docs/spec/paths.md ("legs"), docs/spec/bytes.md.
"""

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable

from burrowspace.client.server import trust
from burrowspace.client.server.http import NO_WARNING, is_page
from burrowspace.client.server.line import ProxyFailed, open_line, place, proxy_to
from burrowspace.core import proxies
from burrowspace.core.proxies import DENIED, Proxy
from burrowspace.faults import why

HANDSHAKE_S = 10.0
SILENT_S = 8.0  # without a word through a proxy, after which the person is told
IDLE_S = 120.0  # without a byte: the connection is taken for dead
BUFFER = 1 << 20


class StreamEnded(Exception):
    """Why a segment is over for this end: `final` if trying again cannot help."""

    def __init__(self, why: str, *, final: bool = False, status: int = 0, code: str = "error") -> None:
        super().__init__(why)
        self.final = final
        self.status, self.code = status, code  # of the server's refusal


class RelayStream(threading.Thread):
    """What both have in common: a thread, a connection that can be cut from outside, a report at the end."""

    def __init__(
        self, origin: str, spool: str, over: Callable[["RelayStream", StreamEnded | None], None], name: str
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.spool = spool
        self.stopped = threading.Event()
        self.trouble = ""  # why nothing can be carried now, for the person
        self._place = place(origin)
        self._proxy: Proxy | None = None
        self._prefix = ""  # before every path
        self._said = dict(NO_WARNING)  # with every request
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
        ended: StreamEnded | None
        try:
            self._work()
            ended = None
        except StreamEnded as error:
            ended = error
        except Exception as error:  # of seal or take: the session must hear of it
            ended = StreamEnded(f"{type(error).__name__}: {error}", final=True)
            ended.__cause__ = error
        finally:
            self._drop()
        if not self.stopped.is_set():
            self._over(self, ended)

    def _work(self) -> None:
        raise NotImplementedError

    def _connection_now(self) -> http.client.HTTPConnection:
        """The one that is open, or a new one. OSError.

        Where a proxy reads each request, each has its own: tinyproxy, for one, hangs up towards us after one answer but
        still swallows what is sent to it.
        """
        known = self._connection
        if known is not None and known.sock is not None and not self._prefix:
            return known
        self._drop()
        return self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        """OSError; `trouble` says why, too."""
        try:
            connection = self._connected()
        except (OSError, ssl.SSLError) as error:
            self.trouble = why(error)
            raise
        line = connection.sock
        line.settimeout(IDLE_S)
        with contextlib.suppress(OSError, AttributeError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        with self._lock:
            self._connection = connection
            if self.stopped.is_set():
                raise StreamEnded("stopped")
        return connection

    def _connected(self) -> http.client.HTTPConnection:
        at = self._place
        self._proxy = proxy = proxy_to(at)
        line = asyncio.run(open_line(at, proxy, tunnel=True))
        sock = line.sock
        try:
            sock.settimeout(HANDSHAKE_S)
            if at.secure:
                sock = trust.context().wrap_socket(sock, server_hostname=at.host)
        except BaseException:
            sock.close()
            raise
        connection = http.client.HTTPConnection(at.host, at.port, blocksize=BUFFER)
        connection.sock = sock
        connection.auto_open = 0  # a line that broke is made again here
        self._prefix, self._said = line.prefix, {**NO_WARNING, "Host": at.name, **line.headers}
        if line.prefix:
            self._said["Connection"] = "close"
        return connection

    def _path_of(self, path: str) -> str:
        """What stands in the first line of a request for `path`."""
        return f"{self._prefix}{self._place.base}{path}"

    def _drop(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ours(self, answer: http.client.HTTPResponse) -> None:
        """HTTPException, ProxyFailed: it is the word of a tunnel or a proxy, and the server may be asked again."""
        page = is_page(answer.getheader("Content-Type"))
        if self._proxy is not None and self._prefix and (answer.status == 407 or (page and answer.status in DENIED)):
            self.trouble = proxies.refusal(self._proxy, answer.status, self._place.to)
            raise ProxyFailed(self.trouble, final=True)
        if page:
            self.trouble = f"what stands before the server answered {answer.status} with a page"
            raise http.client.HTTPException(self.trouble)

    def _pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise StreamEnded("stopped")
