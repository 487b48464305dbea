"""What all tests share: one event loop backend, and what Python compiles is kept."""

import os
import sys

import pytest

# A run starts some hundred processes, and two workers read every test: each would compile all modules anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
