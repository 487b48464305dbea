"""Which names a disk keeps, found out by trying: a Linux folder may lie on a Windows share, a Mac tells case or not."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from burrowspace.client.files.spelling import native, told
from burrowspace.core.manifest import DEPTH
from burrowspace.core.names import ANYWHERE, NAME_BYTES, PATH_BYTES, Keeps
from burrowspace.system.disk import longest_name
from burrowspace.system.files import open_file

_ODD = ' x?:*|<>"\\ .', "aux.txt", "con"
_CASE, _FORMS = ("case", "CASE"), ("\u00e9", "e\u0301")
_PATH_MOST = 4096  # bytes of a whole path on Linux, the zero at its end counted
_NUMBER = 16  # bytes for a number behind a name that is taken


def keeps(folder: Path) -> Keeps:
    """What the disk of `folder` keeps. The folder is there, ours alone and empty, and is empty behind it. A disk that
    cannot be asked is taken for the poorest."""
    if sys.platform == "win32":
        return ANYWHERE
    try:
        with _there(folder, *_ODD) as seen:
            characters = set(_ODD) <= seen
        with _there(folder, _CASE[0]):
            case = not os.path.lexists(folder / _CASE[1])
        with _there(folder, native(_FORMS[0])) as seen:
            forms = native(_FORMS[0]) in seen and not os.path.lexists(folder / native(_FORMS[1]))
        name = min(NAME_BYTES, max(64, longest_name(folder)))
    except (OSError, ValueError):
        return ANYWHERE
    if not characters:
        return Keeps(case=case, forms=False, name=name)
    room = _PATH_MOST - len(told(str(folder)).encode()) - 2 - _NUMBER
    path = max(PATH_BYTES, min(room, _PATH_MOST * 3 // 4)) if sys.platform == "linux" else PATH_BYTES
    return Keeps(characters, case, forms, name, path, DEPTH)


@contextlib.contextmanager
def _there(folder: Path, *names: str) -> Iterator[set[str]]:
    """Makes empty files of these names, gives the names that are there then, and removes them. OSError."""
    try:
        for name in names:
            os.close(open_file(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield {each.name for each in folder.iterdir()}
    finally:
        for each in folder.iterdir():
            each.unlink()
