"""Where this person's state lies, and that nobody else may look into it."""

import os
from collections.abc import Mapping
from pathlib import Path

from burrowspace.faults import CannotStart, why
from burrowspace.private import close_files, private_folder
from burrowspace.system.files import open_file
from burrowspace.system.folders import state_home

_OURS = ("transfers", "resting", "own", "devices.json", "history.", "spent-codes.")  # how the names in it begin


def state_folder(environment: Mapping[str, str]) -> Path:
    """BURROW_STATE, else where this system keeps such things.

    >>> state_folder({"BURROW_STATE": "/x"}) == Path("/x")
    True
    """
    if own := environment.get("BURROW_STATE"):
        return Path(own).expanduser()
    return state_home(environment)


def make_state(root: Path) -> None:
    """Makes the folder, for its owner alone. Whoever writes into it calls this first. CannotStart."""
    try:
        private_folder(root, _OURS)
        if not root.is_dir():
            raise NotADirectoryError("it is a file")
        if not os.access(root, os.W_OK | os.X_OK):
            _write_something(root)  # it says why not
    except OSError as error:
        raise CannotStart(
            f"your state folder {root} cannot be used: {why(error)}; make it writable for this user, or name another "
            "with BURROW_STATE"
        ) from None


def usable_state(environment: Mapping[str, str]) -> None:
    """Before anything is asked of another side. CannotStart: nothing could be written down."""
    make_state(state_folder(environment))


def close_state(root: Path) -> str:
    """Closes one that is there already and that other users may enter; what there is to say about it."""
    if not root.is_dir():
        return ""
    said = private_folder(root, _OURS)
    close_files(root, _OURS)
    return said


def _write_something(root: Path) -> None:
    probe = root / f".probe-{os.getpid()}"
    os.close(open_file(probe, os.O_WRONLY | os.O_CREAT, 0o600))
    probe.unlink()
