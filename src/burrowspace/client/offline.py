"""Whether this device has no network at all, as the system says it: at once, and without a call that has to fail first.

An open connection hears nothing of a cable that was pulled out, and the other side would be blamed for the silence.
"""

import errno
import socket
from collections.abc import Callable
from typing import Any

AWAY = "the server cannot be reached; still trying"
OFFLINE = "this device is offline; it goes on when the network is back"
BACK = "the network is back"
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
    """Says once that the network has gone, and that it is back. `offline`: whether there is none now."""

    def __init__(self, offline: Callable[[], bool]) -> None:
        self._offline, self._was, self._after = offline, False, 0.0

    def news(self, now: float, moved_at: float) -> str | None:
        """What the person is to hear, once. `moved_at`: when a byte last went by a direct path, s."""
        if now < self._after:
            return None
        self._after = now + LOOK_EVERY
        was, self._was = self._was, self._offline() and now - moved_at > STILL_S
        return None if self._was is was else OFFLINE if self._was else BACK
