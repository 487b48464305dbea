"""The State port on SQLite in WAL mode: one file, one server. Proven by tests/contracts/test_state.py."""

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from burrowspace.adapters.schema import NewerDatabase, migrate, newest
from burrowspace.adapters.sql_faults import Watch, cannot_start, newer
from burrowspace.adapters.state_sql import SqlState
from burrowspace.faults import CannotStart
from burrowspace.private import private_file


def open_sqlite(path: Path) -> SqlState:
    """The database in one file, made or brought up to date. Blocking: called once, at the start. CannotStart."""
    try:
        os.close(private_file(path))  # SQLite gives its other files (-wal, -shm) the mode of this one
        engine = _engine(path)
        migrate(engine)
        return SqlState(engine, Watch(path))
    except NewerDatabase as error:
        raise newer(path, error.found, newest()) from None
    except CannotStart:
        raise
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise cannot_start(error, path) from error


def _engine(path: Path) -> Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=sa.pool.QueuePool,
        connect_args={"check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's late one: savepoints need it
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
