"""What lies under the paths that a person gave: the files and folders to send, and notes on the rest.

It opens nothing but files that the kernel makes as they are read (made.py). A link that the person names is followed; a
link inside a folder is not, so nothing is sent that does not lie in what was named. One odd file never stops the rest:
it is sent without what cannot travel, or left out, and there is a note.
"""

import errno
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from burrowspace.client.files import made
from burrowspace.client.files.spelling import told
from burrowspace.core.errors import BadRequest, NotFound
from burrowspace.core.holes import LEAST
from burrowspace.core.manifest import DEPTH, SEGMENT
from burrowspace.core.names import alike, distinct
from burrowspace.core.notes import Note, Notes, sentence
from burrowspace.faults import why
from burrowspace.system.long_paths import reaching

_TIMES = range(-(1 << 63), 1 << 63)  # nanoseconds since 1970 that a manifest can say: the years 1678 to 2261


class Found(NamedTuple):
    """One file or folder. `path` is what the other side is told, `real` is where it lies here; sizes in bytes. `stamp`
    is the time of change as it is here, `mtime_ns` the one that is sent. `content`: of a file that has to be read at
    once."""

    path: tuple[str, ...]
    real: str
    folder: bool
    size: int
    mtime_ns: int
    mode: int
    inode: int
    stamp: int
    content: bytes | None = None
    hollow: bool = False  # it takes less room on the disk than it has bytes


_ODD = {
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}


def walk(given: Sequence[str | Path]) -> tuple[list[Found], Notes]:
    """All that is to be sent, each folder before its contents and in the order of names, and notes on the rest.

    NotFound: a given path is not there. BadRequest: nothing is left to send.
    """
    found: list[Found] = []
    notes = Notes()
    taken: set[str] = set()
    for each in given:
        real = reaching(os.fspath(each))
        try:
            resolved = Path(real).resolve().name
        except (OSError, RuntimeError):  # links in a circle
            resolved = Path(real).name
        name = distinct(_fit(told(resolved)) or "files", taken)
        try:
            seen = Path(real).stat()
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.lexists(real):
                raise NotFound(f"there is no file or folder {_shown(real)}; check the name and try again") from None
            notes.add((name,), "dangling")
            continue
        except (OSError, ValueError) as error:
            notes.add((name,), "unreadable", why(error))
            continue
        taken.add(alike(name))
        if told(resolved) != resolved and os.fsencode(resolved) != told(resolved).encode():
            notes.add((name,), "name", _spelled(resolved))
        if _take((name,), real, seen, found, notes):
            _inside((name,), real, found, notes)
    if not found:
        raise BadRequest(_nothing(given, notes.first))
    return found, notes


def _take(path: tuple[str, ...], real: str, seen: os.stat_result, found: list[Found], notes: Notes) -> bool:
    """Adds what lies at `real`, or a note why not. True: it is a folder, whose contents come next."""
    kind = stat.S_IFMT(seen.st_mode)
    if len(path) > DEPTH:
        notes.add(path, "deep")
        return False
    if kind not in (stat.S_IFDIR, stat.S_IFREG):
        notes.add(path, _ODD.get(kind, "odd"))
        return False
    folder, content = kind == stat.S_IFDIR, None
    if not os.access(real, os.R_OK | os.X_OK if folder else os.R_OK):
        notes.add(path, "unreadable", why(PermissionError(errno.EACCES, "")))
        return False
    if not folder:
        try:
            content = made.content(real, seen.st_size, getattr(seen, "st_blocks", 1))
        except made.Endless:
            notes.add(path, "endless")
            return False
        except OSError as error:
            notes.add(path, *_reason(error))
            return False
    stamp, mtime_ns = seen.st_mtime_ns, seen.st_mtime_ns
    if stamp not in _TIMES:
        notes.add(path, "date", _date(stamp))
        mtime_ns = seen.st_ctime_ns if seen.st_ctime_ns in _TIMES else 0  # the same in every run
    size = 0 if folder else seen.st_size if content is None else len(content)
    hollow = not folder and getattr(seen, "st_blocks", size) * 512 < size - LEAST
    found.append(Found(path, real, folder, size, mtime_ns, seen.st_mode & 0o777, seen.st_ino, stamp, content, hollow))
    return folder


def _inside(path: tuple[str, ...], real: str, found: list[Found], notes: Notes) -> None:
    """The contents of one folder. No recursion: trees may be deep."""
    waiting = [(path, _listed(path, real, notes))]
    while waiting:
        path, entries = waiting[-1]
        if not entries:
            waiting.pop()
            continue
        entry = entries.pop()
        below, there = (*path, _sibling(entry)), reaching(entry.path)
        try:
            seen = entry.stat(follow_symlinks=False)
        except OSError as error:
            notes.add(below, *_reason(error))
            continue
        if below[-1] != entry.name and os.fsencode(entry.name) != below[-1].encode():
            notes.add(below, "name", _spelled(entry.name))
        if _take(below, there, seen, found, notes):
            waiting.append((below, _listed(below, there, notes)))


def _listed(path: tuple[str, ...], real: str, notes: Notes) -> list["os.DirEntry[str]"]:
    """Backwards, so that the next one is popped off the end."""
    try:
        with os.scandir(real) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        notes.add(path, *_reason(error))
        return []


def _sibling(entry: "os.DirEntry[str]") -> str:
    """Bytes that are no UTF-8 cannot travel as a name; the inode keeps two of them apart."""
    text = told(entry.name)
    if os.fsencode(entry.name) == text.encode():
        return text
    tail = f" ({entry.inode()})"
    return text[: SEGMENT - len(tail)] + tail


def _fit(name: str) -> str:
    return name[:SEGMENT]


def _reason(error: OSError) -> tuple[str, str]:
    return ("gone", "") if isinstance(error, FileNotFoundError) else ("unreadable", why(error))


def _nothing(given: Sequence[str | Path], notes: Sequence[Note]) -> str:
    """Why nothing is left to send."""
    if not given or not notes:
        return "there is nothing to send"
    first, more = notes[0], f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    said = sentence(first).removesuffix(": left out")
    if first.why in ("pipe", "device", "socket"):
        return f"{said}{more}; pipe its contents into `burrow send -` instead"
    return f"{said}{more}, so there is nothing to send; check it and try again"


def _date(stamp: int) -> str:
    """As far as the system can say it.

    >>> _date(16_725_225_600_000_000_000)
    '2500-01-01'
    """
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(stamp // 10**9))
    except (OSError, ValueError, OverflowError):
        return f"{stamp // 10**9} s since 1970"


def _spelled(name: str) -> str:
    r"""Its bytes, those that are no ASCII spelled out.

    >>> _spelled("caf\udce9")
    'caf\\xe9'
    """
    return os.fsencode(name).decode("ascii", "backslashreplace")


def _shown(real: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in told(real))
