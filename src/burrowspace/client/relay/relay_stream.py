"""A thread that carries blocks through a spool of the server by blocking HTTP, as thin as a link.

SpoolWriter and SpoolReader are the two. Which spool, and from which block on, the session says. Spec:
docs/spec/paths.md ("legs"), docs/spec/bytes.md.
"""

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from burrowspace.client.server import trust
from burrowspace.client.server.http import is_page
from burrowspace.client.server.proxies import proxy_of

CONNECT_S = 10.0
IDLE_S = 120.0  # without a byte: the connection is taken for dead
BUFFER = 1 << 20


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
