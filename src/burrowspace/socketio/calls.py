"""The application's handlers at work for one connection: their failures harm nobody, and they are not too many.

A handler that is a coroutine becomes a task; while too many run, the client is not read.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from burrowspace.socketio.errors import BadPacket

if TYPE_CHECKING:
    from burrowspace.socketio.session import Session
    from burrowspace.socketio.socket import Ack

logger = logging.getLogger("burrowspace.socketio")


class Spawns(Protocol):
    """The server, as far as handlers go that take time."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...


class Calls:
    """Calls application code on behalf of one connection. BadPacket passes through; the rest is logged."""

    __slots__ = ("_running", "_server", "_session")

    def __init__(self, server: Spawns, session: Session) -> None:
        self._server = server
        self._session = session
        self._running = 0  # asynchronous handlers at work

    def call(self, what: str, handler: Callable[..., Any], *args: Any, ack: Ack | None = None) -> None:
        """Calls a handler; what it returns, now or later, is the acknowledgement."""
        try:
            result = handler(*args)
        except BadPacket:
            raise
        except Exception:
            logger.exception("the handler of %r failed", what)
            return
        if inspect.isawaitable(result):
            self._running += 1
            if self._running == self._session.engine.options.max_running_handlers:
                self._session.reading.pause()
            self._server.spawn(self._finish(what, result, ack))
        elif ack is not None:
            _acknowledge(ack, what, result)

    async def _finish(self, what: str, result: Awaitable[Any], ack: Ack | None) -> None:
        try:
            value = await result
            if ack is not None:
                _acknowledge(ack, what, value)
        except BadPacket:
            self._session.break_off()
        except Exception:
            logger.exception("the handler of %r failed", what)
        finally:
            if self._running == self._session.engine.options.max_running_handlers:
                self._session.reading.resume()
            self._running -= 1


def _acknowledge(ack: Ack, event: str, result: Any) -> None:
    values = () if result is None else result if isinstance(result, tuple) else (result,)
    try:
        ack(*values)
    except TypeError:
        logger.exception("what the handler of %r returned is not JSON", event)
