"""Codes for which this end gave its proof and got no secret: whoever sat in between had one guess, and no second.

Remembered as hashes, the latest KEPT of them, for its owner alone. Spec: docs/spec/meeting.md.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from burrowspace.client.files.writing import write_atomically
from burrowspace.client.state.root import make_state
from burrowspace.core.codes import Code
from burrowspace.system.files import open_file
from burrowspace.system.locks import lock_file

KEPT = 500
KEPT_S = 30 * 86_400.0  # seconds; codes live for an hour


class Spent:
    """The file `spent-codes.json` of a state folder: when each was given up, seconds since 1970, by its mark."""

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / "spent-codes.json"

    def has(self, code: Code) -> bool:
        return _mark(code) in self._read()

    def add(self, code: Code) -> None:
        """Durable when it returns. OSError."""
        now = time.time()
        with self._locked():
            marks = {mark: when for mark, when in self._read().items() if when > now - KEPT_S}
            marks[_mark(code)] = now
            self._write(dict(sorted(marks.items(), key=lambda each: each[1])[-KEPT:]))

    def drop(self, code: Code) -> None:
        """It worked, after all."""
        with self._locked():
            marks = self._read()
            if marks.pop(_mark(code), None) is not None:
                self._write(marks)

    def _read(self) -> dict[str, float]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, float])
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}

    def _write(self, marks: dict[str, float]) -> None:
        write_atomically(self._path, msgspec.json.encode(marks))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two programs of one person may try codes at once."""
        make_state(self._root)
        handle = open_file(self._root / "spent-codes.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(handle)
            yield
        finally:
            os.close(handle)


def _mark(code: Code) -> str:
    return hashlib.sha256(b"burrow/1 spent code " + str(code).encode()).hexdigest()[:32]
