"""What all tests share: one event loop backend."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
