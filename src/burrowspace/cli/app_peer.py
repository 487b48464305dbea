"""A device as the published app is one: HTTP calls, and the events of a socket by long polls. Nothing here is sealed.

Only what the two plain commands need of docs/spec/http.md, events.md and realtime.md: one socket, default namespace,
no attachments. Errors of httpx stop here.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import httpx

from burrowspace.client.errors import Missing, Refused, Unreachable
from burrowspace.client.server.http import NO_WARNING, parsed
from burrowspace.client.server.trust import context

_BEAT_S = 20.0  # between two heartbeats
_POLL_S = 60.0  # that a poll may last: above the server's ping interval
_RETRY_S = 1.0
_SEPARATOR = "\x1e"


class AppPeer:
    """`async with AppPeer(server, user) as peer`: connected and heard by the server; `news` is what it tells."""

    def __init__(self, server: str, user: str) -> None:
        self.user, self.peer = user, ""
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        wait = httpx.Timeout(30, read=300)
        self.http = httpx.AsyncClient(base_url=server, timeout=wait, headers=NO_WARNING, verify=context())
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []
        self._registered = asyncio.Event()

    async def __aenter__(self) -> "AppPeer":
        self.peer = str((await self.call("POST", "/connect", {"user_id": self.user}))["peer_id"])
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]
        await self._registered.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Unreachable, Refused):
            async with asyncio.timeout(3):
                await self.call("POST", f"/disconnect/{self.peer}")
        await self.http.aclose()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        """The JSON of a good answer. Unreachable, Refused."""
        if body is not None:
            how["json"] = body
        try:
            answer = await self.http.request(method, path, **how)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._server} cannot be reached: {str(error) or type(error).__name__}") from error
        return await good(answer)

    async def hear(self, *names: str) -> tuple[str, dict[str, Any]]:
        """The next event of these names; others are dropped."""
        while True:
            name, data = await self.news.get()
            if name in names:
                return name, data

    async def _listen(self) -> None:
        """One socket after another: what is not heard on one comes on the next."""
        while True:
            try:
                async for name, data in self._socket():
                    self.news.put_nowait((name, data))
            except (httpx.HTTPError, ValueError, LookupError, TypeError):  # or what came is not what a server says
                pass
            await asyncio.sleep(_RETRY_S)

    async def _socket(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        known: dict[str, Any] = {"EIO": 4, "transport": "polling"}
        opened = await self.http.get("/socket.io/", params=known)
        known["sid"] = parsed(opened.text.split(_SEPARATOR)[0][1:])["sid"]

        async def post(packet: str) -> None:
            (await self.http.post("/socket.io/", params=known, content=packet)).raise_for_status()

        await post("40")
        while True:
            answer = await self.http.get("/socket.io/", params=known, timeout=_POLL_S)
            answer.raise_for_status()
            for packet in answer.text.split(_SEPARATOR):
                if packet == "2":
                    await post("3")
                elif packet.startswith("40"):
                    await post("420" + json.dumps(["register_socket", {"peer_id": self.peer}]))
                elif packet.startswith("430"):
                    self._registered.set()
                elif packet.startswith("42"):
                    name, data = parsed(packet[2:])
                    yield str(name), dict(data)
                elif packet in ("1", "41"):
                    return

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            with contextlib.suppress(Unreachable, Refused):
                await self.call("POST", f"/heartbeat/{self.peer}")


async def good(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer. Refused, Missing."""
    try:
        said = parsed(await answer.aread())
    except ValueError:
        said = {}
    if answer.is_success and isinstance(said, dict):
        return said
    sentence = str(said.get("error", f"the server answered {answer.status_code}"))[:500]
    kind = Missing if answer.status_code in (404, 410) else Refused
    raise kind(answer.status_code, str(said.get("code", "error"))[:64], sentence)
