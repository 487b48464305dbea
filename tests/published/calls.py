"""How the app calls: the requests of Dart's `http` on `dart:io`, and how those read an answer.

Written from what goes over the wire, on raw sockets. Header names are in lower case and in the order in which they
are sent; a form has the app's boundary, its encoded names and its untouched UTF-8.
"""

import asyncio
import contextlib
import gzip
import json
import random
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, NamedTuple

AGENT = "Dart/3.5 (dart:io)"
BOUNDARY = 70  # characters, always
_BOUNDARY_CHARACTERS = "+_-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PIECE = 64 * 1024  # bytes that a file is read and sent by
_CHARSETS = {"utf-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1"}


class Answer(NamedTuple):
    """A status, headers with repeated ones joined by a comma, and the body without its content encoding."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """As the app decodes it: by the charset of the content type, and as Latin-1 where it names none."""
        found = re.search(r';\s*charset="?([^";\s]+)', self.headers.get("content-type", ""), re.IGNORECASE)
        return self.body.decode(_CHARSETS.get(found[1].lower(), "latin-1") if found else "latin-1")

    def json(self) -> Any:
        return json.loads(self.text)


class Broken(Exception):
    """The connection ended before an answer was whole: the app sees an exception and no status."""


class Calls:
    """The app's HTTP client for one server. Idle connections are used again, as `dart:io` does for 15 s."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", trusts: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self._trusts = host, port, trusts
        self._idle: list[Connection] = []
        self._random = random.Random(port)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._call("GET", path, {}, headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """A call with a JSON body, or with none at all."""
        if body is None:
            return await self._call("POST", path, {}, headers)
        said = {"content-type": "application/json; charset=utf-8"}
        return await self._call("POST", path, said, headers, to_json(body))

    async def _call(
        self, method: str, path: str, said: dict[str, str], more: dict[str, str], body: bytes = b""
    ) -> Answer:
        connection = await self.connection()
        try:
            extra = {name.replace("_", "-"): value for name, value in more.items()}
            await connection.send(self.head(method, path, said, len(body), extra) + body)
            answer = await connection.answer()
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def upload(self, path: str, filename: str, data: bytes, **fields: str) -> Answer:
        """A file in the field `file`, with text fields before it."""
        sending = await self.begin_upload(path, filename, len(data), **fields)
        try:
            await sending.send(data)
            return await sending.answer()
        finally:
            sending.close()

    async def begin_upload(self, path: str, filename: str, size: int, **fields: str) -> "Upload":
        """The head of a form has been sent; its file comes when the test says so."""
        boundary = self._boundary()
        before = [field(boundary, name, value) for name, value in fields.items()]
        before.append(file_head(boundary, "file", filename))
        after = f"\r\n--{boundary}--\r\n".encode()
        length = sum(map(len, before)) + size + len(after)
        connection = await self.connection()
        said = {"content-type": f"multipart/form-data; boundary={boundary}"}
        await connection.send(self.head("POST", path, said, length, {}))
        for piece in before:
            await connection.send(piece)
        return Upload(connection, size, after)

    def head(self, method: str, path: str, said: dict[str, str], length: int, more: dict[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"user-agent: {AGENT}"]
        lines += [f"{name}: {value}" for name, value in (said | more).items()]
        lines += ["accept-encoding: gzip", f"content-length: {length}", f"host: {self.host}:{self.port}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def connection(self) -> "Connection":
        while self._idle:
            held = self._idle.pop()
            if held.alive:
                return held
        return Connection(*await asyncio.open_connection(self.host, self.port, ssl=self._trusts))

    def _boundary(self) -> str:
        begin = "dart-http-boundary-"
        return begin + "".join(self._random.choices(_BOUNDARY_CHARACTERS, k=BOUNDARY - len(begin)))

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class Connection:
    """One connection: what is sent, and the answers that come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.reusable = True

    @property
    def alive(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise Broken from error

    async def answer(self, seconds: float = 30) -> Answer:
        """The next answer. Broken where the connection ends before."""
        try:
            async with asyncio.timeout(seconds):
                return await self._read()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Broken from error

    async def _read(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status, headers = int(head[0].split(" ", 2)[1]), dict[str, str]()
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join([piece async for piece in self._chunks()])
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        else:
            body = b"" if status == 204 else await self.reader.read()
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.reusable = headers.get("connection", "").lower() != "close"
        return Answer(status, headers, body)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            yield await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()

    def close(self) -> None:
        self.writer.transport.abort()


class Upload:
    """A form whose file is on its way. The app sends it all and then reads the answer."""

    def __init__(self, connection: Connection, size: int, after: bytes) -> None:
        self.connection, self.left, self._after = connection, size, after

    async def send(self, data: bytes) -> None:
        """Some of the file; the form ends by itself behind its last byte."""
        for start in range(0, len(data), _PIECE):
            await self.connection.send(data[start : start + _PIECE])
        self.left -= len(data)
        assert self.left >= 0
        if self.left == 0:
            await self.connection.send(self._after)

    async def answer(self, seconds: float = 30) -> Answer:
        return await self.connection.answer(seconds)

    def close(self) -> None:
        self.connection.close()


def to_json(value: Any) -> bytes:
    """No spaces, characters beyond ASCII as they are, and UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def encoded(name: str) -> str:
    """A name in a form: line breaks and quotes are escaped, and nothing else, not even `%` or a backslash."""
    return re.sub(r"\r\n|\r|\n", "%0D%0A", name).replace('"', "%22")


def field(boundary: str, name: str, value: str) -> bytes:
    said = f'content-disposition: form-data; name="{encoded(name)}"'
    if not value.isascii() or not value:
        said += "\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary"
    return f"--{boundary}\r\n{said}\r\n\r\n{value}\r\n".encode()


def file_head(boundary: str, name: str, filename: str) -> bytes:
    said = "content-type: application/octet-stream\r\n"
    said += f'content-disposition: form-data; name="{encoded(name)}"; filename="{encoded(filename)}"'
    return f"--{boundary}\r\n{said}\r\n\r\n".encode()


async def twice(handler: Callable[[], Awaitable[Answer]]) -> list[Answer]:
    """A handler that the app has registered twice: both run at once."""
    return list(await asyncio.gather(handler(), handler()))


@contextlib.asynccontextmanager
async def calls(port: int, **more: Any) -> AsyncIterator[Calls]:
    made = Calls(port, **more)
    try:
        yield made
    finally:
        made.close()


def statuses(answers: Iterable[Answer]) -> list[int]:
    return [answer.status for answer in answers]
