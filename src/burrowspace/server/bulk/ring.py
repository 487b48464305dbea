"""The last bytes that went from socket to socket, kept for a reader that loses its line and comes back for them.

A file without a name that is written round and round, so its pages are taken once and no disk block is ever given back;
what a pipe holds is doubled by `tee`, which copies nothing. Used on a mover's thread. Why: docs/decisions/0006.
"""

import ctypes
import os
import tempfile
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PIECE = 1 << 20


def tee(source: int, target: int, count: int) -> int:
    """Doubles up to `count` bytes of a pipe into another pipe; they stay in the first."""
    doubled = int(_LIBC.tee(source, target, ctypes.c_size_t(count), ctypes.c_uint(os.SPLICE_F_NONBLOCK)))
    if doubled < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return doubled


class Ring:
    """Holds the last `size` bytes that were put in, by their offsets in the transfer, from `begin` on."""

    def __init__(self, beside: int, size: int, begin: int) -> None:
        """On the disk of the open file `beside`."""
        folder = Path(f"/proc/self/fd/{beside}").readlink().parent
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  (closed by close)
        self._size, self._begin, self.end = size, begin, begin

    def put(self, pipe: int, count: int) -> None:
        """Takes `count` bytes out of the pipe."""
        while count:
            place = self.end % self._size
            moved = os.splice(pipe, self._file.fileno(), min(count, self._size - place), offset_dst=place)
            self.end += moved
            count -= moved

    def pour(self, file: int, since: int) -> None:
        """Writes what is here, from `since` on, into the file, where it belongs."""
        at = max(self._begin, self.end - self._size, since)
        while at < self.end:
            place = at % self._size
            piece = os.pread(self._file.fileno(), min(_PIECE, self.end - at, self._size - place), place)
            at += os.pwrite(file, piece, at)

    def restart(self, begin: int) -> None:
        """Empty again; the next byte is the one at `begin`."""
        self._begin = self.end = begin

    def close(self) -> None:
        self._file.close()
