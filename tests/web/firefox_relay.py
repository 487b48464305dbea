"""Firefox as its distribution ships it, for Playwright, which speaks WebDriver BiDi as the newest Firefox does.

A program in place of `firefox`: it starts the real one and passes on what the two say. Where this Firefox does not know
how to pretend something (`emulation.…`), it is answered that this is done: no test in Firefox asks for it. A download
without an id gets one.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
from typing import Any

import aiohttp
from aiohttp import web

LISTENS = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


async def relay(request: web.Request) -> web.WebSocketResponse:
    """One connection of Playwright's."""
    near = web.WebSocketResponse(max_msg_size=0)
    await near.prepare(request)
    async with aiohttp.ClientSession() as http, http.ws_connect(request.app["url"] + "/session", max_msg_size=0) as far:
        pretended: set[int] = set()

        async def asks() -> None:
            async for message in near:
                if '"method":"emulation.' in message.data[:200]:
                    pretended.add(json.loads(message.data)["id"])
                await far.send_str(message.data)
            await far.close()

        asking = asyncio.create_task(asks())
        async for message in far:
            text = message.data
            if pretended and '"type":"error"' in text[:60] and (said := json.loads(text))["id"] in pretended:
                text = json.dumps({"type": "success", "id": said["id"], "result": {}})
            elif '"method":"browsingContext.download' in text[:80]:
                text = named(json.loads(text))
            with contextlib.suppress(ConnectionError):
                await near.send_str(text)
        asking.cancel()
    await near.close()
    return near


def named(event: dict[str, Any]) -> str:
    """An event of a download, which has the same id in all of them."""
    told = event["params"]
    if told.get("navigation") is None and "download" not in told:
        told["download"] = hashlib.sha256(f"{told['context']} {told['url']}".encode()).hexdigest()[:32]
    return json.dumps(event)


async def main() -> int:
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    assert firefox, "the tests need Firefox; on Debian: apt-get install firefox-esr"
    process = await asyncio.create_subprocess_exec(firefox, *sys.argv[1:], stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    app = web.Application()
    app.router.add_get("/session", relay)
    runner = web.AppRunner(app)
    async for line in process.stderr:
        if found := LISTENS.search(line):
            app["url"] = found[1].decode()
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            line = LISTENS.sub(f"WebDriver BiDi listening on ws://127.0.0.1:{runner.addresses[0][1]}".encode(), line)
        os.write(2, line)
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
