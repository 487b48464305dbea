"""Asks the person at the terminal; a question never holds up the loop, and Ctrl-C ends it like everything else."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator

from burrowspace.system.keyboard import typed_lines


def can_ask() -> bool:
    """Whether there is a person: both ends of the talk are terminals."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


async def yes(question: str, *, default: bool) -> bool:
    """Their answer; Enter alone is `default`, the end of input is no."""
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    with typed_lines(typed.put_nowait, only_in_front=False):
        while True:
            print(f"{question} [{'Y/n' if default else 'y/N'}] ", end="", file=sys.stderr, flush=True)
            answer = await typed.get()
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
    """Calls `heard` with each line that the person types meanwhile."""

    def read(data: bytes) -> None:
        for line in data.decode(errors="replace").splitlines():
            heard(line.strip())

    with typed_lines(read, only_in_front=True):
        yield
