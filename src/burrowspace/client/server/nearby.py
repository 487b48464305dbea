"""The servers that announce themselves on the local network, each asked whether it is one. Spec: docs/spec/lan.md.

What is announced is hostile until core/nearby.py has read it; what is connected to must answer /hello with the id that
it announced. zeroconf is imported by who looks, not by who has a server already: that takes a sixth of a second.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from burrowspace.client.log import Log
from burrowspace.client.server.api import Server
from burrowspace.client.server.proxies import go_direct
from burrowspace.core.errors import BurrowError
from burrowspace.core.nearby import SERVERS, SERVICE, Announcement, believe
from burrowspace.faults import told
from burrowspace.system.multicast import on_every_interface

log = Log("client")

LOOK_S = 1.0  # that somebody who announces itself is waited for
ANSWER_S = 2.0  # for its words and for its answer to /hello


@dataclass(frozen=True, slots=True)
class Near:
    """A server that was found and has answered. `brief`: it serves one transfer and goes."""

    url: str
    server_id: str
    brief: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """`near`: the server, where it answers under another address. `tried`: all others that it announces."""

    near: Near | None
    tried: tuple[str, ...]


async def elsewhere(origin: str, seconds: float = 3 * LOOK_S) -> Elsewhere:
    """Another address of the server that announces `origin` as one of its own. Bounded in time like `look`.

    It looks longer than `look`: a link may be used before its server, which has just begun, is announced (RFC 6762,
    section 8.1: a second), and whoever asks has nothing better to do, since the link's own address does not answer.
    """
    tried: dict[str, None] = {}
    async with contextlib.aclosing(_announced(seconds)) as announced:
        async for said in announced:
            if not said.is_at(origin):
                continue
            if (near := await _ask(said)) is not None:
                return Elsewhere(near, (near.url,))
            tried |= dict.fromkeys(url for url in said.urls() if url != origin)
    return Elsewhere(None, tuple(tried))


async def look(seconds: float = LOOK_S) -> list[Near]:
    """Those that answer, in the order of their addresses; none where there is no network. Bounded in time by `seconds`
    and ANSWER_S."""
    asking: dict[str, asyncio.Task[Near | None]] = {}
    async for said in _announced(seconds):
        if said.server_id not in asking:
            asking[said.server_id] = asyncio.create_task(_ask(said))
    found = await asyncio.gather(*asking.values())
    return sorted((near for near in found if near is not None), key=lambda near: (near.brief, near.url))


async def _announced(seconds: float) -> AsyncGenerator[Announcement]:
    from zeroconf import Error, ServiceStateChange
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo

    names: asyncio.Queue[str] = asyncio.Queue(SERVERS)

    def changed(zeroconf: Any, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is not ServiceStateChange.Removed:
            with contextlib.suppress(asyncio.QueueFull):
                names.put_nowait(name)

    try:
        listener = on_every_interface()
    except (OSError, Error, RuntimeError) as error:
        log.debug("nobody can be looked for on this network", why=told(error))
        return
    browser = AsyncServiceBrowser(listener.zeroconf, SERVICE, handlers=[changed])
    try:
        end = asyncio.get_running_loop().time() + seconds
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout_at(end):
                    name = await names.get()
                info = AsyncServiceInfo(SERVICE, name)
                if not await info.async_request(listener.zeroconf, ANSWER_S * 1000):
                    continue
                said = believe(info.port, info.parsed_scoped_addresses(), info.properties)
                if said is not None:
                    yield said
    finally:
        with contextlib.suppress(OSError, Error, RuntimeError):
            await browser.async_cancel()
            await listener.async_close()


async def _ask(said: Announcement) -> Near | None:
    """The first of its addresses behind which it really is."""

    async def there(url: str) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S), Server(url) as server:
                return (await server.hello()).get("server_id") == said.server_id
        except (BurrowError, TimeoutError, ValueError, AttributeError):
            return False

    for at in said.addresses:
        go_direct(at)
    urls = said.urls()
    answers = await asyncio.gather(*map(there, urls))
    url = next((url for url, is_there in zip(urls, answers, strict=True) if is_there), None)
    return None if url is None else Near(url, said.server_id, said.brief)
