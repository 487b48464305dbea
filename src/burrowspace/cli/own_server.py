"""A server inside this very program, for as long as a transfer lasts: what `burrow send` has where there is no other.

It listens on a free port of every interface, on a thread with a loop of its own: neither the server's calls nor the
sender's work wait for each other's loop, and the blocks themselves are moved by threads of either. Its data lies in the
state folder and is removed behind it; interrupted, it stays, so that the same command is the same server again.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from burrowspace.client.server.proxies import go_direct
from burrowspace.client.state.folders import here
from burrowspace.client.state.root import make_state, state_folder
from burrowspace.private import private_file
from burrowspace.system.locks import try_lock_file

if TYPE_CHECKING:
    from burrowspace.client.state.journal import Record

_ORIGINS = "origins"  # a file: the addresses under which a server of ours was used
_FLOOR = 16 << 20  # bytes of the disk that are left free
_Opened = tuple[list[str], Path, asyncio.AbstractEventLoop, asyncio.Event]


def was_own(record: "Record") -> int | None:
    """The port of a server of our own that an unfinished sending had, if its data is still there. A server elsewhere
    may have the same port; so each of ours writes down under which address it was used."""
    if record.server is None:
        return None
    port = urlsplit(record.server).port
    with contextlib.suppress(OSError):
        if record.server in (_root() / str(port) / _ORIGINS).read_text("utf-8").split():
            return port
    return None


def begun(paths: list[str]) -> "Record | None":
    """The unfinished sending of these paths."""
    from burrowspace.client.state.journal import known
    from burrowspace.core.errors import NotFound

    with contextlib.suppress(NotFound):
        return here().by_paths(known(list(paths))) if paths else None
    return None


def port_of(record: "Record | None") -> int:
    """The port that it had; 0: any."""
    return (record and was_own(record)) or 0


def prepare() -> None:
    """Loads what the server needs, in a thread beside something that only waits."""
    import burrowspace.server.build
    import burrowspace.server.serving  # noqa: F401


@contextlib.asynccontextmanager
async def own_server(port: int = 0) -> AsyncIterator[list[str]]:
    """The origins of a server that serves until the context ends: under the likeliest address of this machine, and
    under one of each further network.

    `port` 0, or one that is taken: a free one.
    """
    opened: Future[_Opened] = Future()
    thread = threading.Thread(target=_serve, args=(port, opened), name="own server", daemon=True)
    thread.start()
    urls, folder, loop, stopping = await asyncio.wrap_future(opened)
    go_direct(urlsplit(urls[0]).hostname or "")
    keep = False
    try:
        yield urls
    except asyncio.CancelledError:
        keep = True
        raise
    finally:
        loop.call_soon_threadsafe(stopping.set)
        await asyncio.to_thread(thread.join)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _root() -> Path:
    return state_folder(os.environ) / "own"


def _sweep() -> None:
    """Removes what servers of transfers left that are over."""
    wanted = {urlsplit(record.server or "").port for record in here().unfinished()}
    for folder in _root().iterdir():
        if not folder.name.isdigit() or int(folder.name) in wanted:
            continue
        with contextlib.suppress(OSError):
            with (folder / "lock").open("a") as lock:
                try_lock_file(lock.fileno())  # BlockingIOError: it runs
            shutil.rmtree(folder, ignore_errors=True)


def _serve(port: int, opened: "Future[_Opened]") -> None:
    """Runs on its thread: from the port to the end."""
    try:
        from burrowspace.cli.runner import hush
        from burrowspace.system.loops import server_loop

        hush(logging.DEBUG if os.environ.get("BURROW_DEBUG") else logging.CRITICAL)
        with asyncio.Runner(loop_factory=server_loop()) as runner:
            runner.run(_life(port, opened))
    except BaseException as error:
        if not opened.done():
            opened.set_exception(error)


async def _life(port: int, opened: "Future[_Opened]") -> None:
    from burrowspace.server import banner
    from burrowspace.server.allowance import allow
    from burrowspace.server.build import build
    from burrowspace.server.serving import listen, serving

    make_state(_root().parent)
    _root().mkdir(mode=0o700, exist_ok=True)
    _sweep()
    try:
        listener = listen(_settings(port, Path()))
    except OSError:
        listener = listen(_settings(0, Path()))
    port = listener.getsockname()[1]
    folder = _root() / str(port)
    settings = _settings(port, folder)
    allow(settings.max_sockets)
    app = build(settings)
    stopping = asyncio.Event()
    async with serving(app, listener, brief=True):
        url = next(iter(banner.addresses(app.reach)), f"http://127.0.0.1:{port}")
        others = [each for each in banner.urls(app.reach, app.reach.networks) if each != url]
        with os.fdopen(private_file(folder / _ORIGINS), "a", encoding="utf-8") as known:
            known.write(url + "\n")
        opened.set_result(([url, *others], folder, asyncio.get_running_loop(), stopping))
        await stopping.wait()


def _settings(port: int, folder: Path) -> Any:  # burrowspace.config.Settings
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

    from burrowspace.config import Settings

    class Own(Settings):
        """The defaults, whatever BURROW_… says: those variables are for `burrow serve`."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)

    given: dict[str, Any] = {"data": folder, "disk_floor_bytes": _FLOOR, "grace_s": 1}
    return Own(port=port, **given)
