"""From the hidden folder to the target: made durable, then renamed, and nothing is overwritten unasked."""

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from burrowspace.core.names import numbered
from burrowspace.system import disk, files
from burrowspace.system.long_paths import reaching

_FEW = 16  # files up to which each is synced by itself; beyond, the whole file system at once is quicker


def sync_all(folder: Path, places: Sequence[str]) -> None:
    """Makes the files `places` below `folder`, and all names on the way to them, durable. OSError: the disk failed."""
    if len(places) > _FEW and disk.sync_disk(folder):
        return
    for each in places:
        files.sync_path(each)
    for parent in [each[0] for each in os.walk(folder)] if places else [os.fspath(folder)]:
        files.sync_folder(parent)


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
        files.rename_folder(source, wish)
        return
    try:
        os.link(source, wish, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(source.lstat(), wish.lstat()):
            raise
    except (OSError, NotImplementedError):  # a file system without links
        os.close(files.open_file(wish, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        files.replace(source, wish)
        return
    source.unlink()


def _merged(source: Path, wish: Path) -> bool:
    """Whether `source` went into the place of what has its name and kind."""
    try:
        there = wish.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISREG(there.st_mode) and not source.is_dir():
        files.replace(source, wish)
        return True
    if not (stat.S_ISDIR(there.st_mode) and source.is_dir()):
        return False
    for each in sorted(source.iterdir()):
        move_into(Path(reaching(str(each))), Path(reaching(str(wish))), each.name, overwrite=True)
    source.rmdir()
    return True
