"""What is written down of a staging, so that it goes on after a kill: where it is written, and how far it is."""

from pathlib import Path

import msgspec

from burrowspace.client.files.writing import write_atomically
from burrowspace.core.names import ANYWHERE, Keeps


class Plan(msgspec.Struct, kw_only=True):
    """What is written down of a staging; sizes in bytes."""

    manifest_size: int
    pack_size: int | None
    accepted: bool = False
    target: str | None = None
    part: str | None = None
    name: str | None = None
    overwrite: bool = False
    moves: list[tuple[str, str]] | None = None  # once verified: name in the part folder, name in the target
    digest: str = ""
    keeps: Keeps = ANYWHERE  # the names of the disk that it began on
    lost: list[tuple[int, str]] = []  # once verified: files that the sender could not send to the end, and why


def read_plan(folder: Path) -> Plan | None:
    """What is written down of the staging in `folder`; None: nothing that can be read."""
    try:
        return msgspec.json.decode((folder / "landing.json").read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError):
        return None


def write_plan(folder: Path, plan: Plan) -> None:
    write_atomically(folder / "landing.json", msgspec.json.encode(plan))
