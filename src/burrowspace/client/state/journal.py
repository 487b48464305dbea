"""One transfer's folder: what its program must know after it was killed.

The secret is in it, so only the owner may look. `transfer.json` is the record; a receiver's staging keeps
its own files beside it. Made and found by `folders.py`. Spec: docs/spec/staging.md.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import msgspec

from burrowspace.client.files.spelling import told, written_down
from burrowspace.client.files.writing import write_atomically
from burrowspace.core.errors import Busy, Damaged, NotFound
from burrowspace.system.files import open_file, remove_folder, sync_folder
from burrowspace.system.locks import try_lock_file

_STAMPS = 1 << 63
Role = Literal["send", "receive"]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A path as the person gave it, resolved and as `written_down`, and what lay there: bytes, nanoseconds since 1970
    modulo 2^63, inode."""

    path: str
    size: int
    mtime_ns: int
    inode: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down of a transfer. Times are seconds since 1970, UTC."""

    role: Role
    transfer: str  # its id, hex; a receiver that does not know it yet gives the mailbox's
    created: float
    secret: bytes = b""
    server: str | None = None
    met: Literal["code", "link", "device"] = "link"
    code: str | None = None
    link: str | None = None
    device: str | None = None
    name: str = ""  # what to call it to a person
    paths: tuple[Known, ...] = ()
    text: str | None = None
    target: str | None = None
    options: dict[str, Any] = {}
    state: str = "open"
    version: Literal[1] = 1


class Journal:
    """An open one is locked: no other program works on the transfer until `close`."""

    def __init__(self, folder: Path, record: Record, lock: int) -> None:
        self.folder = folder
        self.record = record
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, record: Record) -> "Journal":
        """Busy: another program works on it. One that lies there unlocked is replaced."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            for each in folder.iterdir():
                if each.name != "lock":
                    shutil.rmtree(each) if each.is_dir() else each.unlink()
            write_atomically(folder / "transfer.json", msgspec.json.encode(record))
            sync_folder(folder.parent)
        except BaseException:
            os.close(lock)
            raise
        return cls(folder, record, lock)

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """NotFound: nothing is there. Busy: another program works on it. Damaged: it cannot be read."""
        if not folder.is_dir():
            raise NotFound("there is no unfinished transfer of this kind")
        lock = _locked(folder)
        try:
            return cls(folder, read(folder), lock)
        except BaseException:
            os.close(lock)
            raise

    def update(self, **changes: Any) -> None:
        """Changes fields of the record; durable when it returns."""
        record = msgspec.structs.replace(self.record, **changes)
        write_atomically(self.folder / "transfer.json", msgspec.json.encode(record))
        self.record = record

    def keep(self, name: str, data: bytes) -> None:
        """A file of the transfer beside the record, such as the sender's manifest."""
        write_atomically(self.folder / name, data)

    def kept(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Lets go; the transfer can be gone on with."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def forget(self) -> None:
        """Removes it: the secret first."""
        (self.folder / "transfer.json").unlink(missing_ok=True)
        lock, self._lock = self._lock, -1
        remove_folder(self.folder, lock)


def read(folder: Path) -> Record:
    """The record, without the lock. NotFound, Damaged."""
    try:
        return msgspec.json.decode((folder / "transfer.json").read_bytes(), type=Record)
    except FileNotFoundError:
        raise NotFound("there is no unfinished transfer of this kind") from None
    except (OSError, msgspec.MsgspecError):
        raise Damaged("what was written down of this transfer cannot be read; start it again") from None


def known(paths: list[str | Path]) -> tuple[Known, ...]:
    """What lies at the paths now. NotFound."""
    found = []
    for each in paths:
        try:
            real = Path(each).resolve()
            seen = real.stat()
        except (OSError, RuntimeError, ValueError):
            if os.path.lexists(each):
                continue  # the walk says what is wrong with it
            raise NotFound(f"there is no file or folder {told(str(each))}; check the name and try again") from None
        stamp = seen.st_mtime_ns % _STAMPS  # the year 2600 does not fit into 64 bits
        found.append(Known(path=written_down(real), size=seen.st_size, mtime_ns=stamp, inode=seen.st_ino % _STAMPS))
    return tuple(found)


def _locked(folder: Path) -> int:
    handle = open_file(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try_lock_file(handle)
        there = True
        with contextlib.suppress(FileNotFoundError):
            there = os.path.samestat(os.fstat(handle), (folder / "lock").stat())
        if not there or not (folder / "lock").exists():
            raise BlockingIOError  # it was forgotten between the two calls
    except BlockingIOError:
        os.close(handle)
        raise Busy("another burrow works on this transfer; let it, or end it first") from None
    return handle
