"""Background work that nobody awaits: held until done, its failure logged, cancelled at the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from burrowspace.core.errors import NoSpace, Unavailable

log = structlog.get_logger("tasks")


class Tasks:
    """A bag of running tasks."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Unavailable | NoSpace):  # the State has said in the log what to do
            log.warning("background work was left undone", why=error.sentence)
        else:
            log.error("background work failed", error=repr(error), exc_info=error)

    async def idle(self) -> None:
        """Waits until nothing runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
