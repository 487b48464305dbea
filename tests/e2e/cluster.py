"""Several servers on one database and one bus: real processes, PostgreSQL and NATS, and a folder for each node."""

import asyncio
import contextlib
import os
import secrets
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.served import Api, Served, calling, served
from tests.machine import free_port
from tests.nats import Nats
from tests.nats import cluster as joined
from tests.postgres import Postgres

HAPROXY = Path(__file__).resolve().parents[2] / "deploy" / "cluster" / "haproxy.cfg"


@dataclass
class Cluster:
    nodes: list[Served]
    apis: list[Api]  # calls of each
    nats: list[Nats]

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
async def cluster(
    folder: Path, postgres: Postgres, count: int = 2, *, nats: int = 1, **settings: Any
) -> AsyncIterator[Cluster]:
    """So many servers on so many of NATS. Started, and ended with the context."""
    buses, database = joined(nats), postgres.database()
    bus = ",".join(each.url for each in buses)
    try:
        async with contextlib.AsyncExitStack() as stack:
            nodes = [
                await stack.enter_async_context(
                    served(folder / secrets.token_hex(4), database_url=database, bus_url=bus, fresh=True, **settings)
                )
                for _ in range(count)
            ]
            apis = [await stack.enter_async_context(calling(node)) for node in nodes]
            yield Cluster(nodes, apis, buses)
    finally:
        for each in buses:
            each.kill()


@contextlib.asynccontextmanager
async def balanced(three: Cluster, port: int = 0) -> AsyncIterator[str]:
    """The address of haproxy before three nodes, with the settings of deploy/cluster."""
    port = port or free_port()
    names = dict(zip(("ONE", "TWO", "THREE"), (f"127.0.0.1:{node.port}" for node in three.nodes), strict=True))
    env = os.environ | {f"BURROW_{name}": where for name, where in names.items()}
    env["BURROW_LISTEN"] = f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec("haproxy", "-db", "-f", str(HAPROXY), env=env, stderr=PIPE)
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(30):
            while not await _is_ready(http, f"http://127.0.0.1:{port}/readyz"):
                assert process.returncode is None, "haproxy ended"
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
