"""A connection to a server, direct or through a proxy: a plain socket, whoever speaks on it and whatever.

The control calls (http.py) and the blocks (relay/) both begin here, so they go the same way. TLS with the server is for
the caller. Which proxy: proxies.py. What its answers mean: core/proxies.py.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from burrowspace.client.server import trust
from burrowspace.client.server.proxies import proxy_of
from burrowspace.core import proxies
from burrowspace.core.proxies import BadProxy, Kind, Proxy
from burrowspace.faults import why

HAPPY_EYEBALLS_S = 0.25  # after which the next address of a host is tried as well
DIRECT_S = 10.0  # for a connection without a proxy
PROXY_S = 8.0  # for everything through a proxy, until the server can be spoken to
TUNNEL_S = 4.0  # for a tunnel, where there is another way without one
HEAD_MOST = 16 << 10  # bytes of a proxy's answer

_no_tunnel: set[tuple[str, str, int]] = set()  # (proxy, host, port): this proxy makes no tunnel to there


class ProxyFailed(ConnectionError):
    """The proxy did not lead to the server; the text says why and what to do. `final`: trying again cannot help."""

    def __init__(self, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class NoTunnel(ProxyFailed):
    """The proxy is there and makes no tunnel: it said no, nothing, or hung up."""


@dataclass(slots=True)
class Line:
    """A connected, non-blocking socket. Where an HTTP proxy reads each request, `prefix` stands before every path and
    `headers` go with every request."""

    sock: socket.socket
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is: `host` as it is connected to, `name` as HTTP writes it, with the port."""

    secure: bool
    host: str
    port: int
    name: str
    base: str  # before every path, where the server is reached below one

    @property
    def to(self) -> str:
        """What a proxy is asked for.

        >>> place("https://[fd00::1]").to
        '[fd00::1]:443'
        """
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place(origin: str) -> Place:
    """ValueError: the origin is none.

    >>> place("http://[fe80::1%25eth0]:5000")
    Place(secure=False, host='fe80::1%eth0', port=5000, name='[fe80::1]:5000', base='')
    """
    parts: SplitResult = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{origin} is no address of a server")
    secure, port = parts.scheme == "https", parts.port
    host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    host = host.replace("%25", "%", 1)
    name = f"[{host.partition('%')[0]}]" if ":" in host else host  # a zone means nothing to the other end
    name = name if port is None else f"{name}:{port}"
    return Place(secure, host, port or (443 if secure else 80), name, parts.path.rstrip("/"))


def proxy_to(at: Place) -> Proxy | None:
    """The proxy on the way, if any. ProxyFailed: it is named in a way that cannot be read."""
    try:
        return proxy_of("https" if at.secure else "http", at.host, at.port)
    except BadProxy as error:
        raise ProxyFailed(str(error), final=True) from None


async def open_line(at: Place, proxy: Proxy | None, *, tunnel: bool) -> Line:
    """A line to a server. OSError, ProxyFailed among them. `tunnel`: through an HTTP proxy, a tunnel is preferred even
    where the server speaks plain HTTP: what comes by it is not held back, and anything can be spoken."""
    if proxy is None:
        async with asyncio.timeout(DIRECT_S):
            return Line(await _tcp(at.host, at.port))
    if not proxy.is_http:
        return Line(await _socks(proxy, at))
    known = (proxy.address, at.host, at.port)
    if at.secure:
        return Line(await _tunnel(proxy, at, PROXY_S))
    if tunnel and known not in _no_tunnel:
        try:
            return Line(await _tunnel(proxy, at, TUNNEL_S))
        except NoTunnel:
            _no_tunnel.add(known)
    try:
        async with asyncio.timeout(TUNNEL_S):
            return Line(await _to_proxy(proxy), f"http://{at.name}", proxy.authorization)
    except TimeoutError:
        raise ProxyFailed(proxies.silent(proxy)) from None


async def _tunnel(proxy: Proxy, at: Place, seconds: float) -> socket.socket:
    """By CONNECT (RFC 9110, section 9.3.6)."""
    to = at.to
    asked = {"host": to, **proxy.authorization}
    head = f"CONNECT {to} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in asked.items()) + "\r\n"
    line: socket.socket | None = None
    try:
        async with asyncio.timeout(seconds):
            line = await _to_proxy(proxy)
            await asyncio.get_running_loop().sock_sendall(line, head.encode("latin-1"))
            status = await _status(line, proxy)
            if status in (401, 407):
                raise ProxyFailed(proxies.login(proxy), final=True)
            if not 200 <= status < 300:
                raise NoTunnel(proxies.refusal(proxy, status, to), final=status < 500)
            return line
    except BaseException as error:
        if line is not None:
            line.close()
        if isinstance(error, TimeoutError):
            raise (ProxyFailed if line is None else NoTunnel)(proxies.silent(proxy)) from None
        raise


async def _status(line: socket.socket, proxy: Proxy) -> int:
    """Of the head of an answer; what the server says behind it is not read: over a tunnel, the client speaks first."""
    loop, head = asyncio.get_running_loop(), bytearray()
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        try:
            piece = await loop.sock_recv(line, 4096)
        except ConnectionError:
            piece = b""
        if not piece:
            raise NoTunnel(proxies.cut(proxy) if not head else proxies.strange(proxy))
        head += piece
        if len(head) > HEAD_MOST:
            raise NoTunnel(proxies.strange(proxy), final=True)
    import http.client  # late: only who has a proxy pays for it

    answer = http.client.HTTPResponse(cast(Any, _Heard(head)), method="CONNECT")
    try:
        answer.begin()
    except (http.client.HTTPException, ValueError):
        raise NoTunnel(proxies.strange(proxy), final=True) from None
    return answer.status


class _Heard:
    """What the parser of the standard library takes for a socket."""

    def __init__(self, head: bytes | bytearray) -> None:
        self._head = bytes(head)

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._head)


async def _socks(proxy: Proxy, at: Place) -> socket.socket:
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
    from python_socks.async_.asyncio import Proxy as Socks

    through = Socks(
        ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        proxy.user or None,
        proxy.password or None,
        rdns=proxy.kind is Kind.SOCKS5H,
    )
    try:
        return await through.connect(at.host, at.port, timeout=PROXY_S)
    except ProxyTimeoutError:
        raise ProxyFailed(proxies.silent(proxy)) from None
    except ProxyConnectionError as error:
        raise ProxyFailed(proxies.unreachable(proxy, why(error.__cause__ or error))) from None
    except ProxyError as error:
        if error.error_code is not None:
            raise ProxyFailed(proxies.socks_refusal(proxy, error.error_code, at.to)) from None
        if "IncompleteRead" in type(error.__cause__).__name__:
            raise ProxyFailed(proxies.cut(proxy)) from None
        raise ProxyFailed(f"{proxies.login(proxy)} ({error})", final=True) from None
    except UnicodeEncodeError:
        raise ProxyFailed(f"the user or the password in {proxy.named_by} is not ASCII", final=True) from None
    except socket.gaierror:
        other = "write socks5h:// instead of socks5:// to let the proxy look it up"
        raise ProxyFailed(f"this machine cannot look up {at.host}; {other}") from None
    except ConnectionError:
        raise ProxyFailed(proxies.cut(proxy)) from None


async def _to_proxy(proxy: Proxy) -> socket.socket:
    """The proxy itself, by TLS where it wants that."""
    try:
        line = await _tcp(proxy.host, proxy.port)
    except OSError as error:
        raise ProxyFailed(proxies.unreachable(proxy, why(error))) from None
    if proxy.kind is Kind.HTTP:
        return line
    from burrowspace.client.server.tls_pipe import tls_pipe

    try:
        return await tls_pipe(line, trust.context(), proxy.host)
    except OSError as error:  # ssl.SSLError is one
        raise ProxyFailed(proxies.unreachable(proxy, why(error)), final=True) from None


async def _tcp(host: str, port: int) -> socket.socket:
    """By whichever address of the host answers first."""
    from aiohappyeyeballs import start_connection

    loop = asyncio.get_running_loop()
    known = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    line: socket.socket = await start_connection(known, happy_eyeballs_delay=HAPPY_EYEBALLS_S, interleave=1, loop=loop)
    with contextlib.suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
