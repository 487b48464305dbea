"""The loop of a command. It looks names up in threads that nobody waits for: a name service that does not answer takes
20 s and more to say so, and asyncio's own loop does not end before, though all is done or Ctrl-C was pressed.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from burrowspace.system.loops import PlainLoop


class Loop(PlainLoop):
    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As `socket.getaddrinfo`, and its errors."""
        found: asyncio.Future[list[Any]] = self.create_future()

        def settle(how: Callable[[Any], None], what: object) -> None:
            if not found.done():  # whoever asked may have gone
                how(what)

        def ask() -> None:
            how: Callable[[Any], None]
            what: object
            try:
                how, what = found.set_result, socket.getaddrinfo(host, port, family, type, proto, flags)
            except Exception as error:
                how, what = found.set_exception, error
            with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
                self.call_soon_threadsafe(settle, how, what)

        threading.Thread(target=ask, name="lookup", daemon=True).start()
        return await found
