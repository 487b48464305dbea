"""The State port on PostgreSQL. Proven by tests/contracts/test_state.py, and by test_two_states.py for several at once.

Each transaction that writes begins with locks that last until its end (advisory ones, PostgreSQL 13.3.5): a shared
one that all take, and one for each key that the work is about; work that names no keys takes the first one alone. So
two servers never decide over the same rows at once, and numbers of notices are committed in their order.

A connection that breaks costs nobody an answer: what was not committed runs again, and where the break hit a COMMIT the
database is asked what became of it.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from burrowspace.adapters.schema import NewerDatabase, migrate, newest
from burrowspace.adapters.sql_faults import Trouble, Watch, cannot_start, newer, sqlstate
from burrowspace.adapters.sql_jobs import Job, Outcome, run
from burrowspace.adapters.sql_rows import SqlRows
from burrowspace.adapters.state_sql import SqlState
from burrowspace.core.errors import Unavailable
from burrowspace.core.locks import number_of
from burrowspace.faults import CannotStart

T = TypeVar("T")

ALL, SCHEMA, SERVER = 0, -1, -2  # keys of advisory locks; no other key is one of these (core/locks.py)
PATIENCE_S = 10.0  # that a caller waits for a database that went away, before it is refused
PAUSE_S = (0.02, 0.1, 0.5)  # between tries; the last one again and again
AGAIN = {"40001", "40P01"}  # serialization failure, deadlock: nothing was committed
LOST = {"08", "57P", "53300"}  # how states begin that end a connection
SESSION = {  # what the database does with our connections: it notices too when this machine is gone
    "idle_in_transaction_session_timeout": "60s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
}
UNKNOWN = "the server's database does not say whether this was kept; try again"
TAKEN = Trouble(
    "another BurrowSpace server uses it", "stop that server, or name another database in BURROW_DATABASE_URL"
)
ELSEWHERE = "name another one in BURROW_DATABASE_URL"

_LOCKS = sa.text(
    "SELECT CAST(pg_current_xact_id() AS text), pg_advisory_xact_lock_shared(0),"
    " (SELECT count(pg_advisory_xact_lock(key)) FROM unnest(CAST(:keys AS bigint[])) AS key)"
)
_ALONE = sa.text("SELECT CAST(pg_current_xact_id() AS text), pg_advisory_xact_lock(0)")
_FATE = sa.text("SELECT pg_xact_status(CAST(:number AS xid8))")


class PostgresState(SqlState):
    """State on PostgreSQL 13 or later. Make one with `open_postgres`."""

    def __init__(self, engine: Engine, watch: Watch, *, alone: bool) -> None:
        """`alone`: no other server may use the database meanwhile."""
        self._alone = alone
        self._away_since: dict[int, float] = {}  # by thread
        self._closing = threading.Event()
        super().__init__(engine, watch)

    async def close(self) -> None:
        self._closing.set()
        await super().close()

    def _connect(self) -> Connection:
        return self._patiently(self._engine.connect)

    def _change(self, connection: Connection, batch: list[Job]) -> Outcome:
        return self._patiently(lambda: self._committed(connection, batch))

    def _look(self, connection: Connection, batch: list[Job]) -> Outcome:
        def look() -> Outcome:
            snapshot = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with snapshot.begin():
                return run(batch, SqlRows(connection))

        return self._patiently(look)

    def _committed(self, connection: Connection, batch: list[Job]) -> Outcome:
        if self._alone and not _is_alone(connection):
            self._watch.is_taken(TAKEN)
        transaction = connection.begin()
        try:
            number = _lock(connection, batch)
            outcome = run(batch, SqlRows(connection))
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except sa.exc.DBAPIError as error:
            transaction.rollback()  # frees the connection for its next transaction, whatever became of this one
            if is_lost(error) and self._was_committed(number):
                return outcome
            raise
        return outcome

    def _was_committed(self, number: str) -> bool:
        """What became of a transaction whose COMMIT had no answer, by its number. Unavailable where nobody can tell."""

        def ask() -> bool:
            with self._engine.connect() as connection:
                fate = connection.execute(_FATE, {"number": number}).scalar_one()
            if fate == "in progress":
                raise _StillRunning
            if fate is None:
                raise Unavailable(UNKNOWN)
            return bool(fate == "committed")

        return self._patiently(ask)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Tries again after a break, for PATIENCE_S since it began. One that is away for longer is tried once."""
        thread, tries = threading.get_ident(), 0
        while True:
            try:
                result = attempt()
            except (sa.exc.DBAPIError, _StillRunning) as error:
                if not _may_pass(error):
                    self._away_since.pop(thread, None)
                    raise
                since = self._away_since.setdefault(thread, time.monotonic())
                if time.monotonic() - since > PATIENCE_S or self._closing.wait(PAUSE_S[min(tries, len(PAUSE_S) - 1)]):
                    if isinstance(error, _StillRunning):
                        raise Unavailable(
                            "the server's database does not say whether this was kept; try again"
                        ) from None
                    raise
                tries += 1
            else:
                self._away_since.pop(thread, None)
                return result


def _lock(connection: Connection, batch: list[Job]) -> str:
    """Waits until nobody else decides over what these are about; the transaction's number. Sorted, so that no two
    servers wait for each other."""
    if any(job.about is None for job in batch):
        return str(connection.execute(_ALONE).scalar_one())
    keys = sorted({number_of(key) for job in batch for key in job.about or ()})
    return str(connection.execute(_LOCKS, {"keys": keys}).scalar_one())


class _StillRunning(Exception):
    """The connection is gone, and what ran on it has not ended."""


def is_lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the connection ended, so that what ran on it is undone, or was committed without an answer."""
    state = sqlstate(error)
    return (
        error.connection_invalidated
        or (not state and isinstance(error, sa.exc.OperationalError))
        or any(state.startswith(each) for each in LOST)
    )


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _StillRunning) or (
        isinstance(error, sa.exc.DBAPIError) and (sqlstate(error) in AGAIN or is_lost(error))
    )


def open_postgres(url: str, *, alone: bool = False) -> PostgresState:
    """The database at `url` (postgresql://user@host/name), its tables made or brought up to date. Blocking: called
    once, at the start. `alone`: another server that is alone with it ends the start. CannotStart."""
    shown = "PostgreSQL"
    try:
        engine = _engine(url)
        shown = engine.url.render_as_string(hide_password=True)
        migrate(engine, alone=_wait_for_others)
        with engine.connect() as connection:
            if alone and not _is_alone(connection):
                raise CannotStart(f"the database {shown} cannot be used: {TAKEN.words}; {TAKEN.cure}")
            connection.invalidate()  # and with it the lock: the thread that writes takes it on a connection of its own
        return PostgresState(engine, Watch(name=shown), alone=alone)
    except NewerDatabase as error:
        raise newer(shown, error.found, newest(), ELSEWHERE) from None
    except ModuleNotFoundError:
        raise CannotStart(
            "PostgreSQL needs a library that is not installed; install BurrowSpace with its extra `cluster`, or "
            "leave BURROW_DATABASE_URL out"
        ) from None
    except sa.exc.ArgumentError:
        raise CannotStart(
            "BURROW_DATABASE_URL cannot be read; it looks like postgresql://user:password@host:5432/name"
        ) from None
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise cannot_start(error, shown, ELSEWHERE) from error


def _wait_for_others(connection: Connection) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA})


def _is_alone(connection: Connection) -> bool:
    """Whether this connection holds the lock that one server holds, which lasts as long as the connection."""
    if not connection.info.get("alone"):
        with connection.begin():
            taken = connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": SERVER})
            connection.info["alone"] = bool(taken.scalar_one())
    return bool(connection.info["alone"])


def _engine(url: str) -> Engine:
    try:
        named = sa.make_url(url)
    except ValueError as error:  # an address in brackets, a port
        raise sa.exc.ArgumentError(url) from error
    if named.get_backend_name() not in ("postgresql", "postgres"):
        raise sa.exc.ArgumentError("another kind of database")
    arguments: dict[str, Any] = {
        "connect_timeout": 5,  # s, for each address of the host
        "application_name": "burrowspace",
        "keepalives_idle": 5,  # s; a machine that is gone is noticed after about ten
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,  # ms
        "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
    }
    arguments = {name: value for name, value in arguments.items() if name not in named.query}
    return sa.create_engine(
        named.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        pool_size=3,  # the two threads, and one that asks what became of a commit
        isolation_level="READ COMMITTED",
    )
