"""The deadlines of bodies and answers that go through ASGI: who makes no progress, or too little, is closed."""

import asyncio
from typing import Any

from burrowspace.server.bulk.front import BulkFront


async def watch(connections: set[Any], stall_s: float, min_rate: int) -> None:
    """Looks at all connections a few times within the deadline, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(1.0, stall_s / 4))
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, BulkFront) and connection.is_stalled(now, stall_s, min_rate):
                connection.transport.abort()
