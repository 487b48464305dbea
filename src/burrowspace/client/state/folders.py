"""The state folder of a person: unfinished transfers, each in its folder, and what became of the ended ones."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from burrowspace.client.files.writing import write_atomically
from burrowspace.client.state.journal import Journal, Known, Record, Role, read
from burrowspace.client.state.root import make_state, state_folder
from burrowspace.core.errors import BadRequest, BurrowError, NotFound
from burrowspace.system.files import open_file
from burrowspace.system.locks import lock_file

KEPT_S = 30 * 86_400  # after which an unfinished transfer is forgotten, seconds
HISTORY = 500  # ended transfers that are remembered

_ID = re.compile(r"[0-9a-f]{8,64}\Z")


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """An ended transfer, without its secret. Times are seconds since 1970, sizes bytes."""

    role: Role
    transfer: str
    name: str
    outcome: str  # verified, cancelled, failed, expired
    created: float
    ended: float
    size: int | None = None
    peer: str | None = None
    target: str | None = None
    digest: str | None = None


class Folders:
    """The state folder `root`; made when it is needed, for its owner alone. Several programs may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._transfers = root / "transfers"
        self._history = root / "history.json"

    def create(self, record: Record) -> Journal:
        """A locked journal for a new transfer. Busy: another program has it."""
        make_state(self._root)
        self._transfers.mkdir(mode=0o700, exist_ok=True)
        return Journal.create(self._folder(record.role, record.transfer), record)

    def stdin(self) -> Path:
        """The folder where standard input is kept while it is sent, on the disk that this person's state is on."""
        make_state(self._root)
        folder = self._root / "stdin"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def open(self, role: Role, transfer: str) -> Journal:
        """The locked journal of an unfinished transfer. NotFound, Busy, Damaged."""
        return Journal.open(self._folder(role, transfer))

    def place(self, record: Record) -> Path:
        """The folder of an unfinished transfer."""
        return self._folder(record.role, record.transfer)

    def unfinished(self) -> list[Record]:
        """All unfinished transfers, the newest first; one that cannot be read is not among them."""
        return sorted(self._records(), key=lambda record: -record.created)

    def by_code(self, code: str, role: Role = "receive", server: str | None = None) -> Record | None:
        """`server`: the origin where it was used, if one is meant; elsewhere the same words mean something else."""
        return self._find(
            lambda record: record.role == role and record.code == code and server in (None, record.server)
        )

    def by_secret(self, secret: bytes, role: Role = "receive") -> Record | None:
        """By what a link hands over: the same server may be reached elsewhere now."""
        return self._find(lambda record: record.role == role and record.secret == secret)

    def by_paths(self, paths: tuple[Known, ...], text: str | None = None) -> Record | None:
        """The unfinished sending of these very paths, whatever lies there now: the source says if that has changed."""
        asked = sorted(each.path for each in paths)
        return self._find(
            lambda record: (
                record.role == "send" and sorted(each.path for each in record.paths) == asked and record.text == text
            )
        )

    def finish(
        self,
        journal: Journal,
        outcome: str,
        now: float,
        *,
        name: str | None = None,
        size: int | None = None,
        peer: str | None = None,
        target: str | None = None,
        digest: str | None = None,
    ) -> None:
        """Into the history, by its fields of Ended; the secret is gone, and what lay beside a target and was never put
        in place. `name`: where it is another than the journal knew."""
        record = journal.record
        ended = Ended(
            role=record.role,
            transfer=record.transfer,
            name=name or record.name,
            outcome=outcome,
            created=record.created,
            ended=now,
            size=size,
            peer=peer,
            target=target,
            digest=digest,
        )
        with self._alone():
            write_atomically(self._history, msgspec.json.encode([ended, *self.history()][:HISTORY]))
        if journal.record.role == "receive":
            from burrowspace.client.files.staging import discard  # late: a sender has none

            discard(journal.folder)
        journal.forget()

    def history(self) -> list[Ended]:
        """Ended transfers, the newest first."""
        try:
            return msgspec.json.decode(self._history.read_bytes(), type=list[Ended])
        except (OSError, msgspec.MsgspecError):
            return []

    def amend(self, transfer: str, outcome: str) -> None:
        """What became of a sending that rested."""
        with self._alone():
            known = [
                msgspec.structs.replace(each, outcome=outcome)
                if each.transfer == transfer and each.role == "send"
                else each
                for each in self.history()
            ]
            write_atomically(self._history, msgspec.json.encode(known))

    def forget_history(self) -> None:
        """Ended transfers are remembered no more; what is unfinished stays."""
        self._history.unlink(missing_ok=True)

    def expire(self, now: float) -> list[Record]:
        """Forgets what is older than KEPT_S at `now` (seconds since 1970), and what came from a stream, unless somebody
        works on it: what went."""
        gone = []
        for record in self.unfinished():
            streamed = record.role == "send" and not record.paths and record.text is None
            if now - record.created < KEPT_S and not streamed:
                continue
            with contextlib.suppress(BurrowError):
                journal = self.open(record.role, record.transfer)
                self.finish(journal, "expired", now, target=record.target)
                gone.append(record)
        return gone

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other program changes the history meanwhile."""
        make_state(self._root)
        with os.fdopen(open_file(self._root / "history.lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            lock_file(lock.fileno())
            yield

    def _find(self, fits: Callable[[Record], bool]) -> Record | None:
        return next(filter(fits, self.unfinished()), None)

    def _records(self) -> Iterator[Record]:
        with contextlib.suppress(FileNotFoundError):
            for folder in self._transfers.iterdir():
                with contextlib.suppress(NotFound, BurrowError):
                    yield read(folder)

    def _folder(self, role: Role, transfer: str) -> Path:
        """The only place where an id becomes a path."""
        if not _ID.match(transfer):
            raise BadRequest("a transfer's id is hex digits")
        return self._transfers / f"{role}-{transfer}"


def here() -> Folders:
    """The folders of whoever runs this."""
    return Folders(state_folder(os.environ))
