"""The OpenAPI document, a server that must keep its word, and what is checked of every answer."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from burrowspace.server.api.app import make_api
from tests.app import Running, running

PROMISES = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT: dict[str, Any] = make_api(cast(Any, None)).openapi()  # it says the same of every server
CALM = settings(
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Served:
    """A server in a loop and a thread of its own, for schemathesis asks with blocking calls."""

    def __init__(self, server: Running, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self.loop = server, loop


@contextlib.contextmanager
def a_server(folder: Path) -> Iterator[Served]:
    ready, over = threading.Event(), asyncio.Event()
    made: list[Served] = []

    async def serve() -> None:
        try:
            limits = {"max_pending": 100_000, "max_user_peers": 100_000, "max_knocks_per_minute": 10_000}
            more = {"tls": "self-signed", "use_ngrok": True}  # it has an authority to give, and takes plain http here
            async with running(folder, **limits, **more) as server:
                server.url = server.url.replace("https", "http", 1)
                server.app.driver.notifier.close()  # no call waits for what does not come
                assert await server.get("/openapi.json") == DOCUMENT
                made.append(Served(server, asyncio.get_running_loop()))
                ready.set()
                await over.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(30)
    try:
        yield made[0]
    finally:
        for one in made:
            one.loop.call_soon_threadsafe(over.set)
        thread.join(30)
