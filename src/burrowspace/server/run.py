"""From settings to a served port and back: listens, serves until told to stop, drains, says how it ended."""

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
import uvicorn

from burrowspace.config import Settings
from burrowspace.core.errors import BurrowError
from burrowspace.core.names import shown
from burrowspace.faults import CannotStart, is_machines, named, why_and_cure
from burrowspace.server import banner, logs
from burrowspace.server.allowance import allow
from burrowspace.server.build import App, build
from burrowspace.server.doctor.holder import holder
from burrowspace.server.serving import listen, serving
from burrowspace.server.tunnelling import TunnelKeeper
from burrowspace.system.loops import server_loop
from burrowspace.system.stopping import on_hangup, stop_calls

log = structlog.get_logger("server")

STOPPED, BROKEN, CANNOT_START = 0, 1, 2  # exit codes


def run(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; the exit code. 0: it was told to stop. 1: it cannot go on, so that whoever looks
    after it starts it again. 2: it cannot start, and would not the next time."""
    logs.configure(settings)
    try:
        allow(settings.max_sockets)
        listener = listen(settings)
    except CannotStart as error:
        return _says(error.sentence)
    except OSError as error:
        return _says(_why_not(settings, error))
    try:
        app = build(settings)
        with asyncio.Runner(loop_factory=server_loop()) as runner:
            return runner.run(_serve(app, listener))
    except CannotStart as error:
        return _says(error.sentence)
    except OSError as error:
        return _says(named(error))
    except Exception as error:
        if not is_machines(error):
            raise
        return _says(why_and_cure(error))
    finally:
        listener.close()


def _says(sentence: str) -> int:
    print(f"burrow: {sentence}", file=sys.stderr, flush=True)
    return CANNOT_START


async def _serve(app: App, listener: socket.socket) -> int:
    stopping, hurried = asyncio.Event(), asyncio.Event()
    broken: asyncio.Task[str] | None = None
    with contextlib.ExitStack() as heard:
        async with _started(app, listener) as server:

            def stop() -> None:
                if stopping.is_set():  # asked twice: no more waiting
                    server.force_exit = True
                    hurried.set()
                stopping.set()

            heard.enter_context(stop_calls(stop))
            if app.identity is not None:
                on_hangup(app.identity.look)  # what renews certificates says so with it
            keeper = TunnelKeeper(app.tunnel, app.reach, app.settings, on_up=banner.show_public)
            tunnelling = asyncio.create_task(keeper.run())
            banner.show(app.reach, app.settings, app.identity)
            broken = asyncio.create_task(app.state.broken())
            broken.add_done_callback(lambda _: stopping.set())
            await stopping.wait()
            if app.settings.drain_s and not broken.done():
                log.info("leaving: /readyz says no, sockets are closed a few at a time", seconds=app.settings.drain_s)
                await _first(app.readiness.leave(app.realtime, app.settings.drain_s), hurried.wait())
            log.info("stopping: no new connections; what runs gets a few seconds", seconds=app.settings.grace_s)
            tunnelling.cancel()
            await asyncio.gather(keeper.close(), tunnelling, return_exceptions=True)
    if broken.done():
        log.critical("the server ends", why=broken.result())
        return BROKEN
    broken.cancel()
    log.info("stopped")
    return STOPPED


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Until one of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


@contextlib.asynccontextmanager
async def _started(app: App, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """Serving. CannotStart: what is on the disk cannot be read or changed."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(serving(app, listener))
        except CannotStart:
            raise
        except BurrowError as error:
            raise CannotStart(f"{app.settings.data}: {error.sentence}") from error
        yield server


def _why_not(settings: Settings, error: OSError) -> str:
    port = settings.port
    if error.errno == errno.EADDRINUSE:
        who = holder("tcp", port)
        return (
            f"port {port} is taken{f' by {shown(who)}' if who else ''}; stop that program, or choose another port with "
            "--port (BURROW_PORT)"
        )
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}; choose one above 1023 with --port (BURROW_PORT)"
    if error.errno == errno.EADDRNOTAVAIL or type(error).__name__ == "gaierror":
        return f"{settings.host} is not an address of this machine; choose another with --host (BURROW_HOST)"
    return f"cannot listen on {settings.host}, port {port}: {why_and_cure(error)}"
