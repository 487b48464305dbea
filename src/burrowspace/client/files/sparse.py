"""Holes of files on this system's disks: found in what is sent, and whether a disk has any."""

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from burrowspace.client.files.walk import Found
from burrowspace.core.holes import HOLES, LEAST, Hole
from burrowspace.system.files import open_file

_TRY = 1 << 20  # bytes


def found_holes(files: Sequence[Found]) -> list[Hole]:
    """Of the files of a pack, in order; where a system knows of none, there are none."""
    holes: list[Hole] = []
    if not hasattr(os, "SEEK_HOLE"):
        return holes
    for number, each in enumerate(files):
        if each.content is None and each.hollow and len(holes) < HOLES:
            holes += [(number, offset, length) for offset, length in _of(each)]
    return holes[:HOLES]


def keeps_holes(folder: Path) -> bool:
    """Whether a file in this folder may have holes; the folder is as empty afterwards."""
    place = folder / "hole"
    try:
        handle = open_file(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(handle, _TRY)
            return getattr(os.fstat(handle), "st_blocks", _TRY) * 512 < _TRY // 2
        finally:
            os.close(handle)
            place.unlink()
    except OSError:
        return False


def _of(file: Found) -> Iterator[tuple[int, int]]:
    """Offset and length of each; none if the file cannot be looked at now: its reading says why."""
    try:
        handle = open_file(file.real, os.O_RDONLY)
    except OSError:
        return
    try:
        at = 0
        while at < file.size:
            try:
                data = os.lseek(handle, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no data from here on
                    return
                data = file.size
            data = min(data, file.size)
            if data - at >= LEAST:
                yield at, data - at
            if data >= file.size:
                return
            at = os.lseek(handle, data, os.SEEK_HOLE)
    except OSError:
        return
    finally:
        os.close(handle)
