"""What this person left on a server, sealed, and can take back: the secret and the tokens, until its time is up.

The secret is in it, so only the owner may look. Spec: docs/spec/paths.md.
"""

import contextlib
from pathlib import Path

import msgspec

from burrowspace.client.files.writing import write_atomically
from burrowspace.client.state.kept_segment import KeptSegment
from burrowspace.client.state.root import make_state
from burrowspace.system.files import sync_folder


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that waits on `server` until `until`. Times are seconds since 1970, sizes bytes."""

    transfer: str  # its id, hex
    name: str
    server: str
    secret: bytes
    legs: list[KeptSegment]
    size: int | None
    created: float
    until: float


class Shelf:
    """The folder `resting` of the state folder `root`; made when it is needed, for its owner alone."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "resting"

    def put(self, left: Left) -> None:
        make_state(self._folder.parent)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_atomically(self._file(left), msgspec.json.encode(left))

    def all(self, now: float) -> list[Left]:
        """Those whose time is not up, the newest first; the others are forgotten."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for file in self._folder.glob("[!.]*.json"):
                with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
                    left = msgspec.json.decode(file.read_bytes(), type=Left)
                    if left.until > now:
                        found.append(left)
                    else:
                        self.drop(left)
        return sorted(found, key=lambda left: -left.created)

    def drop(self, left: Left) -> None:
        """It is remembered no more."""
        self._file(left).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _file(self, left: Left) -> Path:
        return self._folder / f"{bytes.fromhex(left.transfer).hex()}.json"
