"""Folders and files for their owner alone: 0700 and 0600, whatever the umask says and whatever was there before.

For what a server or a person's program keeps for itself. Files that somebody receives are theirs, with their umask.
On Windows modes say nothing: a folder there is as open as the one it lies in, and those of a user are closed.
"""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from burrowspace.faults import why
from burrowspace.system.files import knows_modes, open_file, set_mode

OTHERS = 0o077  # the bits of a mode that let anybody else in


def private_folder(path: Path, ours: Collection[str] = ()) -> str:
    """Makes the folder, or closes one that other users may enter. What there is to say about it; empty: nothing.

    `ours`: how the names begin that we put there. A folder in which other things lie is left as it is, for it may be
    somebody's home, or /tmp.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return _closed(path, tuple(ours))
    path.chmod(0o700)
    return ""


def private_file(path: Path) -> int:
    """Opens a file of ours for reading and writing, made if it is not there, and closed to others. The descriptor."""
    file = open_file(path, os.O_RDWR | os.O_CREAT, 0o600)
    if knows_modes() and os.fstat(file).st_mode & OTHERS:
        with contextlib.suppress(OSError):  # its disk knows no permissions, or it is somebody else's
            set_mode(file, path, 0o600)
    return file


def close_files(folder: Path, ours: Collection[str]) -> None:
    """Closes to others what lies in a folder and is ours; what it cannot, it leaves."""
    for each in folder.iterdir() if knows_modes() else ():
        if each.name.startswith(tuple(ours)) and not each.is_symlink() and (mode := each.stat().st_mode) & OTHERS:
            with contextlib.suppress(OSError):
                each.chmod(mode & 0o700)


def _closed(path: Path, ours: tuple[str, ...]) -> str:
    if not knows_modes() or not path.stat().st_mode & OTHERS:
        return ""
    strange = sorted(each.name for each in path.iterdir() if not each.name.startswith((".", *ours)))
    if strange:
        there = repr(strange[0][:60])
        return f"{path} is open to other users and stays so, because {there} is in it as well; use a folder of its own"
    try:
        path.chmod(0o700)
    except OSError as error:
        return f"{path} is open to other users, and cannot be closed to them: {why(error)}"
    if path.stat().st_mode & OTHERS:
        return f"{path} is open to other users, and its disk knows no permissions; use a folder on another one"
    return f"{path} was open to other users; now only its owner may enter it"
