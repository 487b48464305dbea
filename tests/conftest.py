"""What all tests share: one event loop backend, no clock in Hypothesis, and what Python compiles is kept."""

import os
import sys

import pytest
from hypothesis import settings

# Hypothesis looks at a clock by default: on a busy machine an example may take long without being wrong.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")

# A run starts some hundred processes, and two workers read every test: each would compile all modules anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
