"""The bytes of what is sent, readable at any place: a text, the files of a list, or a stream, kept as it is read.

Spec: docs/spec/staging.md.
"""

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from burrowspace.client.errors import CHANGED, GONE, SHRUNK, Changed
from burrowspace.client.files.spelling import told
from burrowspace.client.files.walk import Found
from burrowspace.core.errors import BadRequest, BurrowError, Damaged, NoSpace
from burrowspace.core.names import shown
from burrowspace.core.sealing import BLOCK
from burrowspace.faults import why
from burrowspace.system import files
from burrowspace.system.disk import room

_OPEN = 32  # files kept open for the next block
_LOOK = 16 << 20  # bytes of a stream between two looks at the room on the disk
FREE = 128 << 20  # bytes of the disk that a stream leaves free
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # says nothing about the file


class Lost(Exception):
    """One file cannot be sent to its end. `word` is one of core/notes.py; `error` is what it is where no other file is
    left, or where more than the file has gone."""

    def __init__(self, word: str, error: BurrowError, detail: str = "") -> None:
        super().__init__(error.sentence)
        self.word, self.error, self.detail = word, error, detail


class Contents(Protocol):
    """The bytes of all files, readable at any place, from any thread."""

    grown: set[int]

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        """Fills `into` from `offset` of a file. Lost: there is not that much, or it is not the same any more. One that
        only became longer is named in `grown`."""

    def name(self, file: int) -> str:
        """What the other side calls it."""

    def all_gone(self, file: int) -> BurrowError | None:
        """What to raise where more has gone than this file: the folder that it was found in."""

    def close(self) -> None: ...


class Bytes:
    """One text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.grown: set[int] = set()

    def name(self, file: int) -> str:
        return "text"

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        into[:] = self._data[offset : offset + len(into)]

    def all_gone(self, file: int) -> BurrowError | None:
        return None

    def close(self) -> None:
        pass


class _Opened:
    """A descriptor that closes when its last user lets go: another thread may still read when the cache forgets it."""

    def __init__(self, found: Found) -> None:
        self.file = -1
        try:
            self.file = files.open_file(found.real, os.O_RDONLY)
        except OSError as error:
            raise _refused(found, error) from error

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)


class Files:
    """The regular files of what was found. Each is looked at after every read: a write in between is noticed, not sent.

    A file that only grows (a log) is sent as long as it was at the start. `grown`: such files; whether their beginning
    stayed what it was is asked of them at the end.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = [each for each in found if not each.folder]
        self._homes = {each.path[0]: _Home(each) for each in found if len(each.path) == 1}
        self.grown: set[int] = set()
        self._open: OrderedDict[int, _Opened] = OrderedDict()
        self._lock = threading.Lock()

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        found = self._found[file]
        if found.content is not None:
            into[:] = found.content[offset : offset + len(into)]
            return
        whole = len(into) == found.size
        opened = _Opened(found) if whole else self._opened(file, found)
        done = 0
        while done < len(into):
            try:
                got = files.read_into(opened.file, into[done:], offset + done)
            except OSError as error:
                raise _refused(found, error) from error
            if not got:
                raise _changed(found, "shrank", SHRUNK)
            done += got
        now = os.fstat(opened.file)
        if now.st_size > found.size and now.st_ino == found.inode:
            self.grown.add(file)  # what was there at the start is sent, and looked at once more at the end
        elif now.st_size < found.size:
            raise _changed(found, "shrank", SHRUNK)
        elif now.st_mtime_ns != found.stamp or now.st_ino != found.inode:
            raise _changed(found, "rewritten")

    def name(self, file: int) -> str:
        return "/".join(self._found[file].path)

    def all_gone(self, file: int) -> BurrowError | None:
        home = self._homes[self._found[file].path[0]]
        if home.there:
            return None
        return Damaged(f"the folder {shown(told(home.folder))} is gone; bring it back and go on with `burrow resume`")

    def _opened(self, file: int, found: Found) -> _Opened:
        with self._lock:
            known = self._open.pop(file, None) or _Opened(found)
            self._open[file] = known
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return known

    def close(self) -> None:
        with self._lock:
            self._open.clear()


class _Home:
    """The folder that a person named, or in which a named file lies: while it is the same one, a file that is missing
    in it is missing alone. A disk that was unplugged takes it away, or leaves another folder of that name."""

    def __init__(self, top: Found) -> None:
        self.folder = top.real if top.folder else str(Path(top.real).absolute().parent)
        self._seen = self._look()

    @property
    def there(self) -> bool:
        return self._seen is not None and self._look() == self._seen

    def _look(self) -> tuple[int, int] | None:
        try:
            seen = Path(self.folder).stat()
        except OSError:
            return None
        return seen.st_dev, seen.st_ino


def _changed(found: Found, word: str, how: str = CHANGED) -> Lost:
    return Lost(word, Changed("/".join(found.path), how))


def _refused(found: Found, error: OSError) -> Lost | Damaged:
    """What a refusal of the system means: the file's, or this program's."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _changed(found, "vanished", GONE)
    name = "/".join(found.path)
    damaged = Damaged(f"{name} cannot be read any more: {why(error)}; try again")
    return damaged if error.errno in _OURS else Lost("unreadable", damaged, why(error))


class Stream:
    """A stream that is kept as it is read. Only `fetch` reads it, one thread at a time."""

    def __init__(self, stream: BinaryIO, keep: Path | None) -> None:
        self._stream = stream
        import tempfile

        self._folder = keep or Path(tempfile.gettempdir())
        self._kept = tempfile.TemporaryFile(dir=keep, buffering=0)  # noqa: SIM115  # closed by close
        self.grown: set[int] = set()
        self._held = self._looked = 0
        self._ended = False
        self._lock = threading.Lock()

    def name(self, file: int) -> str:
        return "stdin"

    def fetch(self, upto: int) -> tuple[int, bool]:
        """Reads on until `upto` bytes are kept or the stream ends: bytes kept, and whether that is all."""
        with self._lock:
            while self._held < upto and not self._ended:
                self._make_sure_of_room()
                data = self._stream.read(min(BLOCK, upto - self._held))
                self._ended = not data
                view = memoryview(data)
                while view:
                    try:
                        written = files.write_at(self._kept.fileno(), view, self._held)
                    except OSError as error:
                        raise NoSpace(
                            f"what is read from the standard input cannot be kept ({why(error)}); "
                            "free some space, or send a file instead"
                        ) from error
                    self._held += written
                    view = view[written:]
            return self._held, self._ended

    def _make_sure_of_room(self) -> None:
        """The disk is everybody's: some of it stays free."""
        if self._held < self._looked:
            return
        self._looked = self._held + _LOOK
        if room(self._folder).free < FREE + _LOOK:
            raise NoSpace(
                "what comes on the standard input is kept until it has arrived, and the disk has no more room for it; "
                "free some space, or send a file instead"
            )

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        done = 0
        while done < len(into):
            got = files.read_into(self._kept.fileno(), into[done:], offset + done)
            if not got:
                raise BadRequest("what was kept of the standard input is gone; send it again")
            done += got

    def all_gone(self, file: int) -> BurrowError | None:
        return None

    def close(self) -> None:
        self._kept.close()
