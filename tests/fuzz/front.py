"""Target: bytes on the port, from the first one on: heads, bodies, pipelined requests, upgrades."""

import asyncio
import logging
from collections import Counter
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from burrowspace.server.bulk.front import BulkFront
from burrowspace.server.bulk.job import Job
from burrowspace.server.callers import SeenRequest
from burrowspace.socketio.front import front
from burrowspace.socketio.upgrade import UpgradeRequest
from tests.fuzz.target import Target, pieces

LOOP = asyncio.new_event_loop()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
Heard = list[tuple[Any, ...]]  # each request as somebody behind the port got it


class Line(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 7), "sockname": ("192.0.2.2", 80)})
        self.over = self.paused = False
        self.wrote = 0

    def write(self, data: Any) -> None:
        self.wrote += len(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.over

    def close(self) -> None:
        self.over = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Behind:
    """Whoever stands behind the port: the application, the mover of big bodies, the real-time server."""

    movers = (1,)
    settings = None

    def __init__(self) -> None:
        self.heard: Heard = []

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.heard.append((scope["method"], scope["raw_path"], scope["query_string"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def start(self, port: BulkFront, job: Job) -> asyncio.Task[None]:
        assert len(job.key) == 32
        assert job.verb in ("upload", "download")
        assert len(job.early) <= int(job.headers.get("content-length", "0"))
        self.heard.append((job.method, job.verb, job.key, job.query))
        return LOOP.create_task(self._moved(port, job))

    async def _moved(self, port: BulkFront, job: Job) -> None:
        port.transport.write(ANSWER)
        port.go_on(clean=job.whole)

    def upgrade(self, request: UpgradeRequest, transport: asyncio.Transport) -> bool:
        self.heard.append(("upgrade", request.path, request.query))
        transport.close()
        return False

    async def aclose(self) -> None:
        """Nothing is open."""


class Callers:
    """Everybody is a caller of its own address."""

    def is_stranger(self, address: str) -> bool:
        return False

    def counted(self, address: str) -> None:
        return None

    def as_seen(self, peer: str, headers: Any, version: str) -> SeenRequest:
        return SeenRequest(peer, headers, None)


def port(data: bytes) -> object:
    """However the bytes are cut, the same requests are understood: nothing is smuggled in between two of them."""
    whole, cut = (LOOP.run_until_complete(_play(parts)) for parts in ([data], pieces(data)))
    both = min(len(whole), len(cut))
    assert whole[:both] == cut[:both], (whole, cut)
    return len(whole)


async def _play(parts: list[bytes]) -> Heard:
    behind, line, faults = Behind(), Line(), _Faults()
    kind = front(behind, BulkFront, bulk=behind, callers=Callers(), addresses=Counter())
    config = uvicorn.Config(
        behind.app, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False, interface="asgi3"
    )
    config.load()
    asyncio.get_running_loop().set_exception_handler(faults.of_the_loop)
    logging.getLogger("uvicorn.error").addHandler(faults)
    protocol: Any = kind(config, ServerState(), {}, _loop=asyncio.get_running_loop())
    protocol.connection_made(line)
    try:
        for part in parts:
            if line.over or line.paused:
                break
            protocol.data_received(part)
            for _ in range(4):
                await asyncio.sleep(0)
    finally:
        protocol.connection_lost(None)
        for _ in range(4):
            await asyncio.sleep(0)
        logging.getLogger("uvicorn.error").removeHandler(faults)
    assert not faults.seen, faults.seen
    return behind.heard


class _Faults(logging.Handler):
    """What goes wrong without an exception that reaches us."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.getMessage()} {record.exc_info}")

    def of_the_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.seen.append(repr(context))


TARGETS = (Target("port", "web", port, "HTTP from the first byte, whole and in pieces", 8192),)
