"""`make cluster`: three servers behind haproxy with PostgreSQL and NATS, on this machine, to try them out.

Nothing is kept. The parts are those that the tests start; haproxy's settings are deploy/cluster/haproxy.cfg.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.e2e.cluster import balanced, cluster
from tests.postgres import Postgres

PORT = 5000


async def main() -> None:
    stopping = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    postgres = Postgres()
    try:
        with tempfile.TemporaryDirectory(prefix="burrow-cluster-") as folder:
            async with contextlib.AsyncExitStack() as stack:
                running = await stack.enter_async_context(
                    cluster(Path(folder), postgres, 3, nats=3, trusted_proxies="127.0.0.1", drain_s=2)
                )
                url = await stack.enter_async_context(balanced(running, PORT))
                print(f"Three servers behind {url}")
                for node in running.nodes:
                    print(f"  server  {node.url}  pid {node.pid}")
                for nats in running.nats:
                    print(f"  NATS    {nats.url}  pid {nats.pid}")
                print(f"  PostgreSQL  {postgres.url()}")
                print("Kill one with `kill -9` and see what happens. Ctrl+C ends all of it.", flush=True)
                await stopping.wait()
    finally:
        postgres.remove()


if __name__ == "__main__":
    asyncio.run(main())
