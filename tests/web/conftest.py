"""Fixtures of a real browser for all tests of the web app, a server for its pages, and somebody with a terminal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.program import Person
from tests.e2e.served import Served, served
from tests.web.browser import anyio_backend, browsing, chromium, pages

__all__ = ["anyio_backend", "browsing", "chromium", "pages"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data", stun_servers="") as running:
        yield running


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    somebody = Person(tmp_path / "person")
    yield somebody
    await somebody.close()
