"""What lies under the paths that a person gave: the files and folders to send, and what is left out and why.

It looks and opens nothing. A link that the person names is followed; a link inside a folder is not, so nothing is sent
that does not lie in what was named.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from burrowspace.core.errors import BadRequest, NotFound
from burrowspace.core.names import alike, distinct


class Found(NamedTuple):
    """One file or folder. `path` is what the other side is told, `real` is where it lies here; sizes in bytes."""

    path: tuple[str, ...]
    real: str
    folder: bool
    size: int
    mtime_ns: int
    mode: int
    inode: int


_ODD = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def walk(given: Sequence[str | Path]) -> tuple[list[Found], list[str]]:
    """All that is to be sent, each folder before its contents and in the order of names, and sentences on the rest.

    NotFound: a given path is not there. BadRequest: it is neither a file nor a folder, or cannot be read.
    """
    found: list[Found] = []
    left_out: list[str] = []
    taken: set[str] = set()
    for each in given:
        real = os.fspath(each)
        try:
            seen = Path(real).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"there is no file or folder {_shown(real)}; check the name and try again") from None
        except (OSError, ValueError) as error:
            raise BadRequest(f"{_shown(real)} cannot be read: {_why(error)}") from None
        name = distinct(_text(Path(real).resolve().name) or "files", taken)
        taken.add(alike(name))
        if stat.S_ISDIR(seen.st_mode):
            found.append(_found((name,), real, seen))
            try:
                _inside((name,), real, found, left_out)
            except OSError as error:
                raise BadRequest(f"{_shown(real)} cannot be read: {_why(error)}") from None
        elif stat.S_ISREG(seen.st_mode):
            if not os.access(real, os.R_OK):
                raise BadRequest(f"{_shown(real)} cannot be read: you have no permission")
            found.append(_found((name,), real, seen))
        else:
            what = _ODD.get(stat.S_IFMT(seen.st_mode), "no file")
            raise BadRequest(f"{_shown(real)} is {what}; pipe its contents into `burrow send -` instead")
    return found, left_out


def _inside(path: tuple[str, ...], real: str, found: list[Found], left_out: list[str]) -> None:
    """The contents of one folder. OSError: the folder itself cannot be listed. No recursion: trees may be deep."""
    waiting = [(path, real, _listed(real))]
    while waiting:
        path, real, entries = waiting[-1]
        if not entries:
            waiting.pop()
            continue
        entry = entries.pop()
        below = (*path, _sibling(entry))
        try:
            seen = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                listed = _listed(entry.path)
                found.append(_found(below, entry.path, seen))
                waiting.append((below, entry.path, listed))
            elif not stat.S_ISREG(seen.st_mode):
                left_out.append(f"{_shown(entry.path)} is {_ODD.get(stat.S_IFMT(seen.st_mode), 'no file')}: left out")
            elif not os.access(entry.path, os.R_OK):
                left_out.append(f"{_shown(entry.path)} cannot be read, you have no permission: left out")
            else:
                found.append(_found(below, entry.path, seen))
        except OSError as error:
            left_out.append(f"{_shown(entry.path)} cannot be read, {_why(error)}: left out")


def _listed(real: str) -> list["os.DirEntry[str]"]:
    """Backwards, so that the next one is popped off the end."""
    with os.scandir(real) as entries:
        return sorted(entries, key=lambda entry: entry.name, reverse=True)


def _found(path: tuple[str, ...], real: str, seen: os.stat_result) -> Found:
    folder = stat.S_ISDIR(seen.st_mode)
    size = 0 if folder else seen.st_size
    return Found(path, real, folder, size, seen.st_mtime_ns, seen.st_mode & 0o777, seen.st_ino)


def _sibling(entry: "os.DirEntry[str]") -> str:
    """Bytes that are no UTF-8 cannot travel as a name; the inode keeps two of them apart."""
    text = _text(entry.name)
    return text if text == entry.name else f"{text} ({entry.inode()})"


def _text(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def _shown(real: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in _text(real))


def _why(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
