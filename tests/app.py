"""A whole server for tests, in the test's own loop, on a free port of 127.0.0.1."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from burrowspace.config import Settings
from burrowspace.server.build import App, build
from burrowspace.server.serving import listen, serving


@contextlib.asynccontextmanager
async def running(data: Path, **settings: Any) -> AsyncIterator["Running"]:
    """A server over `data`; leave the context and it has drained and stopped."""
    chosen = Settings(
        **{"host": "127.0.0.1", "port": 0, "data": data, "disk_floor_bytes": 0, "stun_port": 0, **settings}
    )
    listener = listen(chosen)
    app = build(chosen)
    trusts = None
    if app.identity is not None and app.identity.authority is not None:
        trusts = ssl.create_default_context(cadata=app.identity.authority.der)
    async with serving(app, listener), aiohttp.ClientSession(_url(app), connector=_connector(trusts)) as http:
        yield Running(app, http, trusts)


def _url(app: App) -> str:
    return f"{app.reach.scheme}://127.0.0.1:{app.reach.port}"


def _connector(trusts: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=True if trusts is None else trusts)


class Running:
    """A served app and an HTTP client for it."""

    def __init__(self, app: App, http: aiohttp.ClientSession, trusts: ssl.SSLContext | None = None) -> None:
        """`trusts`: what a client of a server with an authority of its own needs."""
        self.app, self.http, self.trusts = app, http, trusts
        self.url = _url(app)

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
