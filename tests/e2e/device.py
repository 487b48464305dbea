"""A device of the published app, a Node process of its own: commands in, answers and events out."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.served import MiB, Served

_SCRIPT = Path(__file__).with_name("js") / "device.mjs"


class Device:
    """Made by `devices`; see js/device.mjs for what it can do."""

    def __init__(self, server: Served, user: str) -> None:
        self.server, self.user, self.peer = server, user, ""
        self.heard: dict[str, list[Any]] = defaultdict(list)  # what came, by event
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()
        self._news = asyncio.Event()

    async def start(self) -> "Device":
        self._process = await asyncio.create_subprocess_exec(
            "node", str(_SCRIPT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * MiB
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def arrive(
        self, known: str | None = None, *, url: str | None = None, late: bool = False, **options: Any
    ) -> "Device":
        """Becomes a peer and opens its socket, which registers whenever it connects; `late` leaves the socket out."""
        where = {"url": url or self.server.url, "user": self.user, "known": known}
        self.peer = await self.do("arrive", **where, late=late, options=options)
        return self

    def begin(self, what: str, **more: Any) -> "asyncio.Future[Any]":
        """Gives a command; its answer comes in time."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "what": what, **more}).encode() + b"\n")
        return answer

    async def do(self, what: str, *, seconds: float = 60, **more: Any) -> Any:
        """Gives a command and waits for its answer."""
        async with asyncio.timeout(seconds):
            return await self.begin(what, **more)

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.do("call", method=method, path=path, **({} if body is None else {"body": body}))
        assert answer["status"] == expect, answer
        return answer["body"]

    async def ask(self, event: str, data: Any) -> Any:
        return await self.do("ask", event=event, data=data)

    async def emit(self, event: str, data: Any) -> None:
        await self.do("emit", event=event, data=data)

    def said(self, event: str) -> list[Any]:
        return self.heard[event]

    async def hears(self, event: str, times: int = 1, seconds: float = 20, **fields: Any) -> list[Any]:
        """Waits until `event`, with these fields, has come so often; all of them."""

        def found() -> list[Any]:
            said = self.said(event)
            return [data for data in said if all(data.get(k) == v for k, v in fields.items())] if fields else said[:]

        await self.until(lambda: len(found()) >= times, seconds)
        return found()

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Waits until what was heard makes the condition true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if not line.endswith(b"\n"):
                break  # cut by the end of its process
            told = json.loads(line)
            if "event" in told:
                self.heard[told["event"]].append(told["data"])
                self._news.set()
                continue
            answer = self._answers.pop(told["id"])
            if answer.done():
                continue
            if "error" in told:
                answer.set_exception(RuntimeError(told["error"]))
            else:
                answer.set_result(told["value"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RuntimeError("the device's process ended"))


@contextlib.asynccontextmanager
async def devices(server: Served, *users: str) -> AsyncIterator[list[Device]]:
    """Device processes, started but not arrived; gone with the context."""
    made = [Device(server, user) for user in users]
    try:
        await asyncio.gather(*(device.start() for device in made))
        yield made
    finally:
        await asyncio.gather(*(device.close() for device in made))
