"""Why the database does not work, in a sentence with a cure; and whether its files are still those that were opened.

SQLite goes on without a word when its file is deleted or replaced under it, and what is then acknowledged is lost. So
`Watch` compares the files with those that were opened, around each transaction. Part of state_sql.py.
"""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from burrowspace.core.errors import BurrowError, NoSpace, Unavailable
from burrowspace.faults import CannotStart, fault

log = structlog.get_logger("state")

_DATA = "choose another data folder with --data (BURROW_DATA)"


class Trouble(NamedTuple):
    """`words` are for callers and name no path; `cure` is for the operator."""

    words: str
    cure: str


_FULL = Trouble("its disk is full", "free some space on its disk")
_AWAY = Trouble("its file is gone", "put it back where it was, or stop the server and restore a backup")
_REPLACED = Trouble("another file took its place", "start the server again, so that it uses that file")
_SQLITE = {  # by SQLite's result code; longer names begin with these
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": Trouble("it is read-only", "make its folder and its disk writable for this user"),
    "SQLITE_IOERR": Trouble("its disk fails or is gone", "check the disk, and that it is mounted and writable"),
    "SQLITE_CORRUPT": Trouble("it is damaged", "restore a backup, or move the file away to begin with an empty one"),
    "SQLITE_NOTADB": Trouble("it is damaged", "restore a backup, or move the file away to begin with an empty one"),
    "SQLITE_CANTOPEN": Trouble("it cannot be opened", "check that its folder is there and this user may write to it"),
    "SQLITE_PERM": Trouble("this user may not use it", "give the file to the user that serves"),
    "SQLITE_BUSY": Trouble("another program holds it", "end that program: most likely a backup or a database tool"),
    "SQLITE_LOCKED": Trouble("another program holds it", "end that program: most likely a backup or a database tool"),
    "SQLITE_PROTOCOL": Trouble("its disk cannot lock files", f"{_DATA}, on a local disk"),
    "SQLITE_NOMEM": Trouble("there is not enough memory", "end other programs, or raise the limit"),
}


def trouble(error: BaseException) -> Trouble | None:
    """What keeps the whole database from working; None for a fault of one statement."""
    if isinstance(error, OSError):
        return Trouble(*fault(error))
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    found = next((said for code, said in _SQLITE.items() if name.startswith(code)), None)
    if found is None and isinstance(error, sa.exc.OperationalError) and not name:
        return Trouble("it does not answer", "check that the database runs and is reached from here")
    return found


def cannot_start(error: BaseException, path: Path) -> CannotStart:
    """For a start: why the database cannot be opened."""
    found = trouble(error) or Trouble("it is not a database of BurrowSpace, or somebody changed its tables", _DATA)
    return CannotStart(f"the database {path} cannot be used: {found.words}; {found.cure}")


def newer(path: Path, found: str, known: str) -> CannotStart:
    """For a start: a later version of the program made it."""
    return CannotStart(
        f"the database {path} was made by a newer version of BurrowSpace (revision {found}, this one knows {known}); "
        f"install that version again, or {_DATA}"
    )


class Watch:
    """Knows the files of one database, and says in the log when it stops or starts to work. From any thread."""

    def __init__(self, path: Path | None = None) -> None:
        self._files: list[Path] = [] if path is None else [path, path.with_name(path.name + "-wal")]
        self._known: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._said: Trouble | None = None
        self.replaced: Future[str] = Future()
        self.check()

    def check(self) -> None:
        """Unavailable: a file is gone, or it is another one than was opened."""
        for path in self._files:
            try:
                here = path.stat()
            except OSError:
                if path in self._known or path is self._files[0]:
                    raise self._refusal(_AWAY) from None
                continue  # SQLite makes it with its first transaction
            if self._known.setdefault(path, (here.st_dev, here.st_ino)) != (here.st_dev, here.st_ino):
                refusal = self._refusal(_REPLACED)
                with self._lock:
                    if not self.replaced.done():
                        self.replaced.set_result(
                            f"the database {self._files[0]} was replaced by another file while the server ran; "
                            f"{_REPLACED.cure}"
                        )
                raise refusal
        if self._said is _AWAY:  # of other troubles only a write knows that they are over
            self.works()

    def refusal(self, error: Exception) -> Exception:
        """What a caller is told: a refusal of ours where the database does not work, else the error itself."""
        if isinstance(error, BurrowError) or (found := trouble(error)) is None:
            return error
        return self._refusal(found)

    def works(self) -> None:
        """A transaction went through."""
        if self._said is not None:
            with self._lock:
                if self._said is not None:
                    self._said = None
                    log.info("the database works again")

    def _refusal(self, found: Trouble) -> BurrowError:
        with self._lock:
            if self._said != found:
                self._said = found
                log.error(
                    "the database does not work, so requests that need it are refused",
                    database=str(self._files[0]) if self._files else "",
                    why=found.words,
                    todo=found.cure,
                )
        if found == _FULL:
            return NoSpace("the server's disk is full, so nothing new can be stored; try again later")
        return Unavailable(f"the server cannot use its database ({found.words}); try again later")
