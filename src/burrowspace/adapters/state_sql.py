"""The State port on a SQL database through SQLAlchemy: SQLite in WAL mode here, others by their URL.

Writes go through one thread that takes whatever waits and commits it together, so a hundred callers share one
fsync; reads do likewise beside it on a thread of their own. Proven by tests/contracts/test_state.py.
"""

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Engine

from burrowspace.adapters.sql_faults import Watch, cannot_start, newer
from burrowspace.adapters.tables import KEY, TABLES, metadata
from burrowspace.core.errors import Unavailable
from burrowspace.core.records import Notice, Record
from burrowspace.faults import CannotStart
from burrowspace.ports import Rows
from burrowspace.private import private_file

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_BATCH = 256  # changes that share one commit at most
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "": lambda column, value: column == value,
    "lt": lambda column, value: column < value,
    "gt": lambda column, value: column > value,
    "in": lambda column, value: column.in_(value),
    "none": lambda column, value: column.is_(None),
}


class SqlRows:
    """Rows over one open connection. Counts its writes, so that a refusal that wrote nothing costs no rollback."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert = _insert(connection.dialect.name)
        self.writes = 0

    def get(self, kind: type[R], key: str) -> R | None:
        row = self._connection.execute(_select(kind, (KEY[kind],), None), {KEY[kind]: key, "limit": 1}).first()
        return None if row is None else kind(*row)

    def find(self, kind: type[R], *, order: str | None = None, limit: int = 10_000, **where: Any) -> list[R]:
        found = self._connection.execute(_select(kind, _shape(where), order), {**_listed(where), "limit": limit})
        return [kind(*row) for row in found]

    def count(self, kind: type[Record], **where: Any) -> int:
        return int(self._connection.execute(_count(kind, _shape(where)), _listed(where)).scalar_one())

    def total(self, kind: type[Record], field: str, **where: Any) -> int:
        return int(self._connection.execute(_total(kind, field, tuple(where)), _listed(where)).scalar_one())

    def put(self, record: R) -> R:
        self.writes += 1
        values = {name: getattr(record, name) for name in record.__struct_fields__}
        if isinstance(record, Notice) and record.number == 0:
            del values["number"]
            given = self._connection.execute(_number(type(record)), values).inserted_primary_key
            assert given is not None
            return msgspec.structs.replace(record, number=given[0])
        self._connection.execute(_upsert(type(record), self._insert), values)
        return record

    def drop(self, kind: type[Record], **where: Any) -> int:
        self.writes += 1
        return int(self._connection.execute(_delete(kind, _shape(where)), _listed(where)).rowcount)


# Statements are built once for each shape: building one costs more than running it.


@cache
def _insert(dialect: str) -> Callable[[sa.Table], Any]:
    if dialect == "sqlite":
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # late: nobody on SQLite waits for its drivers

    return postgresql.insert


@cache
def _select(kind: type[Record], where: tuple[str, ...], order: str | None) -> sa.Select[Any]:
    table = TABLES[kind]
    query = sa.select(table).where(*_conditions(table, where)).limit(sa.bindparam("limit", type_=sa.Integer))
    if order is not None:
        column = table.c[order.removeprefix("-")]
        query = query.order_by(column.desc() if order.startswith("-") else column)
    return query


@cache
def _count(kind: type[Record], where: tuple[str, ...]) -> sa.Select[Any]:
    table = TABLES[kind]
    return sa.select(sa.func.count()).select_from(table).where(*_conditions(table, where))


@cache
def _total(kind: type[Record], field: str, where: tuple[str, ...]) -> sa.Select[Any]:
    table = TABLES[kind]
    return sa.select(sa.func.coalesce(sa.func.sum(table.c[field]), 0)).where(*_conditions(table, where))


@cache
def _delete(kind: type[Record], where: tuple[str, ...]) -> sa.Delete:
    table = TABLES[kind]
    return sa.delete(table).where(*_conditions(table, where))


@cache
def _number(kind: type[Record]) -> sa.Insert:
    return sa.insert(TABLES[kind])


@cache
def _upsert(kind: type[Record], insert: Callable[[sa.Table], Any]) -> sa.Insert:
    table, key = TABLES[kind], KEY[kind]
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name != key}
    upsert: sa.Insert = statement.on_conflict_do_update(index_elements=[key], set_=others)
    return upsert


def _conditions(table: sa.Table, where: tuple[str, ...]) -> list[Any]:
    conditions = []
    for name in where:
        field, _, how = name.partition("__")
        column = table.c[field]
        bound = sa.bindparam(name, type_=column.type, expanding=how == "in")
        conditions.append(_COMPARE[how](column, bound))
    return conditions


def _shape(where: dict[str, Any]) -> tuple[str, ...]:
    """What makes the statement: the names, and which of them ask for None, that no comparison finds in SQL."""
    return tuple([f"{name}__none" if value is None else name for name, value in where.items()])


def _listed(where: dict[str, Any]) -> dict[str, Any]:
    """The values as parameters; those of `__in` as lists."""
    return {name: list(value) if name.endswith("__in") else value for name, value in where.items() if value is not None}


class SqlState:
    """State over an engine. Make one with `open_sqlite`."""

    def __init__(self, engine: Engine, watch: Watch | None = None) -> None:
        self._engine = engine
        self._watch = watch or Watch()
        self._changes: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._write_loop, name="state-write", daemon=True),
            threading.Thread(target=self._read_loop, name="state-read", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, ask: Callable[[Rows], T]) -> T:
        return cast(T, await self._ask(self._questions, ask))

    async def write(self, change: Callable[[Rows], T]) -> T:
        return cast(T, await self._ask(self._changes, change))

    async def broken(self) -> str:
        return await asyncio.shield(asyncio.wrap_future(self._watch.replaced))

    async def close(self) -> None:
        """Finishes what was asked for, then lets go of the database."""
        self._changes.put(None)
        self._questions.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._engine.dispose()

    async def _ask(self, jobs: "queue.SimpleQueue[_Job | None]", work: Callable[[Rows], Any]) -> Any:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        jobs.put(job)
        return await asyncio.shield(job.future)

    def _write_loop(self) -> None:
        self._loop(self._changes, self._commit)

    def _read_loop(self) -> None:
        self._loop(self._questions, self._answer)

    def _loop(self, jobs: "queue.SimpleQueue[_Job | None]", work: "Callable[[Connection, list[_Job]], None]") -> None:
        """Ends only when it is told to: whatever goes wrong is the answer of those that asked."""
        connection: Connection | None = None
        last = False
        while not last:
            batch, last = _take(jobs)
            try:
                connection = connection or self._engine.connect()
                work(connection, batch)
            except Exception as error:
                for job in batch:
                    job.fail(self._watch.refusal(error))
        if connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.close()

    def _commit(self, connection: Connection, batch: "list[_Job]") -> None:
        """One commit for all. If one of several fails after it wrote, all are undone and each runs again by itself."""
        rows = SqlRows(connection)
        done: list[tuple[_Job, Any]] = []
        refused: list[tuple[_Job, Exception]] = []
        try:
            self._watch.check()
            with connection.begin():
                for job in batch:
                    writes = rows.writes
                    try:
                        done.append((job, job.work(rows)))
                    except Exception as error:
                        if rows.writes != writes:
                            raise
                        refused.append((job, error))
            self._watch.check()  # what went into a file that is gone is not durable
        except Exception as error:
            refusal = self._watch.refusal(error)
            if len(batch) == 1 or isinstance(refusal, Unavailable):
                for job in batch:
                    job.fail(refusal)
            else:
                for job in batch:
                    self._commit(connection, [job])
            return
        self._watch.works()
        for job, result in done:
            job.settle(result)
        for job, refusal in refused:
            job.fail(refusal)

    def _answer(self, connection: Connection, batch: "list[_Job]") -> None:
        rows = SqlRows(connection)
        self._watch.check()
        with connection.begin():
            for job in batch:
                job.run(rows, self._watch)


class _Job:
    """A function that waits for its thread, and the future of whoever waits for it."""

    __slots__ = ("future", "loop", "work")

    def __init__(
        self, work: Callable[[Rows], Any], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]"
    ) -> None:
        self.work, self.loop, self.future = work, loop, future

    def run(self, rows: Rows, watch: Watch) -> None:
        """For a question: its answer or its error, at once."""
        try:
            result = self.work(rows)
        except Exception as error:
            self.fail(watch.refusal(error))
        else:
            self.settle(result)

    def settle(self, result: Any) -> None:
        self._call(self.future.set_result, result)

    def fail(self, error: BaseException) -> None:
        self._call(self.future.set_exception, error)

    def _call(self, act: Callable[[Any], None], outcome: Any) -> None:
        def end() -> None:
            if not self.future.done():
                act(outcome)
                self.future.exception()  # seen: whoever asked may have gone in this very moment

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(end)


def _take(jobs: "queue.SimpleQueue[_Job | None]") -> tuple[list[_Job], bool]:
    """Everything that waits, at least one; and whether the queue was told to end."""
    batch: list[_Job] = []
    job = jobs.get()
    while job is not None:
        batch.append(job)
        if len(batch) >= _BATCH:
            return batch, False
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            return batch, False
    return batch, True


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


class NewerDatabase(Exception):
    """A revision that this version does not know."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


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


_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.Table(  # as Alembic makes it
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def revisions() -> list[str]:
    """Those that this version knows, the oldest first: the numbered files."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """The revision that the tables of `adapters/tables.py` are."""
    return revisions()[-1]


def migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision.

    A new database gets the tables as they are now, and one that is up to date is left alone: only an older one waits
    for Alembic (adapters/migrations). NewerDatabase: nothing is changed. Proven equal to all the revisions by
    tests/contracts/test_migrations.py.
    """
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names()
        if not names:
            metadata.create_all(connection)
            _VERSION.create(connection)
            connection.execute(_VERSION.insert().values(version_num=newest()))
            return
        held = list(connection.scalars(sa.select(_VERSION))) if _VERSION.name in names else []
        if strange := sorted(set(held) - set(revisions())):
            raise NewerDatabase(str(strange[-1])[:40])
        if held != [newest()]:
            upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs Alembic's revisions up to `to` on an open connection."""
    from alembic import command  # late: a start without a migration is a quarter of a second quicker
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
