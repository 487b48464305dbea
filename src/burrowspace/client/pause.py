"""How long to wait before something that failed is tried again: a little longer each time, until it worked."""

import asyncio

RETRY_S, RETRY_MOST_S = 0.5, 8.0  # a server that cannot be reached


class Pause:
    """Seconds: `first`, then twice as long each time, `most` at most; from `first` again after `over`."""

    def __init__(self, first: float = RETRY_S, most: float = RETRY_MOST_S) -> None:
        self._first, self._most = first, most
        self._next = first

    async def wait(self) -> None:
        seconds, self._next = self._next, min(2 * self._next, self._most)
        await asyncio.sleep(seconds)

    def over(self) -> None:
        """It worked."""
        self._next = self._first
