"""What a transfer tells whoever started it: each event is a value, fit for a progress line or a line of JSON.

Sizes are bytes, times seconds, rates bytes per second. Names in events come from the other side and are not yet fit
for a terminal: whoever prints them calls core.names.shown.
"""

from typing import Literal

import msgspec

REMARKS = 1000  # names of one transfer that are told, one by one

Path = Literal["tcp", "punch", "webrtc", "turn", "relay", "store"]


class Event(msgspec.Struct, frozen=True, tag_field="event"):
    """Root of them all."""


class Ready(Event, frozen=True, tag="ready"):
    """A receiver can come: by the link at any time, by the code until it is used or burnt. If you asked for a code and
    there is none, `why` says why; with `asks`, the transfer's `new_code()` makes one."""

    link: str
    code: str | None
    server: str
    why: str = ""
    asks: bool = False


class NewCode(Event, frozen=True, tag="new-code"):
    """The old code no longer works, and `why`; this one does. None: there is no new one until somebody asks for it with
    the transfer's `new_code()`. `burns`: how many codes of this transfer were burnt by a failed try."""

    code: str | None
    why: str
    burns: int = 0
    asks: bool = False


class Met(Event, frozen=True, tag="met"):
    """The other side is there and has proved that it knows the secret. `words` are the same four at both ends, unless
    somebody sits in between."""

    peer: str  # the name it gives itself
    receiver: str  # id of the receiver
    words: tuple[str, ...]


class Offered(Event, frozen=True, tag="offered"):
    """The receiver knows what is coming."""

    name: str
    files: int
    size: int | None
    sender: str
    text: bool = False


class Remark(msgspec.Struct, frozen=True):
    """One file or folder that does not arrive as it is, or not at all."""

    path: str  # as the other side knows it
    why: str  # a word: "pipe", "unreadable", "date", "renamed", …
    sentence: str
    becomes: str = ""  # of one that is renamed


class Noted(Event, frozen=True, tag="noted"):
    """Before the first byte, at both ends: what is left out, sent without its date, or gets another name here. Later:
    which files could not be sent to the end. Only where there is something to say."""

    notes: tuple[Remark, ...]
    unlisted: int = 0  # how many more there are


class PathChanged(Event, frozen=True, tag="path"):
    """The next blocks travel this way. `why` is a few words for a person."""

    path: Path
    peer: str  # an address to show; empty for relay and store
    why: str
    receiver: str = ""


class Progress(Event, frozen=True, tag="progress"):
    """At most ten a second for each receiver. `done` counts what the receiver holds (for the sender: of `receiver`;
    for a store, what the server holds)."""

    done: int
    total: int | None
    rate: float
    eta: float | None
    path: Path
    receiver: str = ""


class Waiting(Event, frozen=True, tag="waiting"):
    """Nothing moves, and why: the other side is away, the server cannot be reached, …"""

    why: str
    receiver: str = ""


class Declined(Event, frozen=True, tag="declined"):
    """One of several receivers declined, or stopped; the others continue. With one receiver the transfer ends."""

    peer: str  # the name it gives itself
    why: str
    receiver: str = ""


class Resting(Event, frozen=True, tag="resting"):
    """All of it is on the server, sealed. The sender can go."""

    until: float  # seconds since 1970


class Text(Event, frozen=True, tag="text"):
    """A text of the transfer, complete and verified."""

    text: str


class Verified(Event, frozen=True, tag="verified"):
    """Both ends computed the same BLAKE3 over everything. `digest` is hex."""

    digest: str
    receiver: str = ""


class Finished(Event, frozen=True, tag="finished"):
    """The last event. `shares`: bytes by path. `first_byte`: seconds from meeting to the first block, if one came."""

    size: int
    seconds: float
    first_byte: float | None
    shares: dict[str, int]
    verified: bool
    resting: bool = False
    places: tuple[str, ...] = ()  # where it was written
    left_out: tuple[str, ...] = ()  # sentences: what was not sent
    again: int = 0  # blocks that crossed the network although the receiver had said that it holds them
    network: dict[str, int] = {}  # sealed bytes that crossed the network, useful or not, by path
    sealed: int = 0  # blocks that the sender sealed
    changed: tuple[str, ...] = ()  # sentences: what was sent without its date, or has another name now
    unlisted: int = 0  # how many more of either there are
    incomplete: bool = False  # files that the list names could not be sent to the end; `left_out` names them first
