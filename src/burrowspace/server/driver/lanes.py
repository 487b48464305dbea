"""The lanes of this process: one for each key of the spool that somebody writes or follows."""

import asyncio
from collections import Counter
from collections.abc import Callable

from burrowspace.core.spooling import Ledger, Policy
from burrowspace.ports import Spool
from burrowspace.server.driver.lane import Lane
from burrowspace.server.driver.uncancellable import uncancellable


class Lanes:
    """All lanes of this process. Used on the loop only."""

    def __init__(self, spool: Spool, window: int) -> None:
        self._spool, self._window = spool, window
        self._open: dict[str, Lane] = {}
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}
        self._whole: Counter[str] = Counter()

    def readers(self, key: str) -> int:
        """Who reads it now, as it comes or once it is whole."""
        lane = self._open.get(key)
        return self._whole[key] + (0 if lane is None else len(lane.ledger.readers))

    def reads_whole(self, key: str) -> Callable[[], None]:
        """Somebody reads what is complete; call what this gives when they have ended."""
        self._whole[key] += 1

        def ended() -> None:
            self._whole[key] -= 1
            if not self._whole[key]:
                del self._whole[key]

        return ended

    def find(self, key: str) -> Lane | None:
        return self._open.get(key)

    async def begin(self, key: str, at: int, policy: Policy, length: int | None, window: int | None = None) -> Lane:
        """A lane for a new writer, from `at` on; readers of what was there before are told that it is lost."""
        old = self._open.pop(key, None)
        if old is not None:
            old.abandon()
        await uncancellable(self._spool.begin(key, at))
        return self._add(key, Ledger(policy=policy, window=window or self._window, begin=at), length)

    async def resume(self, key: str, policy: Policy, length: int | None, window: int | None = None) -> Lane:
        """The lane of an unfinished key, for its next writer or a reader. NotFound where the spool has no such key."""
        size, first = await self._spool.size(key), await self._spool.first(key)
        lane = self._open.get(key)
        if lane is None:
            ledger = Ledger(policy=policy, window=window or self._window, begin=first, size=size)
            return self._add(key, ledger, length)
        lane.length = length
        lane.enter()
        return lane

    def _add(self, key: str, ledger: Ledger, length: int | None) -> Lane:
        lane = self._open[key] = Lane(key, self._spool, ledger, length, self._left)
        lane.enter()
        for waiting in self._awaited.pop(key, ()):
            if not waiting.done():
                waiting.set_result(None)
        return lane

    def _left(self, lane: Lane) -> None:
        if self._open.get(lane.key) is lane:
            del self._open[lane.key]

    async def opened(self, key: str, seconds: float) -> bool:
        """Waits until somebody opens a lane for the key; False when nobody did."""
        waiting = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(key, set()).add(waiting)
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            return False
        finally:
            there = self._awaited.get(key, set())
            there.discard(waiting)
            if not there:
                self._awaited.pop(key, None)
        return True

    def drop(self, key: str) -> None:
        """The key goes: whoever writes or reads it is told."""
        lane = self._open.pop(key, None)
        if lane is not None:
            lane.abandon()
