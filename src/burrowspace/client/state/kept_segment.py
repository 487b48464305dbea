"""A segment as it is written down: by a sender for its next run, and for who wants to take back what rests."""

import msgspec

from burrowspace.core.keys import PREFERRED
from burrowspace.core.sealing import Suite


class KeptSegment(msgspec.Struct):
    """What is written down of a segment, for the next run of this program."""

    spool: str
    token: str
    first: int
    rests: bool
    upto: int | None
    whole: bool
    suite: Suite = PREFERRED[0]
