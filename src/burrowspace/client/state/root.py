"""Where this person's state lies, and that nobody else may look into it."""

from collections.abc import Mapping
from pathlib import Path

from burrowspace.private import close_files, private_folder
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
    """Makes the folder, for its owner alone. Whoever writes into it calls this first."""
    private_folder(root, _OURS)


def close_state(root: Path) -> str:
    """Closes one that is there already and that other users may enter; what there is to say about it."""
    if not root.is_dir():
        return ""
    said = private_folder(root, _OURS)
    close_files(root, _OURS)
    return said
