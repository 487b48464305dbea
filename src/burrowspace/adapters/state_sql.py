"""The State port on a SQL database through SQLAlchemy: state_sqlite.py and state_postgres.py say which.

Writes go through one thread that takes whatever waits and commits it together, so a hundred callers share one
fsync; reads do likewise beside it on a thread of their own. Proven by tests/contracts/test_state.py.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from burrowspace.adapters.sql_faults import Watch
from burrowspace.adapters.sql_jobs import Job, Outcome, run, take
from burrowspace.adapters.sql_rows import SqlRows
from burrowspace.core.errors import Unavailable
from burrowspace.ports import Rows

T = TypeVar("T")

_Work = Callable[[Connection, list[Job]], None]
_BATCH = 256  # changes that share one commit at most


class SqlState:
    """State over an engine. Make one with `open_sqlite` or `open_postgres`."""

    def __init__(self, engine: Engine, watch: Watch | None = None) -> None:
        self._engine = engine
        self._watch = watch or Watch()
        self._changes: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._write_loop, name="state-write", daemon=True),
            threading.Thread(target=self._read_loop, name="state-read", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, ask: Callable[[Rows], T]) -> T:
        return cast(T, await self._ask(self._questions, ask))

    async def write(self, change: Callable[[Rows], T], *, about: Sequence[str] | None = None) -> T:
        return cast(T, await self._ask(self._changes, change, about))

    async def broken(self) -> str:
        return await asyncio.shield(asyncio.wrap_future(self._watch.replaced))

    async def close(self) -> None:
        """Finishes what was asked for, then lets go of the database."""
        self._changes.put(None)
        self._questions.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._engine.dispose()

    async def _ask(
        self, jobs: "queue.SimpleQueue[Job | None]", work: Callable[[Rows], Any], about: Sequence[str] | None = None
    ) -> Any:
        loop = asyncio.get_running_loop()
        job = Job(work, about, loop, loop.create_future())
        jobs.put(job)
        return await asyncio.shield(job.future)

    def _write_loop(self) -> None:
        self._loop(self._changes, self._commit)

    def _read_loop(self) -> None:
        self._loop(self._questions, self._answer)

    def _loop(self, jobs: "queue.SimpleQueue[Job | None]", work: _Work) -> None:
        """Ends only when it is told to: whatever goes wrong is the answer of those that asked."""
        connection: Connection | None = None
        last = False
        while not last:
            batch, last = take(jobs, _BATCH)
            try:
                connection = connection or self._connect()
                work(connection, batch)
            except Exception as error:
                for job in batch:
                    job.fail(self._watch.refusal(error))
        if connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.close()

    def _commit(self, connection: Connection, batch: list[Job]) -> None:
        """One commit for all. If one of several fails after it wrote, all are undone and each runs again by itself."""
        try:
            done, refused = self._change(connection, batch)
        except Exception as error:
            self._undone(connection, batch, error, self._commit)
            return
        self._watch.works()
        for job, result in done:
            job.settle(result)
        for job, refusal in refused:
            job.fail(refusal)

    def _answer(self, connection: Connection, batch: list[Job]) -> None:
        try:
            done, refused = self._look(connection, batch)
        except Exception as error:
            self._undone(connection, batch, error, self._answer)
            return
        for job, result in done:
            job.settle(result)
        for job, refusal in refused:
            job.fail(refusal)

    def _undone(self, connection: Connection, batch: list[Job], error: Exception, again: _Work) -> None:
        """What becomes of a batch whose transaction failed."""
        refusal = self._watch.refusal(error)
        if len(batch) == 1 or isinstance(refusal, Unavailable):
            for job in batch:
                job.fail(refusal)
        else:
            for job in batch:
                again(connection, [job])

    def _connect(self) -> Connection:
        return self._engine.connect()

    def _change(self, connection: Connection, batch: list[Job]) -> Outcome:
        """One transaction that writes, durable when it returns. Raises when nothing of it may have happened."""
        self._watch.check()
        with connection.begin():
            outcome = run(batch, SqlRows(connection))
        self._watch.check()  # what went into a file that is gone is not durable
        return outcome

    def _look(self, connection: Connection, batch: list[Job]) -> Outcome:
        """One transaction that only reads."""
        self._watch.check()
        with connection.begin():
            return run(batch, SqlRows(connection))
