"""Whether what is offered fits, asked before its first byte is taken."""

from collections.abc import Iterable
from pathlib import Path

from burrowspace.core.errors import NoSpace
from burrowspace.core.names import safe_name
from burrowspace.core.sizes import size_shown as size_shown
from burrowspace.system.disk import room


def _shown(target: Path) -> str:
    """Its name alone: the sentence may reach the other side, where this machine's paths are nobody's business."""
    return safe_name(target.resolve().name) if target.resolve().name else "that folder"


def make_sure_of_room(target: Path, sizes: Iterable[int | None]) -> None:
    """NoSpace unless the file system of `target` (a folder that is there) takes files of these sizes, bytes.

    A size that is not known is not asked for. File systems that make their inodes as they go say that they have none;
    that is no reason to refuse.
    """
    free, unit, most = room(target)
    files = needed = 0
    for size in sizes:
        files += 1
        needed += -(-(size or 0) // unit) * unit
    if needed > free:
        raise NoSpace(
            f"there is not enough room in {_shown(target)}: {size_shown(needed)} are needed and "
            f"{size_shown(free)} are free; free some space or choose another folder",
            needed=needed,
            free=free,
        )
    if most is not None and files > most:
        raise NoSpace(
            f"the disk of {_shown(target)} takes only {most} more files and {files} are offered; choose another folder",
            needed=files,
            free=most,
        )
