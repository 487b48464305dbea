"""A server, and two people with a state folder each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.program import Person, people
from tests.e2e.served import Served, served


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data") as server:
        yield server


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[list[Person]]:
    async with people(tmp_path, "ann", "bob") as pair:
        yield pair
