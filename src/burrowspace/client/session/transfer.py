"""A transfer that has begun: an asynchronous iterator of its events, and a result that can be awaited.

What both ends have in common: tasks that end together, and events. Who acts: Client starts one; sender.py and
receiver.py do the work.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Generator
from types import TracebackType
from typing import Any, Self

from burrowspace.client.events import Event, Finished
from burrowspace.client.in_loop import in_loop
from burrowspace.core.errors import BurrowError

EVENTS = 4096  # that wait for whoever listens; the oldest progress is dropped first


class Transfer:
    """`async for event in transfer: …`, or just `await transfer`, which returns its last event, Finished; or both."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._fault: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[Finished] | None = None

    def begin(self) -> Self:
        self._task = asyncio.create_task(self._whole())
        self._task.add_done_callback(lambda _: self._news.set())
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Finished]:
        assert self._task is not None
        return asyncio.shield(self._task).__await__()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The events so far and those to come, up to Finished. Raises what went wrong."""
        assert self._task is not None
        while True:
            while self._events:
                yield self._events.popleft()
            if self._task.done():
                if not self._events:
                    break
                continue
            self._news.clear()
            await self._news.wait()
        self._task.result()

    async def close(self) -> None:
        """Stops. What has arrived stays, and `Client.resume` continues from there."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- for the two ends

    async def _work(self) -> Finished:
        raise NotImplementedError

    async def _end(self) -> None:
        """Lets go of everything, however it ended."""

    async def _failed(self, error: BurrowError) -> None:
        """It ends by this error; while the other side can still be told."""

    async def _whole(self) -> Finished:
        try:
            work = self.start(self._work())
            await asyncio.wait({work, self._fault}, return_when=asyncio.FIRST_COMPLETED)
            if self._fault.done():
                self._fault.result()
            finished: Finished = work.result()
            self.tell(finished)
            return finished
        except BurrowError as error:
            await self._failed(error)
            raise
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._fault.done() and not self._fault.cancelled():
                self._fault.exception()
            await self._end()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A part of the transfer: when it fails, the transfer does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._part_ended)
        return task

    def _part_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        if not self._fault.done():
            self._fault.set_exception(error)

    def tell(self, event: Event) -> None:
        if len(self._events) >= EVENTS:
            self._events.popleft()
        self._events.append(event)
        self._news.set()

    def changed(self) -> None:
        """What `change` waits for may have come."""
        self._changed.set()

    def changed_in_thread(self) -> None:
        """The same, said from another thread."""
        in_loop(self._loop, self.changed)

    async def change(self, seconds: float) -> None:
        """Waits for something to have changed, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
