"""stdout, stdin and pipes with a name as the SDK wants them: raw, so that no thread holds a lock at the end, and with
sentences."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

from burrowspace import faults
from burrowspace.cli.exits import Usage
from burrowspace.cli.streams import CLOSED
from burrowspace.core.errors import BadRequest, BurrowError, NoSpace
from burrowspace.system.files import open_file


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
            if faults.is_full(error):
                raise NoSpace("the disk that stdout goes to is full") from error
            raise OutputClosed("whoever read the output has gone; nothing more is received") from error
        return size


class _Named(io.RawIOBase):
    """A pipe or a device by its path. Opened when it is first read, in the thread that reads: a pipe without a writer
    makes whoever opens it wait."""

    def __init__(self, path: str) -> None:
        self._path, self._handle = path, -1

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            if self._handle < 0:
                self._handle = open_file(self._path, os.O_RDONLY)
            data = os.read(self._handle, len(into))
            into[: len(data)] = data
            return len(data)
        except OSError as error:
            why = faults.why(error)
            raise BadRequest(f"{self._path} cannot be read: {why}; check the permissions") from error

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        super().close()


def stdout() -> BinaryIO:
    """Every write is whole, or OutputClosed, or NoSpace. Usage: it was closed when the program began."""
    if 1 in CLOSED:
        raise Usage("stdout is closed, so -o - has nowhere to write; redirect it to a file or a pipe")
    sys.stdout.flush()
    return cast(BinaryIO, _Out(sys.stdout.fileno()))


def stdin() -> BinaryIO:
    """Unbuffered: a read that waits for ever holds no lock that the interpreter wants at its end. Usage: see above."""
    if 0 in CLOSED:
        raise Usage("stdin is closed, so there is nothing to send; redirect a file or a pipe to it, or name a file")
    return cast(BinaryIO, open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))


def is_stream(path: str) -> bool:
    """Whether what lies there has no size and can be read only once: a pipe (such as `/dev/stdin` or what the shell
    makes of `<(command)`), a terminal, a device."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def named_stream(path: str) -> BinaryIO:
    """Read to its end. BadRequest, when it is read: it cannot be."""
    return cast(BinaryIO, _Named(path))
