"""Why the database does not work, in a sentence with a cure; and whether its files are still those that were opened.

SQLite goes on without a word when its file is deleted or replaced under it, and what is then acknowledged is lost. So
`Watch` compares the files with those that were opened, around each transaction. Part of state_sql.py.
"""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, NoReturn

import sqlalchemy as sa
import structlog

from burrowspace.core.errors import BadRequest, BurrowError, NoSpace, Unavailable
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


_POSTGRES = {  # by SQLSTATE (PostgreSQL, appendix A); the longest name that one begins with counts
    "08": Trouble("it does not answer", "check that PostgreSQL runs and is reached from here"),
    "25006": Trouble("it is read-only, most likely a standby", "name the primary in BURROW_DATABASE_URL"),
    "28": Trouble(
        "it refuses this user", "check user and password in BURROW_DATABASE_URL, and PostgreSQL's pg_hba.conf"
    ),
    "3D000": Trouble("there is no database of that name", "make it with createdb, or name another one"),
    "42501": Trouble("its tables belong to another user", "make the user in BURROW_DATABASE_URL their owner"),
    "53100": _FULL,
    "53300": Trouble("it takes no more connections", "raise its max_connections, or end programs that hold some"),
    "53": Trouble("its machine has not enough memory", "give it more, or end other programs there"),
    "57P": Trouble("it is about to stop or to start", "wait a moment, or start PostgreSQL"),
    "58": Trouble("its disk fails or is gone", "check the disk of PostgreSQL"),
    "XX": Trouble("it is damaged", "restore a backup"),
}

_CONNECTING = {  # before a connection stands there are no states, only sentences
    "does not exist": "3D000",
    "authentication failed": "28",
    "no password supplied": "28",
    "pg_hba.conf": "28",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "starting up": "57P",
    "shutting down": "57P",
}


def trouble(error: BaseException) -> Trouble | None:
    """What keeps the whole database from working; None for a fault of one statement."""
    if isinstance(error, OSError):
        return Trouble(*fault(error))
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    found = next((said for code, said in _SQLITE.items() if name.startswith(code)), None)
    if found is not None or name:
        return found
    if state := sqlstate(error):
        return next((_POSTGRES[code] for code in sorted(_POSTGRES, reverse=True) if state.startswith(code)), None)
    if not isinstance(error, sa.exc.OperationalError):
        return None
    said = str(error.orig)
    return next((_POSTGRES[code] for words, code in _CONNECTING.items() if words in said), _POSTGRES["08"])


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five characters for it; empty where the server said none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def cannot_start(error: BaseException, database: object, elsewhere: str = _DATA) -> CannotStart:
    """For a start: why the database cannot be opened. `elsewhere`: how to choose another one."""
    found = trouble(error) or Trouble("it is not a database of BurrowSpace, or somebody changed its tables", elsewhere)
    return CannotStart(f"the database {database} cannot be used: {found.words}; {found.cure}")


def newer(database: object, found: str, known: str, elsewhere: str = _DATA) -> CannotStart:
    """For a start: a later version of the program made it."""
    return CannotStart(
        f"the database {database} was made by a newer version of BurrowSpace (revision {found}, this one knows "
        f"{known}); install that version again, or {elsewhere}"
    )


class Watch:
    """Knows the files of one database, and says in the log when it stops or starts to work. From any thread."""

    def __init__(self, path: Path | None = None, name: str = "") -> None:
        """`path`: of a database in a file. `name`: what the log calls another one."""
        self._name = str(path) if path is not None else name
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
                self.is_taken(_REPLACED)
        if self._said is _AWAY:  # of other troubles only a write knows that they are over
            self.works()

    def is_taken(self, found: Trouble) -> NoReturn:
        """This server must not go on with it, and ends: see `replaced`. Unavailable."""
        with self._lock:
            if not self.replaced.done():
                self.replaced.set_result(
                    f"the database {self._name} cannot be used any more: {found.words}; {found.cure}"
                )
        raise self._refusal(found)

    def refusal(self, error: Exception) -> Exception:
        """What a caller is told: a refusal of ours where the database does not work, else the error itself."""
        if isinstance(error, sa.exc.DataError) and "NUL" in str(error.orig):
            return BadRequest("a text holds the character NUL, which cannot be kept")
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
                    database=self._name,
                    why=found.words,
                    todo=found.cure,
                )
        if found == _FULL:
            return NoSpace("the server's disk is full, so nothing new can be stored; try again later")
        return Unavailable(f"the server cannot use its database ({found.words}); try again later")
