"""Where this person's state lies, and that nobody else may look into it."""

from collections.abc import Mapping
from pathlib import Path

from burrowspace.private import close_files, private_folder

_OURS = ("transfers", "resting", "own", "devices.json", "history.", "spent-codes.")  # how the names in it begin


def state_folder(environment: Mapping[str, str]) -> Path:
    """BURROW_STATE, else burrow below XDG_STATE_HOME, else ~/.local/state/burrow.

    >>> state_folder({"BURROW_STATE": "/x"}), state_folder({"XDG_STATE_HOME": "/y"})
    (PosixPath('/x'), PosixPath('/y/burrow'))
    """
    if own := environment.get("BURROW_STATE"):
        return Path(own).expanduser()
    if (xdg := environment.get("XDG_STATE_HOME")) and Path(xdg).is_absolute():  # the specification ignores others
        return Path(xdg) / "burrow"
    return Path.home() / ".local" / "state" / "burrow"


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
