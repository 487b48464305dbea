"""A token bucket for --limit-rate: one for a transfer, shared by all its paths and threads.

It says how long to wait and waits for nobody: who sends waits where it can be interrupted. Time is given to it.
"""

import threading
import time
from collections.abc import Callable


class Bucket:
    """`rate` bytes/s on the long run, and at most `burst` bytes at once (default: a quarter of a second's worth).

    >>> now = [0.0]
    >>> bucket = Bucket(1000, burst=500, clock=lambda: now[0])
    >>> bucket.spend(500), bucket.spend(250)     # the burst is free, then it is paid for
    (0.0, 0.25)
    """

    def __init__(self, rate: float, burst: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        if rate <= 0:
            raise ValueError("a rate is more than 0 bytes/s")
        self.rate, self.burst = rate, rate / 4 if burst is None else burst
        self._clock, self._lock = clock, threading.Lock()
        self._left, self._at = self.burst, clock()  # bytes that may go at once; negative: a debt

    def spend(self, size: int) -> float:
        """Takes `size` bytes out; the seconds to wait before sending them. From any thread."""
        with self._lock:
            now = self._clock()
            self._left = min(self.burst, self._left + (now - self._at) * self.rate)
            self._at = now
            self._left -= size
            return max(0.0, -self._left / self.rate)
