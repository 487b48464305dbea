"""A server on a port of its own for each test, under asyncio and under uvloop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from burrowspace.socketio import Engine, Server
from burrowspace.socketio.conformance import engine_app, socket_app
from tests.socketio.wire import Listening

Serve = Callable[[Server | Engine], Awaitable[Listening]]


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
async def serve(anyio_backend: object) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(served: Server | Engine) -> Listening:
            return await stack.enter_async_context(Listening(served))

        yield start


@pytest.fixture
async def app(serve: Serve) -> Listening:
    """The conformance application, mode socket, with a pulse too slow to disturb."""
    return await serve(socket_app(ping_interval_ms=25_000, ping_timeout_ms=20_000, connect_timeout_ms=45_000))


@pytest.fixture
async def echo(serve: Serve) -> Listening:
    """A bare engine that sends every message back."""
    return await serve(engine_app(ping_interval_ms=25_000, ping_timeout_ms=20_000))
