"""Which blocks a receiver has written: one fingerprint (nonce and tag) for each, in order, appended after its data.

It claims nothing about the data: whoever opens it again checks each block against its fingerprint.
Spec: docs/spec/staging.md.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from burrowspace.core.sealing import BLOCK, SEALED_MOST
from burrowspace.system import files

_ROOM = SEALED_MOST - BLOCK  # bytes of the longest fingerprint
_RECORD = 1 + _ROOM  # the fingerprint's length, 128 added for a stream's last block; the fingerprint; zeros
_END = 128


class Blocks:
    """The file `path`. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def write(self, position: int, end: bool, fingerprint: bytes) -> None:
        """Records a block; positions come in order. OSError as the disk has it."""
        if not 0 < len(fingerprint) <= _ROOM:
            raise ValueError(f"a fingerprint has 1 to {_ROOM} bytes")
        if self._file < 0:
            self._file = files.open_file(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        record = bytes([len(fingerprint) | (_END if end else 0)]) + fingerprint.ljust(_ROOM, b"\0")
        files.write_all(self._file, record, position * _RECORD)

    def write_many(self, position: int, count: int, fingerprint: bytes) -> None:
        """The same for each of `count` blocks from `position` on, none of which is a stream's last."""
        self.write(position, False, fingerprint)  # opens the file, and checks
        record = bytes([len(fingerprint)]) + fingerprint.ljust(_ROOM, b"\0")
        files.write_all(self._file, record * (count - 1), (position + 1) * _RECORD)

    def count(self) -> int:
        """Whole records."""
        try:
            return self._path.stat().st_size // _RECORD
        except FileNotFoundError:
            return 0

    def read(self) -> Iterator[tuple[int, bool, bytes]]:
        """Position, end mark, fingerprint; stops where one cannot be."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            position = 0
            while len(record := file.read(_RECORD)) == _RECORD:
                length = record[0] & ~_END
                if not 0 < length <= _ROOM:
                    return
                yield position, record[0] >= _END, record[1 : 1 + length]
                position += 1

    def cut(self, count: int) -> None:
        """Forgets all but the first `count`."""
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self._path, count * _RECORD)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
