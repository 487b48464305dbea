"""From the hidden folder to the target: made durable, then renamed, and nothing is overwritten unasked."""

import contextlib
import ctypes
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from burrowspace.client.files.writing import sync_folder
from burrowspace.core.names import numbered

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_BEGIN = 2  # SYNC_FILE_RANGE_WRITE
_FEW = 16  # files up to which each is synced by itself; beyond, the whole file system at once is quicker


def writeback(handle: int) -> None:
    """Asks the disk to begin with what was written so far, so that the end need not wait for all of it."""
    if _LIBC is not None:
        with contextlib.suppress(AttributeError):
            _LIBC.sync_file_range(handle, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(_BEGIN))


def sync_all(folder: Path, files: Sequence[str]) -> None:
    """Makes `files`, which lie somewhere below `folder`, and all names on the way durable. OSError: the disk failed."""
    if len(files) > _FEW and _LIBC is not None and hasattr(_LIBC, "syncfs"):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _LIBC.syncfs(handle) == 0:
                return
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(handle)
    for each in files:
        handle = os.open(each, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    for parent in [each[0] for each in os.walk(folder)] if files else [os.fspath(folder)]:
        sync_folder(Path(parent))


def move_into(source: Path, target: Path, name: str, *, overwrite: bool) -> str:
    """Moves a file or folder into the folder `target` as `name`, or `name (2)` … if that is taken: the name it got.

    With `overwrite` a file takes a file's place, and a folder's files go into a folder of its name. What is of
    another kind, a symbolic link above all, is never replaced or followed. Repeating it after a kill ends the same.
    """
    free, number = name, 1
    while True:
        wish = target / free
        if overwrite and _merged(source, wish):
            return free
        with contextlib.suppress(FileExistsError):
            _move(source, wish)
            return free
        number += 1
        free = numbered(name, number)


def _move(source: Path, wish: Path) -> None:
    """FileExistsError: the name is taken, even if somebody took it this very moment."""
    if source.is_dir():
        wish.mkdir()  # takes the name: a folder can be renamed onto an empty one, and onto no other
        try:
            source.rename(wish)
        except OSError as error:
            with contextlib.suppress(OSError):
                wish.rmdir()
            raise FileExistsError from error
        return
    try:
        os.link(source, wish, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(source.lstat(), wish.lstat()):
            raise
    except (OSError, NotImplementedError):  # a file system without links
        os.close(os.open(wish, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        source.replace(wish)
        return
    source.unlink()


def _merged(source: Path, wish: Path) -> bool:
    """Whether `source` went into the place of what has its name and kind."""
    try:
        there = wish.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISREG(there.st_mode) and not source.is_dir():
        source.replace(wish)
        return True
    if not (stat.S_ISDIR(there.st_mode) and source.is_dir()):
        return False
    for each in sorted(source.iterdir()):
        move_into(each, wish, each.name, overwrite=True)
    source.rmdir()
    return True
