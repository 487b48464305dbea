"""From a thread into the loop of its transfer."""

import asyncio
import contextlib
from collections.abc import Callable


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *args: object) -> None:
    """`call` runs soon in the loop; where that is closed, nobody is left to hear of it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *args)
