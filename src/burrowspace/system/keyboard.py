"""What a person types at the terminal, while the loop goes on."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

Heard = Callable[[bytes], None]


@contextlib.contextmanager
def typed_lines(heard: Heard, *, only_in_front: bool) -> Iterator[None]:
    """Within it the running loop calls `heard` with what is typed, a line at a time; empty: the input has ended.

    `only_in_front`: in the background nothing is read, for which the system would stop the program; it has ended then.
    """
    loop, handle = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        data = os.read(handle, 4096) if not only_in_front or _in_front(handle) else b""
        if not data:
            loop.remove_reader(handle)
        heard(data)

    try:
        loop.add_reader(handle, read)
    except (NotImplementedError, OSError):  # Windows' loops watch sockets alone
        with _THREAD.serving(loop, heard):
            yield
        return
    try:
        yield
    finally:
        loop.remove_reader(handle)


def _in_front(handle: int) -> bool:
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        return os.tcgetpgrp(handle) == os.getpgrp()
    except OSError:
        return True  # not the terminal that we were started from: nobody stops us


class _Thread:
    """Reads lines for whoever wants them now. A read cannot be called off, so there is one thread for all."""

    def __init__(self) -> None:
        self._now: tuple[asyncio.AbstractEventLoop, Heard] | None = None
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def serving(self, loop: asyncio.AbstractEventLoop, heard: Heard) -> Iterator[None]:
        self._now = loop, heard
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._read, name="keyboard", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            self._now = None

    def _read(self) -> None:
        line = b"\n"
        while line:
            try:
                line = sys.stdin.buffer.readline()
            except (OSError, ValueError):
                line = b""
            if self._now is not None:
                loop, heard = self._now
                with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
                    loop.call_soon_threadsafe(heard, line)


_THREAD = _Thread()
