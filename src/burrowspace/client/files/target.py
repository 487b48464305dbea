"""The folder that a person receives into: whether it can be written, and another one for what has begun already."""

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import msgspec

from burrowspace.client.files.plan import Plan, read_plan, write_plan
from burrowspace.client.files.space import make_sure_of_room
from burrowspace.client.files.spelling import lying_at, told, written_down
from burrowspace.client.files.staging import aimed
from burrowspace.core.errors import BadRequest, NoSpace
from burrowspace.core.manifest import parse
from burrowspace.system.disk import is_read_only
from burrowspace.system.long_paths import BEYOND, reaching


def why_not(into: Path) -> str | None:
    """Why nothing can be written to this folder or file, in a sentence; None: it seems that it can. Makes nothing.
    `Path()` is the current folder."""
    try:
        here = into.absolute()
    except FileNotFoundError:
        return "the current folder is gone; choose another place with -o, as a path from /"
    while not os.path.lexists(here) and here != here.parent:
        here = here.parent
    shown = told(str(here))
    if here.is_file() and here == into.absolute():
        here = here.parent  # a file's name: the newcomer is numbered, or takes its place
    if not here.is_dir():
        return f"{shown} is not a folder, so nothing can be written to {told(str(into))}; choose another place with -o"
    if is_read_only(here):
        return f"the disk of {shown} is read-only; choose another place with -o"
    if not os.access(here, os.W_OK | os.X_OK):
        return f"you may not write to {shown}; choose another place with -o"
    return None


def has_begun(folder: Path) -> bool:
    """Whether the transfer with this folder of the state has a place where it is written."""
    plan = read_plan(folder)
    return plan is not None and plan.accepted


def retarget(folder: Path, into: Path | BinaryIO) -> None:
    """What has begun, and is not open now, goes on in another place: what arrived moves there. Nothing happens where
    nothing was written yet, or it is the same place. BadRequest, NoSpace, OSError: it stays where it was."""
    plan = read_plan(folder)
    if plan is None or not plan.accepted or plan.moves is not None or plan.part is None:
        return
    if not isinstance(into, Path):
        raise BadRequest("part of it is written to a folder already, so it cannot go to an output; leave out -o")
    manifest = parse((folder / "manifest").read_bytes()[: plan.manifest_size])
    target, name = aimed(manifest, into)
    if target is None:
        return
    target.mkdir(parents=True, exist_ok=True)
    target = target.resolve()
    old = Path(lying_at(plan.part))
    part = target / old.name
    if part != old and os.path.lexists(old):
        _move(old, part, plan, [entry.size for entry in manifest.entries])
    changed = msgspec.structs.replace(plan, target=written_down(target), part=written_down(part), name=name)
    if changed != plan:
        write_plan(folder, changed)


def _move(old: Path, part: Path, plan: Plan, sizes: list[int | None]) -> None:
    try:
        old.rename(part)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        make_sure_of_room(part.parent, sizes)
        part.mkdir(mode=0o700)
        try:
            from_here, to = reaching(str(old), BEYOND), reaching(str(part), BEYOND)
            shutil.copytree(from_here, to, symlinks=True, dirs_exist_ok=True)
        except (OSError, shutil.Error) as failed:
            with contextlib.suppress(OSError):
                shutil.rmtree(to)
            raise NoSpace("what has arrived could not be moved there; choose another place with -o") from failed
        shutil.rmtree(from_here, ignore_errors=True)
