"""Files by descriptor: how they are opened, read and written at a place, and made durable.

On Windows `os.open` would turn line ends without O_BINARY, a folder cannot be opened, `fsync` wants a file that is open
for writing, and there is no call that reads or writes at a place.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows: an ordinary user may make no links there
NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for what may be a pipe
KEEPS_OPEN_FILES = sys.platform == "win32"  # a file that somebody has open can be neither removed nor replaced
_DURABLE = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: its fsync leaves the bytes in the cache of the drive
_PLACING = [threading.Lock() for _ in range(64)]  # for a descriptor's one place, where it has to be moved
_TRIES, _AGAIN_S = 50, 0.02


def open_file(path: str | Path, flags: int, mode: int = 0o666) -> int:
    """`os.open`: bytes as they are, and closed in programs that we start."""
    return os.open(path, flags | PLAIN, mode)


if hasattr(os, "pwrite"):

    def write_at(file: int, data: bytes | memoryview, offset: int) -> int:
        """How many bytes of `data` were written at `offset`; the end of the file moves if it must."""
        return os.pwrite(file, data, offset)
else:

    def write_at(file: int, data: bytes | memoryview, offset: int) -> int:
        """How many bytes of `data` were written at `offset`; the end of the file moves if it must."""
        with _PLACING[file % len(_PLACING)]:
            os.lseek(file, offset, os.SEEK_SET)
            return os.write(file, data)


def write_all(file: int, data: bytes | memoryview, offset: int) -> None:
    """All of `data` at `offset`, however many calls that takes."""
    view = memoryview(data)
    while view:
        written = write_at(file, view, offset)
        offset += written
        view = view[written:]


if hasattr(os, "pread"):

    def read_at(file: int, size: int, offset: int) -> bytes:
        """Up to `size` bytes from `offset`; empty at the end."""
        return os.pread(file, size, offset)
else:

    def read_at(file: int, size: int, offset: int) -> bytes:
        """Up to `size` bytes from `offset`; empty at the end."""
        with _PLACING[file % len(_PLACING)]:
            os.lseek(file, offset, os.SEEK_SET)
            return os.read(file, size)


if hasattr(os, "preadv"):

    def read_into(file: int, into: memoryview, offset: int) -> int:
        """How many bytes from `offset` were read into `into`; 0 at the end."""
        return os.preadv(file, [into], offset)
else:

    def read_into(file: int, into: memoryview, offset: int) -> int:
        """How many bytes from `offset` were read into `into`; 0 at the end."""
        data = read_at(file, len(into), offset)
        into[: len(data)] = data
        return len(data)


def sync(file: int) -> None:
    """Makes what an open file holds durable. On Windows it must be open for writing. OSError: the disk failed."""
    if _FULL_SYNC is not None:
        with contextlib.suppress(OSError):  # a network's disk has no such call
            fcntl.fcntl(file, _FULL_SYNC)
            return
    os.fsync(file)


def sync_path(path: str | Path) -> None:
    """`sync` for a file that is not open."""
    mode = None
    try:
        file = open_file(path, _DURABLE)
    except PermissionError:
        if sys.platform != "win32":
            raise
        mode = Path(path).stat().st_mode  # read-only: it is not opened as `fsync` wants it
        Path(path).chmod(0o600)
        file = open_file(path, _DURABLE)
    try:
        sync(file)
    finally:
        os.close(file)
        if mode is not None:
            Path(path).chmod(mode)


def sync_folder(folder: str | Path) -> None:
    """Makes durable which names a folder has. Windows does so by itself, and opens no folder."""
    if sys.platform == "win32":
        return
    file = open_file(folder, os.O_RDONLY)
    try:
        sync(file)
    finally:
        os.close(file)


def close_as(file: int, path: str, date: Callable[[int | str], None], mode: int | None = None) -> None:
    """Closes a file that is written; `date` gives it its time, and it gets its mode. Of that Windows keeps whether the
    file may be written."""
    if os.utime in os.supports_fd:
        try:
            date(file)
            if mode is not None:
                set_mode(file, path, mode)
        finally:
            os.close(file)
        return
    os.close(file)  # first: closing sets the time of the last write
    date(path)
    if mode is not None:
        Path(path).chmod(mode)


def replace(source: str | Path, target: str | Path) -> None:
    """`os.replace`. Windows refuses it while anybody has `target` open, a reader or a virus scanner: it is tried again
    for a second. It also refuses to replace a file that may not be written."""
    if sys.platform != "win32":
        os.replace(source, target)  # noqa: PTH105
        return
    for left in reversed(range(_TRIES)):
        try:
            os.replace(source, target)  # noqa: PTH105
            return
        except PermissionError:
            if left == 0:
                raise
            with contextlib.suppress(OSError):
                Path(target).chmod(0o600)
            time.sleep(_AGAIN_S)


def remove_folder(folder: Path, lock: int) -> None:
    """Removes a folder in which the open file `lock` lies, and closes that; -1: none is open. Windows removes nothing
    that is open, so there it is closed first."""
    if sys.platform == "win32" and lock >= 0:
        os.close(lock)
        lock = -1
    shutil.rmtree(folder, ignore_errors=True)
    if lock >= 0:
        os.close(lock)


def rename_folder(source: Path, wish: Path) -> None:
    """Gives a folder a name that is free. FileExistsError: it is taken, even if somebody took it this very moment."""
    if sys.platform != "win32":
        wish.mkdir()  # takes the name: a folder can be renamed onto an empty one, and onto no other
        try:
            source.rename(wish)
        except OSError as error:
            with contextlib.suppress(OSError):
                wish.rmdir()
            raise FileExistsError from error
        return
    source.rename(wish)  # replaces nothing there


def set_mode(file: int, path: str | Path, mode: int) -> None:
    """The mode of an open file."""
    if hasattr(os, "fchmod"):
        os.fchmod(file, mode)
    else:
        os.chmod(path, mode)  # noqa: PTH101


def knows_modes() -> bool:
    """Whether a mode says who may enter. On Windows lists do, which a new folder takes from the one it lies in."""
    return sys.platform != "win32"


def is_ours(seen: os.stat_result) -> bool:
    """Whether it belongs to whoever runs this, and nobody else may enter."""
    if not knows_modes():
        return True
    return seen.st_uid == os.geteuid() and not seen.st_mode & 0o077
