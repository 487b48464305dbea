"""From settings to a served port and back: listens, serves until told to stop, drains, says how it ended."""

import asyncio
import contextlib
import errno
import socket
import sys

import structlog

from burrowspace.config import Settings
from burrowspace.server import banner, logs
from burrowspace.server.build import App, DataFolderInUse, build
from burrowspace.server.serving import listen, serving
from burrowspace.server.tls.context import NoIdentity
from burrowspace.server.tunnelling import TunnelKeeper
from burrowspace.system.loops import server_loop
from burrowspace.system.stopping import on_hangup, stop_calls

log = structlog.get_logger("server")


def run(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; the exit code: 0, or 1 when it could not start."""
    logs.configure(settings)
    try:
        listener = listen(settings)
    except OSError as error:
        print(_why_not(settings, error), file=sys.stderr)
        return 1
    try:
        app = build(settings)
    except (DataFolderInUse, NoIdentity, OSError) as error:
        listener.close()
        print(str(error), file=sys.stderr)
        return 1
    with asyncio.Runner(loop_factory=server_loop()) as runner:
        return runner.run(_serve(app, listener))


async def _serve(app: App, listener: socket.socket) -> int:
    stopping = asyncio.Event()
    with contextlib.ExitStack() as heard:
        async with serving(app, listener) as server:

            def stop() -> None:
                server.force_exit = stopping.is_set()  # asked twice: no more waiting
                stopping.set()

            heard.enter_context(stop_calls(stop))
            if app.identity is not None:
                on_hangup(app.identity.look)  # what renews certificates says so with it
            keeper = TunnelKeeper(app.tunnel, app.reach, app.settings, on_up=banner.show_public)
            tunnelling = asyncio.create_task(keeper.run())
            banner.show(app.reach, app.settings, app.identity)
            await stopping.wait()
            log.info("stopping: no new connections; what runs gets a few seconds", seconds=app.settings.grace_s)
            tunnelling.cancel()
            await asyncio.gather(keeper.close(), tunnelling, return_exceptions=True)
    log.info("stopped")
    return 0


def _why_not(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} is taken; stop what uses it, or choose another with --port (BURROW_PORT)"
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {settings.port}; choose one above 1023 with --port (BURROW_PORT)"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{settings.host} is no address of this machine; choose another with --host (BURROW_HOST)"
    return f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}"
