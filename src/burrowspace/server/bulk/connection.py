"""A job's connection while it is ours: its socket, what is unread of the body, its answer."""

from __future__ import annotations

import asyncio
import http
import os
import socket
from collections.abc import AsyncIterator

import orjson

from burrowspace.core.errors import BurrowError, Stalled
from burrowspace.core.upload_answers import INTEROP, Answer, refusal_headers
from burrowspace.server.bulk.job import Job, JobFront, MinimumRate
from burrowspace.server.json_answers import JSON, PROBLEM

_READ = 256 * 1024  # bytes read at once where Python must see them


class Connection:
    """Used on the main loop by the task of its job."""

    def __init__(self, front: JobFront, job: Job, length: int, min_rate: int) -> None:
        self.front, self.job = front, job
        self.left = length - len(job.early)  # bytes of the body that are still in the socket
        self.extra: list[tuple[str, str]] = []
        self.sock = socket.socket(fileno=os.dup(front.transport.get_extra_info("socket").fileno()))
        self.sock.setblocking(False)
        self._pace, self._min_rate = MinimumRate(), min_rate  # bytes per second

    def close(self) -> None:
        self.sock.close()

    def early(self) -> bytes:
        early, self.job.early = self.job.early, b""
        return early

    async def read(self, stall_s: float) -> bytes:
        """Some more of the body. ConnectionResetError when there is no more, Stalled when nothing comes."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(stall_s):
                data = await loop.sock_recv(self.sock, min(_READ, self.left))
        except TimeoutError:
            raise Stalled("the body made no progress for too long") from None
        if not data:
            raise ConnectionResetError("the body ended before its length")
        self.left -= len(data)
        if self._pace.is_slow(-self.left, loop.time(), stall_s, self._min_rate):
            raise Stalled("the body came too slowly")
        return data

    async def body(self, stall_s: float, count: int | None = None) -> AsyncIterator[bytes]:
        """The body in pieces, for what the kernel cannot do by itself."""
        if early := self.early():
            yield early
        end = 0 if count is None else self.left - count
        while self.left > end:
            yield await self.read(stall_s)

    # Answering

    def invite(self, promise: dict[str, str] | None) -> None:
        """Interim answers: the body is welcome."""
        if promise is not None:
            self.interim(promise)
        if self.job.expects:
            self.front.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def interim(self, headers: dict[str, str]) -> None:
        """The draft's 104; dropped where the client does not read."""
        if not self.front.transport.is_closing() and not self.front.transport.get_write_buffer_size():
            said = [("upload-draft-interop-version", INTEROP), *headers.items()]
            self.front.transport.write(_head(104, "Upload Resumption Supported", said))

    def head(self, status: int, headers: dict[str, str]) -> bytes:
        said = [*headers.items(), *self.extra]
        if not self.job.keep_alive:
            said.append(("connection", "close"))
        return _head(status, _phrase(status), said)

    def answer(self, answer: Answer) -> None:
        self.reply(answer.status, answer.headers, answer.body)

    def refuse(self, error: BurrowError) -> None:
        headers = refusal_headers(error)
        if "type" in error.fields:
            headers["content-type"] = PROBLEM
        self.reply(error.status, headers, error.body())

    def reply(self, status: int, headers: dict[str, str], body: dict[str, object] | None) -> None:
        if self.front.transport.is_closing():
            return
        clean = not self.left
        self.job.keep_alive = self.job.keep_alive and clean
        content = b"" if body is None else orjson.dumps(body)
        said = dict(headers)
        if body is not None:
            said = {"content-type": JSON, **said}
        if status != 204:
            said["content-length"] = str(len(content))
        self.front.transport.write(self.head(status, said) + content)
        self.front.go_on(clean=clean)

    def hand_back(self) -> None:
        self.front.hand_back()


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _head(status: int, phrase: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")
