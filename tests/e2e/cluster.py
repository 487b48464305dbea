"""Several servers on one database and one bus: real processes, PostgreSQL and NATS, and a folder for each node."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.served import Api, Served, calling, served
from tests.nats import Nats
from tests.postgres import Postgres


@dataclass
class Cluster:
    nodes: list[Served]
    apis: list[Api]  # calls of each
    nats: Nats

    @property
    def one(self) -> Served:
        return self.nodes[0]

    @property
    def other(self) -> Served:
        return self.nodes[1]

    @property
    def api(self) -> Api:
        return self.apis[0]

    @property
    def far(self) -> Api:
        return self.apis[1]


@contextlib.asynccontextmanager
async def cluster(folder: Path, postgres: Postgres, count: int = 2, **settings: Any) -> AsyncIterator[Cluster]:
    """Started, and ended with the context."""
    nats, url = Nats().start(), postgres.database()
    try:
        async with contextlib.AsyncExitStack() as stack:
            nodes = [
                await stack.enter_async_context(
                    served(folder / secrets.token_hex(4), database_url=url, bus_url=nats.url, fresh=True, **settings)
                )
                for _ in range(count)
            ]
            apis = [await stack.enter_async_context(calling(node)) for node in nodes]
            yield Cluster(nodes, apis, nats)
    finally:
        nats.kill()
