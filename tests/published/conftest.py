"""A server and the app's HTTP client."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.app import Running, running
from tests.published.calls import Calls, calls


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    """A server that moves bytes by the kernel, and one that moves them through Python, as TLS does."""
    async with running(tmp_path, bulk_threads=request.param, stall_s=1, min_bytes_per_s=0) as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as server:
        yield server


@pytest.fixture
async def http(request: pytest.FixtureRequest) -> AsyncIterator[Calls]:
    """The app's calls to the server of the test."""
    name = "either" if "either" in request.fixturenames else "server"
    served: Running = request.getfixturevalue(name)
    async with calls(served.app.reach.port) as made:
        yield made
