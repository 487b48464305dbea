"""Waking calls that wait for a change: the other half of every call with `wait`.

A notification says that something may have changed and never what: State is the truth, and whoever wakes asks it
again. The Bus carries notifications to all nodes, and may lose one: who waits asks again now and then all the same.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from burrowspace.core.errors import TooMany
from burrowspace.ports import Bus

T = TypeVar("T")

_LONGEST_S = 50.0  # that a call may wait: by then each that waits now has been answered
_ANEW_S = 20.0  # between two looks of a call that nobody notified, where a notification may be lost
_KEYS = 8  # that one waiting call may hear; who hears more counts as several calls


class ChangeNotifier:
    """All waiting calls of this process. Used on the loop only. A waiting call costs an event and its place here."""

    def __init__(self, bus: Bus, most: int, most_each: int) -> None:
        self._bus, self._anew_s = bus, _ANEW_S if bus.may_lose else None
        self._most, self._most_each = most, most_each
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._addresses: Counter[str] = Counter()
        self._count = 0
        self._closed = False
        bus.on_ring(self._rung)

    def notify(self, key: str) -> None:
        """Something about `key` may have changed; on all nodes."""
        self._bus.ring((key,))

    def _rung(self, keys: Sequence[str]) -> None:
        """Some node says that something about these may have changed; without keys: about anything."""
        for key in keys or list(self._waiting):
            for event in self._waiting.get(key, ()):
                event.set()

    def close(self) -> None:
        """The server stops: everybody is answered with what is there."""
        self._closed = True
        self._rung(())

    def __len__(self) -> int:
        return self._count

    async def until(
        self,
        keys: Sequence[str],
        address: str | None,
        seconds: float,
        ask: Callable[[], Awaitable[T]],
        enough: Callable[[T], bool],
    ) -> T:
        """What `ask` gives, as soon as it is enough or `seconds` are over. It is called again when one of `keys` was
        notified. TooMany where too many wait already.
        """
        found = await ask()
        if seconds <= 0 or enough(found):
            return found
        with self._subscribe(keys, address) as changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not enough(found := await ask()) and not self._closed:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(self._anew_s):
                                await changed.wait()
                        changed.clear()  # before asking, so that no notification is lost
            return found

    @contextlib.contextmanager
    def _subscribe(self, named: Sequence[str], address: str | None) -> Iterator[asyncio.Event]:
        keys = set(named)  # two devices of one network have one key
        cost = -(-len(keys) // _KEYS)
        if self._count + cost > self._most:
            raise TooMany("as many calls wait at this server as may; ask without `wait`", _LONGEST_S)
        if address is not None and self._addresses[address] + cost > self._most_each:
            raise TooMany(f"{self._most_each} calls of your address wait already; end one first", _LONGEST_S)
        changed = asyncio.Event()
        for key in keys:
            self._waiting.setdefault(key, set()).add(changed)
        self._count += cost
        if address is not None:
            self._addresses[address] += cost
        try:
            yield changed
        finally:
            self._count -= cost
            for key in keys:
                self._waiting[key].discard(changed)
                if not self._waiting[key]:
                    del self._waiting[key]
            if address is not None:
                self._addresses[address] -= cost
                if not self._addresses[address]:
                    del self._addresses[address]
