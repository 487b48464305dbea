"""The disk below a folder: its room, and what Linux alone can be asked for."""

import contextlib
import ctypes
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from burrowspace.system.libc import LINUX_LIBC

_PUNCH = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_BEGIN = 2  # SYNC_FILE_RANGE_WRITE


class Room(NamedTuple):
    """`free`: bytes that this user may still write. `unit`: bytes by which files grow. `files`: how many more fit; None
    where that has no bound, or is not told."""

    free: int
    unit: int
    files: int | None


def longest_name(folder: str | Path) -> int:
    """Bytes that the name of a file in `folder` may have; 255 where the system does not tell. OSError, ValueError."""
    return os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255


def room(folder: str | Path) -> Room:
    """Of the disk on which `folder` lies."""
    if not hasattr(os, "statvfs"):
        return Room(shutil.disk_usage(folder).free, 4096, None)
    here = os.statvfs(folder)
    unit = here.f_frsize or 4096
    return Room(here.f_bavail * unit, unit, here.f_favail if here.f_files else None)


def is_read_only(folder: str | Path) -> bool:
    """Whether nothing can be written to its disk; not known is not."""
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def punch(file: int, start: int, length: int) -> None:
    """Gives the space back where the system can; where it cannot, the bytes lie there until the file is removed."""
    with contextlib.suppress(AttributeError):
        if LINUX_LIBC is not None:
            LINUX_LIBC.fallocate(file, _PUNCH, ctypes.c_int64(start), ctypes.c_int64(length))


def begin_writing(file: int) -> None:
    """Asks the disk to begin with what was written so far, so that the end need not wait for all of it."""
    with contextlib.suppress(AttributeError):
        if LINUX_LIBC is not None:
            LINUX_LIBC.sync_file_range(file, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(_BEGIN))


def sync_disk(folder: str | Path) -> bool:
    """Makes everything on the disk of `folder` durable. False where the system cannot. OSError: the disk failed."""
    if LINUX_LIBC is None or not hasattr(LINUX_LIBC, "syncfs"):
        return False
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LINUX_LIBC.syncfs(handle) == 0:
            return True
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)
