"""What both ends tell of a manifest's notes, and the receiver of names that change on its disk."""

from collections.abc import Sequence
from typing import TypedDict

from burrowspace.client import events
from burrowspace.core.manifest import Manifest
from burrowspace.core.notes import Note, sentence

Renamed = Sequence[tuple[str, str]]  # as offered, as written; with slashes


class Told(TypedDict):
    """Fields of events.Finished."""

    left_out: tuple[str, ...]
    changed: tuple[str, ...]
    unlisted: int
    incomplete: bool


def noted(manifest: Manifest) -> events.Noted | None:
    """The event, if there is anything to tell."""
    notes = tuple(events.Remark(each.path, each.why, sentence(each)) for each in manifest.noted)
    return events.Noted(notes, manifest.more_notes) if notes else None


def renamed(names: Renamed) -> events.Noted | None:
    """The event of the receiver's own, if a name changes."""
    notes = tuple(events.Remark(old, "renamed", _sentence(old, new), new) for old, new in names[: events.REMARKS])
    return events.Noted(notes, max(0, len(names) - events.REMARKS)) if notes else None


def lost(notes: Sequence[Note]) -> events.Noted | None:
    """The event of files that could not be sent to the end."""
    remarks = tuple(events.Remark(each.path, each.why, sentence(each)) for each in notes[: events.REMARKS])
    return events.Noted(remarks, max(0, len(notes) - events.REMARKS)) if remarks else None


def told(manifest: Manifest, names: Renamed = (), undated: Sequence[str] = (), lost: Sequence[Note] = ()) -> Told:
    """The same at the end. `undated`: whose date the receiver's disk cannot keep. `lost`: which could not be sent to
    the end."""
    left_out = [sentence(each) for each in lost[: events.REMARKS]]
    left_out += [sentence(each) for each in manifest.noted if not each.changed]
    changed = [sentence(each) for each in manifest.noted if each.changed]
    changed += [_sentence(old, new) for old, new in names[: events.REMARKS]]
    changed += [f"{path} has a date that this disk cannot keep" for path in undated[: events.REMARKS]]
    more = manifest.more_notes + sum(max(0, len(each) - events.REMARKS) for each in (names, undated, lost))
    return Told(left_out=tuple(left_out), changed=tuple(changed), unlisted=more, incomplete=bool(lost))


def _sentence(old: str, new: str) -> str:
    return f"{old} is written as {new}: this disk cannot keep its name"
