"""A device without manners: Socket.IO spoken by hand over a WebSocket, so that a test says when it reads."""

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import aiohttp

from tests.e2e.served import MiB, Served


class Raw:
    """Reads nothing, not even pings, unless told to."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, peer: str) -> None:
        self.ws, self.peer = ws, peer
        self.sent = 0  # bytes of chunks that the connection took
        self._ids = count(1)

    async def ask(self, event: str, data: Any) -> Any:
        """An event with an ack, and its answer; whatever else comes meanwhile is dropped."""
        number = next(self._ids)
        await self.ws.send_str(f"42{number}{json.dumps([event, data])}")
        answer = f"43{number}["
        async for text, _ in self.packets():
            if text.startswith(answer):
                return json.loads(text[len(answer) - 1 :])[0]
        raise AssertionError("the socket closed before it answered")

    async def chunk(self, session: str, index: int, data: bytes) -> None:
        """A binary chunk without an ack; waits while the connection takes no more."""
        head = {"session_id": session, "chunk": {"_placeholder": True, "num": 0}, "index": index, "total": 1 << 20}
        await self.ws.send_str("451-" + json.dumps(["relay_chunk", head]))
        await self.ws.send_bytes(data)
        self.sent += len(data)

    async def events(self) -> AsyncIterator[tuple[str, Any, list[bytes]]]:
        async for text, parts in self.packets():
            if text[:2] in ("42", "45"):
                name, data = json.loads(text[text.index("[") :])
                yield name, data, parts

    async def read_on(self) -> None:
        """Reads to the end, for the sake of the pings."""
        async for _ in self.packets():
            pass

    async def packets(self) -> AsyncIterator[tuple[str, list[bytes]]]:
        """Reads: each Socket.IO packet with its attachments; pings are answered. Ends when the socket does."""
        while (message := await self.ws.receive()).type is aiohttp.WSMsgType.TEXT:
            text = message.data
            if text == "2":
                await self.ws.send_str("3")
                continue
            count = int(text[2 : text.index("-")]) if text[:2] in ("45", "46") else 0
            parts = [(await self.ws.receive()).data for _ in range(count)]
            yield text, parts


@contextlib.asynccontextmanager
async def raw(server: Served, user: str, peer: str | None = None, *, buffer: int | None = None) -> AsyncIterator[Raw]:
    """A registered device of the user; `buffer` is the size of its kernel's receive buffer (bytes)."""

    def make(info: Any) -> socket.socket:
        made = socket.socket(info[0], info[1], info[2])
        if buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        return made

    connector = aiohttp.TCPConnector(socket_factory=make)
    async with aiohttp.ClientSession(server.url, connector=connector) as http:
        if peer is None:
            async with http.post("/connect", json={"user_id": user}) as answer:
                peer = (await answer.json())["peer_id"]
        where = "/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(where, max_msg_size=16 * MiB, timeout=aiohttp.ClientWSTimeout(ws_close=0.2)) as ws:
            assert (await ws.receive_str()).startswith("0{")
            await ws.send_str("40")
            assert (await ws.receive_str()).startswith("40{")
            made = Raw(ws, peer)
            assert await made.ask("register_socket", {"peer_id": peer}) == {"status": "success"}
            yield made
