"""A whole server for tests, in the test's own loop, on a free port of 127.0.0.1."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from burrowspace.config import Settings
from burrowspace.server.build import House, build
from burrowspace.server.serving import listen, serving


@contextlib.asynccontextmanager
async def running(data: Path, **settings: Any) -> AsyncIterator["Running"]:
    """A server over `data`; leave the context and it has drained and stopped."""
    chosen = Settings(
        **{"host": "127.0.0.1", "port": 0, "data": data, "disk_floor_bytes": 0, "stun_port": 0, **settings}
    )
    listener = listen(chosen)
    house = build(chosen)
    trusts = None
    if house.identity is not None and house.identity.authority is not None:
        trusts = ssl.create_default_context(cadata=house.identity.authority.der)
    async with serving(house, listener), aiohttp.ClientSession(_url(house), connector=_connector(trusts)) as http:
        yield Running(house, http, trusts)


def _url(house: House) -> str:
    return f"{house.reach.scheme}://127.0.0.1:{house.reach.port}"


def _connector(trusts: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=True if trusts is None else trusts)


class Running:
    """A served house and an HTTP client for it."""

    def __init__(self, house: House, http: aiohttp.ClientSession, trusts: ssl.SSLContext | None = None) -> None:
        """`trusts`: what a client of a server with an authority of its own needs."""
        self.house, self.http, self.trusts = house, http, trusts
        self.url = _url(house)

    async def call(self, method: str, path: str, expect: int = 200, **more: Any) -> Any:
        """A JSON call; fails on another status than `expect`."""
        async with self.http.request(method, path, **more) as answer:
            body = await answer.json()
            assert answer.status == expect, (answer.status, body)
            return body

    async def post(self, path: str, body: Any = None, expect: int = 200, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        more = {} if body is None else {"json": body}
        return await self.call("POST", path, expect, headers=headers, **more)

    async def get(self, path: str, expect: int = 200) -> Any:
        return await self.call("GET", path, expect)

    async def connect(self, user_id: str) -> str:
        """A new peer of the user; its id."""
        return (await self.post("/connect", {"user_id": user_id}))["peer_id"]

    async def transfer(self, sender: str = "ann", receiver: str = "bob", filename: str = "a.txt") -> str:
        """An approved transfer; its id."""
        asked = await self.post(
            "/request-transfer", {"sender_id": sender, "receiver_id": receiver, "filename": filename}
        )
        return (await self.post(f"/approve-transfer/{asked['request_id']}"))["transfer_id"]
