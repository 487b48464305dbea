"""What a sender could not send, or not as it is: a few words for each, in the manifest, so that both sides know.

A note says which path, why (a word that programs know) and a detail. What a person reads is made here from the three.
Spec: docs/spec/manifest.md.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

NOTES = 1000  # of one manifest; the rest is counted
PATH_CHARS = 1024
WORD_CHARS = 32
DETAIL_CHARS = 255

LEFT_OUT = {
    "link": "is a symbolic link",
    "dangling": "is a symbolic link to something that is not there",
    "socket": "is a socket",
    "pipe": "is a pipe",
    "device": "is a device",
    "odd": "is neither a file nor a folder",
    "unreadable": "cannot be read",
    "gone": "disappeared while the list of files was made",
    "deep": "lies in too many folders inside each other",
    "endless": "has no size of its own and is too long; `burrow send -` can send it alone",
    "lost": "could not be sent to the end",
    "vanished": "disappeared while it was being sent",
    "rewritten": "changed while it was being sent",
    "shrank": "became shorter while it was being sent",
    "stale": "changed, or can no longer be read",
}
CHANGED = {
    "date": "has a date that cannot be stored",
    "name": "has a name that is not valid text",
}


class Note(msgspec.Struct, frozen=True, array_like=True):
    """`path` is how the other side knows it, with slashes. `why`: a word of the tables above, or one of a later
    version. `detail`: the system's reason, the date, the name as it is here."""

    path: Annotated[str, Meta(min_length=1, max_length=PATH_CHARS)]
    why: Annotated[str, Meta(min_length=1, max_length=WORD_CHARS)]
    detail: Annotated[str, Meta(max_length=DETAIL_CHARS)] = ""

    @property
    def changed(self) -> bool:
        """It is sent, but not as it is. False: it is left out."""
        return self.why in CHANGED


class Notes:
    """Collects them: the first NOTES are kept, the others counted."""

    def __init__(self) -> None:
        self.first: list[Note] = []
        self.unlisted = 0

    def add(self, path: Sequence[str], why: str, detail: str = "") -> None:
        if len(self.first) >= NOTES:
            self.unlisted += 1
            return
        self.first.append(note(path, why, detail))


def note(path: Sequence[str], why: str, detail: str = "") -> Note:
    """One that keeps its bounds."""
    return Note(_cut("/".join(path), PATH_CHARS), why, _cut(detail, DETAIL_CHARS))


def sentence(about: Note) -> str:
    """A note for a person. It may be a stranger's text: whoever prints it calls core.names.shown.

    >>> sentence(Note("holiday/pipe", "pipe")), sentence(Note("a/b", "unreadable", "permission denied"))
    ('holiday/pipe is a pipe: left out', 'a/b cannot be read (permission denied): left out')
    >>> sentence(Note("holiday/scan.jpg", "date", "2500-01-01"))
    'holiday/scan.jpg has a date that cannot be stored (2500-01-01): sent without its date'
    >>> sentence(Note("a/b", "something new"))
    'a/b: left out'
    """
    detail = f" ({about.detail})" if about.detail else ""
    if about.why == "date":
        return f"{about.path} {CHANGED['date']}{detail}: sent without its date"
    if about.why == "name":
        return f"{about.path} {CHANGED['name']} here{detail}: sent under this name"
    known = said(about)
    return f"{about.path} {known}: left out" if known else f"{about.path}{detail}: left out"


def said(about: Note) -> str:
    """Why it is left out, as a clause behind its name; empty for a word of a later version.

    >>> said(Note("a/b", "unreadable", "permission denied"))
    'cannot be read (permission denied)'
    """
    known = LEFT_OUT.get(about.why)
    return known + (f" ({about.detail})" if about.detail else "") if known else ""


def _cut(text: str, limit: int) -> str:
    """The end of a path says more than its beginning."""
    return text if len(text) <= limit else "…" + text[len(text) - limit + 1 :]
