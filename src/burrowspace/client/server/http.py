"""HTTP/1.1 as the control calls need it: small requests, small answers, kept connections, long polls that are dropped.

Its own, for the usual library takes as long to import as a small transfer takes in all. Whatever goes wrong below is an
OSError here. Proxies are those of the environment. Bulk goes by relay/.
"""

import asyncio
import base64
import contextlib
import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from burrowspace.client.server import trust
from burrowspace.client.server.proxies import proxy_of

HEAD_MOST = 64 << 10  # bytes of an answer's head
BODY_MOST = 64 << 20  # bytes of an answer
IDLE_MOST = 16  # connections kept for the next call
HAPPY_EYEBALLS_S = 0.25  # after which the next address of a host is tried as well
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
    since: float = 0.0  # when it had nothing more to do

    @property
    def usable(self) -> bool:
        fresh = time.monotonic() - self.since < IDLE_S
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()


@dataclass(slots=True, eq=False)
class Exchange:
    """One call on a connection of its own, whose body and answer the caller moves. Close it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers, by lower-case name. OSError, EOFError, asyncio.LimitOverrunError."""
        return await _head(self.reader)

    async def pieces(self, headers: dict[str, str]) -> AsyncIterator[bytes]:
        """The body as it comes, at most 64 KiB at a time. OSError, EOFError: it breaks off."""
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        left = 0 if chunked else _size(headers.get("content-length", str(BODY_MOST)), 10)
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
    """All calls to one origin. ValueError: it is no address."""

    origin: str
    seconds: float  # for a whole call, where the call does not say
    peer: tuple[Any, ...] | None = None  # who answered last: the server's address, or a proxy's
    _idle: list[_Line] = field(default_factory=list)
    _parts: SplitResult = field(init=False)

    def __post_init__(self) -> None:
        self._parts = parts = urlsplit(self.origin)
        parts.port  # noqa: B018  (ValueError: it is none)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.origin} is no address of a server")

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
        """One call. OSError (TimeoutError among them): no answer came."""
        said = {"host": self._host(), "accept": "*/*", **NO_WARNING, **(headers or {})}
        if json is not None:
            content, said["content-type"] = _json(json), "application/json"
        if content or method in ("POST", "PUT", "PATCH"):
            said["content-length"] = str(len(content))
        target = path + ("?" + urlencode(params) if params else "")
        async with asyncio.timeout(self.seconds if seconds is None else seconds):
            line = self._kept() or await self._connect()
            self.peer = line.writer.get_extra_info("peername") or self.peer
            try:
                head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
                line.writer.write(
                    f"{method} {line.prefix}{target} HTTP/1.1\r\n{head}{line.further}\r\n".encode("latin-1") + content
                )
                await line.writer.drain()
                answer, stays = await _answer(line.reader, method)
            except (EOFError, asyncio.LimitOverrunError) as error:
                line.writer.close()
                raise BadAnswer("the connection ended in the middle of an answer") from error
            except BaseException:
                line.writer.close()  # of a call that was cancelled, too: its answer would be the next one's
                raise
        if stays and len(self._idle) < IDLE_MOST:
            line.since = time.monotonic()
            self._idle.append(line)
        else:
            line.writer.close()
        return answer

    async def begin(self, method: str, path: str, headers: dict[str, str]) -> Exchange:
        """Sends the head of a call. OSError: there is no connection."""
        async with asyncio.timeout(self.seconds):
            line = await self._connect()
        head = "".join(f"{name}: {value}\r\n" for name, value in {"host": self._host(), **headers}.items())
        line.writer.write(f"{method} {line.prefix}{path} HTTP/1.1\r\n{head}{line.further}\r\n".encode("latin-1"))
        return Exchange(line.reader, line.writer)

    async def close(self) -> None:
        for line in self._idle:
            line.writer.close()
        self._idle.clear()
        await asyncio.sleep(0)

    def _host(self) -> str:
        parts = self._parts
        host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else parts.hostname
        shown = f"[{host}]" if ":" in (host or "") else str(host)
        return shown if parts.port is None else f"{shown}:{parts.port}"

    def _kept(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                return line
            line.writer.close()
        return None

    async def _connect(self) -> _Line:
        parts = self._parts
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        proxy = proxy_of(parts.scheme, host)
        try:
            if proxy is not None:
                return await self._through(proxy, host, port, secure)
            tls = trust.context() if secure else None
            return _Line(
                *await asyncio.open_connection(
                    host, port, ssl=tls, happy_eyeballs_delay=HAPPY_EYEBALLS_S, limit=HEAD_MOST
                )
            )
        except ssl.SSLCertVerificationError as error:
            raise await asyncio.to_thread(trust.untrusted, error, self.origin) from error

    async def _through(self, proxy: SplitResult, host: str, port: int, secure: bool) -> _Line:
        """A proxy is asked for a tunnel to a secure server, and for each answer of any other."""
        if proxy.scheme != "http" or not proxy.hostname:
            raise ConnectionError(f"a proxy of the kind {proxy.scheme} is not supported")
        reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 3128, limit=HEAD_MOST)
        user = ""
        if proxy.username:
            known = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
            user = f"proxy-authorization: Basic {base64.b64encode(known).decode()}\r\n"
        if not secure:
            return _Line(reader, writer, f"http://{self._host()}", user)
        try:
            name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            writer.write(f"CONNECT {name} HTTP/1.1\r\nhost: {name}\r\n{user}\r\n".encode("latin-1"))
            status, _ = await _head(reader)
            if status != 200:
                raise ConnectionError(f"the proxy answered {status}")
            await writer.start_tls(trust.context(), server_hostname=host)
        except BaseException:
            writer.close()
            raise
        return _Line(reader, writer)


def is_page(kind: str | None) -> bool:
    """Whether an answer of this Content-Type is a page for people: of a tunnel or a proxy, never of a server of ours.

    >>> is_page("text/html; charset=utf-8"), is_page("application/json"), is_page(None)
    (True, False, False)
    """
    return (kind or "").partition(";")[0].strip().lower() == "text/html"


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


def _size(written: str, base: int) -> int:
    with contextlib.suppress(ValueError):
        size = int(written, base)
        if 0 <= size <= BODY_MOST:
            return size
    raise BadAnswer("the answer does not say how long it is, or is longer than any should be")
