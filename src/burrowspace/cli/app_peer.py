"""A device as the published app is one: HTTP calls, and the events of a socket by long polls. Nothing here is sealed.

Only what the two plain commands need of docs/spec/http.md, events.md and realtime.md: one socket, default namespace,
no attachments. Errors of sockets stop here.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from burrowspace.client.errors import Missing, Refused, Unreachable
from burrowspace.client.server.http import Answer, Http, parsed
from burrowspace.faults import why, why_and_cure

_CALL_S = 30.0  # that a call may take
_HEARD_S = 15.0  # within which the server must hear us
_BEAT_S = 20.0  # between two heartbeats
_POLL_S = 60.0  # that a poll may last: above the server's ping interval
_RETRY_S = 1.0
_SEPARATOR = "\x1e"


class AppPeer:
    """`async with AppPeer(server, user) as peer`: connected and heard by the server; `news` is what it tells."""

    def __init__(self, server: str, user: str) -> None:
        self.user, self.peer = user, ""
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.http = Http(server, _CALL_S)
        self._why = "no answer came to its socket"  # it is not heard
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []
        self._registered = asyncio.Event()

    async def __aenter__(self) -> "AppPeer":
        self.peer = str((await self.call("POST", "/connect", {"user_id": self.user}))["peer_id"])
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]
        try:
            async with asyncio.timeout(_HEARD_S):
                await self._registered.wait()
        except TimeoutError:
            await self.__aexit__(None, None, None)
            raise Unreachable(f"{self._server} cannot be reached: {self._why}") from None
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
        await self.http.close()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON of a good answer. Unreachable, Refused."""
        try:
            answer = await self.http.request(method, path, json=body)
        except OSError as error:
            raise Unreachable(f"{self._server} cannot be reached: {why_and_cure(error)}") from error
        return good(answer)

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
            except OSError as error:
                self._why = why(error)
            except (ValueError, LookupError, TypeError):
                self._why = "what answers on /socket.io/ is not a BurrowSpace server"
            await asyncio.sleep(_RETRY_S)

    async def _socket(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        known: dict[str, Any] = {"EIO": 4, "transport": "polling"}
        known["sid"] = parsed((await self._poll(known))[0][1:])["sid"]

        async def post(packet: str) -> None:
            _ok(await self.http.request("POST", "/socket.io/", params=known, content=packet.encode()))

        await post("40")
        while True:
            for packet in await self._poll(known):
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

    async def _poll(self, known: dict[str, Any]) -> list[str]:
        """The packets of one poll."""
        answer = await self.http.request("GET", "/socket.io/", params=known, seconds=_POLL_S)
        _ok(answer)
        return answer.body.decode().split(_SEPARATOR)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            with contextlib.suppress(Unreachable, Refused):
                await self.call("POST", f"/heartbeat/{self.peer}")


def good(answer: Answer) -> dict[str, Any]:
    """The JSON of an answer. Refused, Missing."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if 200 <= answer.status < 300 and isinstance(said, dict):
        return said
    sentence, code = f"the server answered {answer.status}", "error"
    if isinstance(said, dict):
        sentence, code = str(said.get("error", sentence))[:500], str(said.get("code", code))[:64]
    kind = Missing if answer.status in (404, 410) else Refused
    raise kind(answer.status, code, sentence)


def _ok(answer: Answer) -> None:
    """ValueError: the server said no to a poll."""
    if answer.status != 200:
        raise ValueError(f"a poll was answered with {answer.status}")
