"""HTTP/1.1 as the control calls need it: small requests, small answers, kept connections, long polls that are dropped.

Its own, for the usual library takes as long to import as a small transfer takes in all. Whatever goes wrong below is an
OSError here. Connections, through a proxy or not, are line.py's. Blocks go by relay/.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from burrowspace.client.server import trust
from burrowspace.client.server.line import HAPPY_EYEBALLS_S, Place, ProxyFailed, open_line, place, proxy_to
from burrowspace.core import proxies
from burrowspace.core.proxies import DENIED, Proxy

HEAD_MOST = 64 << 10  # bytes of an answer's head
BODY_MOST = 64 << 20  # bytes of an answer
IDLE_MOST = 16  # connections kept for the next call
IDLE_S = 10.0  # that a connection is kept without a call: tunnels close theirs, and a call that meets that is lost
# ngrok shows a page of its own in front of ours until it is told that this is no person looking at a site
NO_WARNING = {"ngrok-skip-browser-warning": "1"}
# What a tunnel or a proxy says that did not reach the server; the last ones are Cloudflare's
AWAY = {502, 503, 504, *range(520, 531)}


class BadAnswer(ConnectionError):
    """What came is no HTTP, or more than anybody asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """ValueError: it is none."""
        return parsed(self.body)


@dataclass(slots=True, eq=False)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    prefix: str = ""  # before every path: a proxy is told the whole address
    further: str = ""  # head lines for a proxy
    proxy: Proxy | None = None  # that carries it
    since: float = 0.0  # when it had nothing more to do

    @property
    def usable(self) -> bool:
        fresh = time.monotonic() - self.since < IDLE_S
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()

    def head(self, method: str, target: str, said: dict[str, str]) -> bytes:
        """Of a request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        return f"{method} {self.prefix}{target} HTTP/1.1\r\n{lines}{self.further}\r\n".encode("latin-1")


@dataclass(slots=True, eq=False)
class Exchange:
    """One call on a connection of its own, whose body and answer the caller moves. Close it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers, by lower-case name. OSError, EOFError, asyncio.LimitOverrunError."""
        return await _head(self.reader)

    async def body(self, headers: dict[str, str]) -> bytes:
        """All of it. OSError, EOFError: it breaks off."""
        return b"".join([piece async for piece in self.pieces(headers)])

    async def pieces(self, headers: dict[str, str], most: int = BODY_MOST) -> AsyncIterator[bytes]:
        """The body as it comes, at most 64 KiB at a time. OSError, EOFError: it breaks off. `most`: bytes of it."""
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        left = 0 if chunked else _size(headers.get("content-length", str(most)), 10, most)
        while True:
            if chunked and not left:
                line = await self.reader.readuntil(b"\r\n")
                left = _size(line.partition(b";")[0].decode("latin-1").strip(), 16)
            if not left:
                return
            piece = await self.reader.read(min(left, HEAD_MOST))
            if not piece:
                if chunked or "content-length" in headers:
                    raise EOFError
                return
            yield piece
            left -= len(piece)
            if chunked and not left:
                await self.reader.readexactly(2)

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class Http:
    """All calls to one origin, or to what is below a path of it. ValueError: it is no address."""

    origin: str
    seconds: float  # for a whole call, where the call does not say
    peer: tuple[Any, ...] | None = None  # who answered last: the server's address, or a proxy's
    _idle: list[_Line] = field(default_factory=list)
    _place: Place = field(init=False)
    _way: Place = field(init=False)  # whose proxy is used

    def __post_init__(self) -> None:
        self._place = self._way = place(self.origin)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: Any = None,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """One call. OSError (TimeoutError and ProxyFailed among them): no answer came."""
        said = {"host": self._place.name, "accept": "*/*", **NO_WARNING, **(headers or {})}
        if json is not None:
            content, said["content-type"] = _json(json), "application/json"
        if content or method in ("POST", "PUT", "PATCH"):
            said["content-length"] = str(len(content))
        target = self._place.base + path + ("?" + urlencode(params) if params else "")
        async with self._in_time(self.seconds if seconds is None else seconds) as proxy:
            line = self._kept() or await self._connect(proxy)
            self.peer = line.writer.get_extra_info("peername") or self.peer
            answer, stays = await self._exchange(line, method, target, said, content)
        # tinyproxy hangs up after an answer without having said so; a call on that line would be lost
        if stays and not line.prefix and len(self._idle) < IDLE_MOST:
            line.since = time.monotonic()
            self._idle.append(line)
        else:
            line.writer.close()
        return answer

    @contextlib.asynccontextmanager
    async def _in_time(self, seconds: float) -> AsyncIterator[Proxy | None]:
        """The proxy on the way, if any. TimeoutError; through a proxy, a ProxyFailed that names it."""
        proxy = proxy_to(self._way)
        try:
            async with asyncio.timeout(seconds):
                yield proxy
        except TimeoutError:
            if proxy is None:
                raise
            raise ProxyFailed(proxies.no_answer(proxy)) from None

    async def _exchange(
        self, line: _Line, method: str, target: str, said: dict[str, str], content: bytes
    ) -> tuple[Answer, bool]:
        """The answer on this line, and whether it can be used again."""
        try:
            line.writer.write(line.head(method, target, said) + content)
            await line.writer.drain()
            answer, stays = await _answer(line.reader, method)
            if line.proxy is not None and line.prefix and _is_of_proxy(answer):
                status = answer.status
                raise ProxyFailed(proxies.refusal(line.proxy, status, self._place.to), final=status not in AWAY)
        except (EOFError, asyncio.LimitOverrunError) as error:
            line.writer.close()
            if line.proxy is not None and line.prefix and not getattr(error, "partial", True):
                raise ProxyFailed(proxies.cut(line.proxy)) from error
            raise BadAnswer("the connection ended in the middle of an answer") from error
        except BaseException as error:
            line.writer.close()  # of a call that was cancelled, too: its answer would be the next one's
            if isinstance(error, ConnectionResetError | BrokenPipeError) and line.proxy is not None and line.prefix:
                raise ProxyFailed(proxies.cut(line.proxy)) from error
            raise
        return answer, stays

    async def begin(self, method: str, path: str, headers: dict[str, str], *, tunnel: bool = False) -> Exchange:
        """Sends the head of a call. OSError: there is no connection. `tunnel`: what follows may be no HTTP."""
        async with self._in_time(self.seconds) as proxy:
            line = await self._connect(proxy, tunnel=tunnel)
        line.writer.write(line.head(method, self._place.base + path, {"host": self._place.name, **headers}))
        return Exchange(line.reader, line.writer)

    async def close(self) -> None:
        for line in self._idle:
            line.writer.close()
        self._idle.clear()
        await asyncio.sleep(0)

    def _kept(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line
            line.writer.close()
        return None

    async def _connect(self, proxy: Proxy | None, *, tunnel: bool = False) -> _Line:
        at = self._place
        tls = trust.context() if at.secure else None
        try:
            if proxy is None:
                return _Line(
                    *await asyncio.open_connection(
                        at.host, at.port, ssl=tls, happy_eyeballs_delay=HAPPY_EYEBALLS_S, limit=HEAD_MOST
                    )
                )
            line = await open_line(at, proxy, tunnel=tunnel)
            further = "".join(f"{name}: {value}\r\n" for name, value in line.headers.items())
            both = await asyncio.open_connection(
                sock=line.sock, ssl=tls, server_hostname=at.host if at.secure else None, limit=HEAD_MOST
            )
            return _Line(*both, line.prefix, further, proxy)
        except ssl.SSLCertVerificationError as error:
            offered = await authority_of(self.origin) if error.verify_code in trust.NO_AUTHORITY else None
            raise trust.untrusted(error, self.origin, offered) from error


async def authority_of(origin: str) -> str | None:
    """The fingerprint of the authority that a server with https offers over plain HTTP, on the same port and by the
    same proxy: it proves nothing, a person compares it. ValueError: the origin is none."""
    at = place(origin)
    name = at.name if at.name.endswith(f":{at.port}") else f"{at.name}:{at.port}"
    plain, found = Http(origin, trust.LOOK_S), bytearray()
    plain._place = replace(at, secure=False, name=name, base="")
    with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
        exchange = await plain.begin("GET", "/ca.crt", {"connection": "close"}, tunnel=True)
        try:
            async with asyncio.timeout(trust.LOOK_S):
                status, headers = await exchange.head()
                if status == 200 and headers.get("content-type") == "application/x-x509-ca-cert":
                    async for piece in exchange.pieces(headers, trust.CA_MOST):
                        found += piece
                        if len(found) > trust.CA_MOST:
                            return None
                    return hashlib.sha256(found).digest().hex(":").upper()
        finally:
            exchange.close()
    return None


def is_page(kind: str | None) -> bool:
    """Whether an answer of this Content-Type is a page for people: of a tunnel or a proxy, never of a server of ours.

    >>> is_page("text/html; charset=utf-8"), is_page("application/json"), is_page(None)
    (True, False, False)
    """
    return (kind or "").partition(";")[0].strip().lower() == "text/html"


def _is_of_proxy(answer: Answer) -> bool:
    """Whether a proxy, and not the server behind it, said no."""
    if answer.status == 407:
        return True
    return (answer.status in DENIED or answer.status in AWAY) and is_page(answer.headers.get("content-type"))


def refusal(status: int, body: bytes) -> tuple[str, str]:
    """The code and the sentence of a refusal; a server, or what stands before it, may have sent none."""
    try:
        said = parsed(body)
        return str(said["code"])[:64], str(said["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return "error", f"the server answered {status}"


def parsed(body: bytes | str) -> Any:
    """The JSON of an answer. ValueError for anything else, and for what is nested too deep to be read."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status and the headers; `connection` is there for HTTP/1.0, where it closes unless it says otherwise."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not re.fullmatch("[0-9]{3}", status):
        raise BadAnswer("what answers there speaks no HTTP")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.lower()] = value.strip()
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return int(status), headers


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again."""
    status, headers = await _head(reader)
    while 100 <= status < 200:
        status, headers = await _head(reader)
    stays = not re.search(r"\bclose\b", headers.get("connection", ""), re.IGNORECASE)
    if method == "HEAD" or status in (204, 304):
        return Answer(status, headers, b""), stays
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status, headers, await _chunks(reader)), stays
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(_size(headers["content-length"], 10))), stays
    body = bytearray()
    while piece := await reader.read(HEAD_MOST):
        body += piece
        if len(body) > BODY_MOST:
            raise BadAnswer("the answer is longer than any should be")
    return Answer(status, headers, bytes(body)), False


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := _size((await reader.readuntil(b"\r\n")).partition(b";")[0].decode("latin-1").strip(), 16):
        if len(body) + size > BODY_MOST:
            raise BadAnswer("the answer is longer than any should be")
        body += (await reader.readexactly(size + 2))[:size]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)


def _size(written: str, base: int, most: int = BODY_MOST) -> int:
    with contextlib.suppress(ValueError):
        size = int(written, base)
        if 0 <= size <= most:
            return size
    raise BadAnswer("the answer does not say how long it is, or is longer than any should be")
