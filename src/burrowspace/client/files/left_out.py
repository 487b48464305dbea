"""Which files of a list could not be sent to the end, and why. Both ends keep that for a run after a kill."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from burrowspace.client.log import Log
from burrowspace.core.left_out import mark
from burrowspace.core.notes import Note, note
from burrowspace.faults import told
from burrowspace.system import files

log = Log("client")


class _Row(msgspec.Struct, frozen=True, array_like=True):
    file: int
    why: str
    detail: str = ""


class LeftOut:
    """By the file's number in the pack. Calls may come from any thread.

    `path`, once it is set: a line is written there for each, before its first zero is sent. Without it a run after a
    kill could send the true digest to a receiver that holds zeros.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._why: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                for line in path.read_bytes().splitlines():
                    with contextlib.suppress(msgspec.MsgspecError):  # the half line of a kill
                        row = msgspec.json.decode(line, type=_Row)
                        self._why[row.file] = (row.why, row.detail)

    def __len__(self) -> int:
        return len(self._why)

    def __contains__(self, file: int) -> bool:
        return file in self._why

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._why))

    def add(self, file: int, why: str, detail: str = "") -> None:
        with self._lock:
            if file in self._why:
                return
            self._why[file] = (why, detail)
            if self.path is None:
                return
            try:
                handle = files.open_file(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(handle, msgspec.json.encode(_Row(file, why, detail)) + b"\n")
                finally:
                    os.close(handle)
            except OSError as error:  # only a run after a kill would need it
                log.warning("it could not be written down that a file is left out", why=told(error))

    def mark_in(self, area: bytearray) -> None:
        """Puts the marks in place of the digests of these files; `area`: all digests, in order."""
        for file, (why, _) in tuple(self._why.items()):
            area[32 * file : 32 * (file + 1)] = mark(why)

    def note(self, file: int, path: tuple[str, ...]) -> Note:
        """For a person; `path` is the file's."""
        return note(path, *self._why[file])
