"""Whether WebSockets come through: a real upgrade on /socket.io/ up to the server's first words, and polling beside it.

RFC 6455, sections 4.1 and 5.2; Engine.IO 4. The terminal needs none; the app and the web page run better with it.
"""

import asyncio
import base64
import hashlib
import secrets
import time

from burrowspace.client.server.http import Exchange, Http
from burrowspace.core.findings import Finding, bad, doubtful, good
from burrowspace.core.names import shown

PATH = "/socket.io/?EIO=4&transport="
SECONDS = 4.0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_OPEN = b"0{"  # Engine.IO: the packet that opens a session
_CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"  # masked with zeros: status 1000


async def websocket(http: Http) -> Finding:
    began = time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            refused = await _upgrade(http)
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
        refused = "nothing comes" if isinstance(error, TimeoutError) else "the connection is cut"
    if refused is None:
        took = time.monotonic() - began
        return good("websocket", f"WebSockets come through ({took * 1000:.0f} ms).", seconds=took)
    todo = (
        "Let the proxy in front pass upgrades: nginx wants `proxy_http_version 1.1`, `proxy_set_header Upgrade "
        "$http_upgrade` and `proxy_set_header Connection upgrade`."
    )
    if await _polls(http):
        found = f"WebSockets do not come through ({refused}); polling works, with more delay for the app."
        return doubtful("websocket", found, todo, polling=True)
    found = f"Neither WebSockets ({refused}) nor polling on /socket.io/ come through: the app cannot be reached."
    return bad("websocket", found, todo, polling=False)


async def _upgrade(http: Http) -> str | None:
    """None where it worked; else why not."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    wanted = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    headers = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
    line = await http.begin("GET", PATH + "websocket", {**headers, "sec-websocket-key": key}, tunnel=True)
    try:
        status, said = await line.head()
        if status != 101:
            front = f" by {shown(said['server'], 40)}" if said.get("server") else ""
            return f"answered with {status}{front}"
        if said.get("sec-websocket-accept") != wanted:
            return "answered by something that speaks no WebSocket"
        if not (await _frame(line)).startswith(_OPEN):
            return "what answers is no Socket.IO server"
        line.writer.write(_CLOSE)
        return None
    finally:
        line.close()


async def _frame(line: Exchange) -> bytes:
    """The payload of the first frame; a server masks none (section 5.1)."""
    _, size = await line.reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await line.reader.readexactly(2))
    return await line.reader.readexactly(size) if size < 1 << 16 else b""


async def _polls(http: Http) -> bool:
    try:
        answer = await http.request("GET", PATH + "polling", seconds=SECONDS)
    except OSError:
        return False
    return answer.status == 200 and answer.body.startswith(_OPEN)
