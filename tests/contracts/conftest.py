"""The real database and the real bus that the contracts run on."""

from collections.abc import Iterator

import pytest

from tests.nats import Nats
from tests.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def nats() -> Iterator[Nats]:
    server = Nats().start()
    yield server
    server.kill()
