"""stdout and stdin as the SDK wants them: raw, so that no thread holds a lock at the end, and with sentences."""

import errno
import io
import os
import sys
from typing import Any, BinaryIO, cast

from burrowspace.core.errors import BurrowError, NoSpace


class OutputClosed(BurrowError):
    """Whoever read what is written has gone; no other path of the transfer can mend that."""

    code, status = "output-closed", 410


class _Out(io.RawIOBase):
    def __init__(self, handle: int) -> None:
        self._handle = handle

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._handle

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace("the disk that stdout goes to is full") from error
            raise OutputClosed("whoever read the output has gone; nothing more is received") from error
        return size


def stdout() -> BinaryIO:
    """Every write is whole, or OutputClosed, or NoSpace."""
    sys.stdout.flush()
    return cast(BinaryIO, _Out(sys.stdout.fileno()))


def stdin() -> BinaryIO:
    """Unbuffered: a read that waits for ever holds no lock that the interpreter wants at its end."""
    return cast(BinaryIO, open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
