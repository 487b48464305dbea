"""Asks the person at the terminal; a question never holds up the loop, and Ctrl-C ends it like everything else."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator


def can_ask() -> bool:
    """Whether there is a person: both ends of the talk are terminals."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


async def yes(question: str, *, default: bool) -> bool:
    """Their answer; Enter alone is `default`, the end of input is no."""
    loop = asyncio.get_running_loop()
    handle = sys.stdin.fileno()
    while True:
        print(f"{question} [{'Y/n' if default else 'y/N'}] ", end="", file=sys.stderr, flush=True)
        line: asyncio.Future[bytes] = loop.create_future()

        def read(line: "asyncio.Future[bytes]" = line) -> None:
            if not line.done():
                line.set_result(os.read(handle, 4096))

        loop.add_reader(handle, read)
        try:
            answer = await line
        finally:
            loop.remove_reader(handle)
        said = answer.decode(errors="replace").strip().lower()
        if not answer:
            return False
        if not said:
            return default
        if said in ("y", "yes"):
            return True
        if said in ("n", "no"):
            return False


@contextlib.contextmanager
def typed(heard: Callable[[str], None]) -> Iterator[None]:
    """Calls `heard` with each line that the person types meanwhile. In the background nothing is read: the system would
    stop the program for it."""
    loop, handle = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        data = os.read(handle, 4096) if _in_front(handle) else b""
        if not data:
            loop.remove_reader(handle)
        for line in data.decode(errors="replace").splitlines():
            heard(line.strip())

    try:
        loop.add_reader(handle, read)
    except (NotImplementedError, OSError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(handle)


def _in_front(handle: int) -> bool:
    try:
        return os.tcgetpgrp(handle) == os.getpgrp()
    except OSError:
        return True  # not the terminal that we were started from: nobody stops us
