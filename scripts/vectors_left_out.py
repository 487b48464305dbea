"""Cases of core/left_out.py for tests/vectors/left_out.json: marks, and what a receiver makes of those that came."""

from typing import Any

from burrowspace.core.left_out import WORDS, compare, mark, none_left, reason
from burrowspace.core.notes import LEFT_OUT

A, B, C = (letter * 32 for letter in (b"a", b"b", b"c"))
NEARLY = bytes(30) + b"\x01\x01"  # a digest that begins like a mark

COMPARED = {
    "all is there": (A + B, A + B),
    "no file at all": (b"", b""),
    "one is left out": (A + B + C, A + mark("vanished") + C),
    "two are, one for a reason of a later version": (A + B + C, mark("shrank") + B + bytes(31) + b"\xff"),
    "one is not what was sent": (A + B, A + C),
    "one is left out, another is not what was sent": (A + B + C, mark("stale") + B + A),
    "none is left": (A + B, mark("vanished") + mark("rewritten")),
    "the only one is left out": (A, mark("unreadable")),
    "one that holds what a mark is": (A + mark("lost"), A + mark("lost")),
    "one that only begins like a mark": (A + B, A + NEARLY),
}


def left_out_vectors() -> dict[str, Any]:
    return {
        "marks": [{"why": why, "mark": mark(why).hex()} for why in (*WORDS, "later")],
        "reasons": [
            {"digest": each.hex(), "why": reason(each)} for each in (A, NEARLY, *map(mark, WORDS), bytes(31) + b"z")
        ],
        "compared": [
            {"case": case, "got": got.hex(), "given": given.hex(), **compare(got, given)._asdict()}
            for case, (got, given) in COMPARED.items()
        ],
        "clauses": {why: LEFT_OUT[why] for why in WORDS},
        "none_left": [[left, files, none_left(left, files)] for left, files in ((1, 1), (1, 2), (2, 2), (0, 1))],
    }
