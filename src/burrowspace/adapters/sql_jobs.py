"""Functions that wait for a thread of the database, and what comes of them. Part of state_sql.py."""

import asyncio
import queue
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from burrowspace.adapters.sql_rows import SqlRows
from burrowspace.ports import Rows

Outcome = tuple[list[tuple["Job", Any]], list[tuple["Job", Exception]]]  # with their results; with their refusals


class Job:
    """A function that waits for its thread, and the future of whoever waits for it."""

    __slots__ = ("about", "future", "loop", "work")

    def __init__(
        self,
        work: Callable[[Rows], Any],
        about: Sequence[str] | None,
        loop: asyncio.AbstractEventLoop,
        future: "asyncio.Future[Any]",
    ) -> None:
        self.work, self.about, self.loop, self.future = work, about, loop, future

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


def take(jobs: "queue.SimpleQueue[Job | None]", most: int) -> tuple[list[Job], bool]:
    """Everything that waits, at least one and at most `most`; and whether the queue was told to end."""
    batch: list[Job] = []
    job = jobs.get()
    while job is not None:
        batch.append(job)
        if len(batch) >= most:
            return batch, False
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            return batch, False
    return batch, True


def run(batch: list[Job], rows: SqlRows) -> Outcome:
    """Runs each over the rows of one transaction. One that refuses before it wrote leaves the others alone; any other
    error is raised, since the transaction has to be undone."""
    done: list[tuple[Job, Any]] = []
    refused: list[tuple[Job, Exception]] = []
    for job in batch:
        writes = rows.writes
        rows.limit_to(job.about)
        try:
            done.append((job, job.work(rows)))
        except sa.exc.SQLAlchemyError:
            raise
        except Exception as error:
            if rows.writes != writes:
                raise
            refused.append((job, error))
    return done, refused
