"""Whether this device has no network at all, as the system says it: at once, and without a call that has to fail first.

An open connection hears nothing of a cable that was pulled out, and the other side would be blamed for the silence.
"""

import errno
import socket
from collections.abc import Callable
from typing import Any

from burrowspace.core.reports import BACK, OFFLINE

LOOK_EVERY = 0.25  # s
STILL_S = 0.5  # without a byte by a direct path: the server may be away alone
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)


def no_route(address: tuple[Any, ...]) -> bool:
    """Whether the system knows no way to this address, as `getpeername` gives it. Sends nothing.

    >>> no_route(("127.0.0.1", 80))
    False
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect(address)
    except OSError as error:
        return error.errno in _NO_ROUTE
    return False


class NetworkWatch:
    """Whether the network has gone. A byte that moved by a direct path shows that it has not."""

    def __init__(self, offline: Callable[[], bool]) -> None:
        self._offline, self._gone, self._told, self._after = offline, False, False, 0.0

    def gone(self, now: float, moved_at: float) -> bool:
        """`moved_at`: when a byte last went by a direct path, s."""
        if now >= self._after:
            self._after = now + LOOK_EVERY
            self._gone = self._offline() and now - moved_at > STILL_S
        return self._gone

    def news(self, now: float, moved_at: float) -> str | None:
        """What the person is to hear, once."""
        told, self._told = self._told, self.gone(now, moved_at)
        return None if self._told is told else OFFLINE if self._told else BACK
