"""Which event loop this system has."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

if sys.platform == "win32":
    from asyncio import ProactorEventLoop

    class PlainLoop(ProactorEventLoop):
        """asyncio's. But it shuts a connection down before it closes it: that fails where the peer has reset it, so the
        connection would stay open, and each such peer be an error in the log."""

        def call_exception_handler(self, context: dict[str, Any]) -> None:
            transport = getattr(getattr(context.get("handle"), "_callback", None), "__self__", None)
            sock = getattr(transport, "_sock", None)
            if sock is None or not isinstance(context.get("exception"), OSError):
                super().call_exception_handler(context)
                return
            sock.close()
            transport._sock = None
            if (server := getattr(transport, "_server", None)) is not None:
                transport._server = None
                server._detach(*([transport] if sys.version_info >= (3, 13) else []))
            transport._called_connection_lost = True
else:
    from asyncio import SelectorEventLoop as PlainLoop

__all__ = ["PlainLoop", "server_loop"]


def server_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is, which is not on Windows; else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return PlainLoop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
