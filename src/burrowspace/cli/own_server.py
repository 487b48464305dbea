"""A server inside this very program, for as long as a transfer lasts: what `burrow send` has where there is no other.

It listens on a free port of every interface, on a thread with a loop of its own: neither the server's calls nor the
sender's work wait for each other's loop, and the blocks themselves are moved by threads of either. Its data is a
temporary folder, removed behind it.
"""

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

_FLOOR = 16 << 20  # bytes of the temporary folder's disk that are left free


@contextlib.asynccontextmanager
async def own_server(port: int = 0) -> AsyncIterator[str]:
    """The origin of a server that serves until the context ends, under the likeliest address of this machine.

    `port` 0: a free one. OSError: it is taken.
    """
    folder = Path(tempfile.mkdtemp(prefix="burrow-"))
    opened: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_serve, args=(folder, port, opened), name="own server", daemon=True)
    thread.start()
    try:
        url, loop, stopping = await asyncio.wrap_future(opened)
        try:
            yield url
        finally:
            loop.call_soon_threadsafe(stopping.set)
            await asyncio.to_thread(thread.join)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, port: int, opened: "Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    """Runs on its thread: from the port to the end."""
    try:
        from burrowspace.server.run import loop_factory

        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_life(folder, port, opened))
    except BaseException as error:
        if not opened.done():
            opened.set_exception(error)


async def _life(
    folder: Path, port: int, opened: "Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]"
) -> None:
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

    from burrowspace.config import Settings
    from burrowspace.server import banner, logs
    from burrowspace.server.build import build
    from burrowspace.server.serving import listen, serving

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

    given: dict[str, Any] = {"data": folder / "data", "disk_floor_bytes": _FLOOR, "log_level": "error", "grace_s": 1}
    chosen = Own(port=port, **given)
    logs.configure(chosen)
    listener = listen(chosen)
    house = build(chosen)
    stopping = asyncio.Event()
    async with serving(house, listener):
        url = next(iter(banner.addresses(house.reach)), f"http://127.0.0.1:{house.reach.port}")
        opened.set_result((url, asyncio.get_running_loop(), stopping))
        await stopping.wait()
