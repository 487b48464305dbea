"""Files that could not be sent to the end, although the list names them: how their digest says so, and why.

The list is agreed before the first byte, so such a file keeps its room: zeros travel in it, and a mark stands where its
digest would. A mark is 31 zero bytes and one that says why. No content has such a digest, so a receiver that knows no
marks finds that the file is not what was sent, and keeps nothing. Twin of web/core/left-out.js, held to the same
vectors (tests/vectors/left_out.json). Spec: docs/spec/manifest.md.
"""

from typing import NamedTuple

from burrowspace.core.pack import DIGEST

KNOWS_MARKS = 2  # the version of a receiver's hello from which on it understands them
WORDS = ("lost", "vanished", "unreadable", "rewritten", "shrank", "stale")  # of core/notes.py, by the last byte
_ZEROS = bytes(DIGEST - 1)


def mark(why: str) -> bytes:
    """What stands in the place of a file's digest.

    >>> mark("vanished")[-2:], len(mark("vanished")), mark("something new")[-1]
    (b'\\x00\\x01', 32, 0)
    """
    return _ZEROS + bytes([WORDS.index(why) if why in WORDS else 0])


def reason(digest: bytes | bytearray) -> str | None:
    """Why the file was left out; None: this is the digest of a content.

    >>> reason(mark("shrank")), reason(bytes(31) + b"z"), reason(b"d" * 32)
    ('shrank', 'lost', None)
    """
    if digest[:-1] != _ZEROS:
        return None
    return WORDS[digest[-1]] if digest[-1] < len(WORDS) else WORDS[0]


class Compared(NamedTuple):
    """Files by their numbers. `lost`: the sender could not send them to the end, and why. `wrong`: they are not what
    was sent; where there is one, nothing is put in place."""

    lost: list[tuple[int, str]]
    wrong: list[int]


def compare(got: bytes | bytearray, given: bytes | bytearray) -> Compared:
    """`got`: the digests of what arrived, one behind the other. `given`: as the sender sent them. Where no file is
    left, all are wrong: a sender ends such a transfer instead.

    >>> compare(b"a" * 32 + b"b" * 32, b"a" * 32 + mark("vanished"))
    Compared(lost=[(1, 'vanished')], wrong=[])
    """
    lost: list[tuple[int, str]] = []
    wrong: list[int] = []
    if got == given:
        return Compared(lost, wrong)
    for file in range(len(given) // DIGEST):
        at = slice(DIGEST * file, DIGEST * (file + 1))
        if (why := reason(given[at])) is not None:
            lost.append((file, why))
        elif got[at] != given[at]:
            wrong.append(file)
    if lost and len(lost) * DIGEST == len(given):
        return Compared([], [file for file, _ in lost])
    return Compared(lost, wrong)


def none_left(left_out: int, files: int) -> bool:
    """Whether the transfer ends once so many of its files are left out.

    >>> none_left(1, 1), none_left(1, 2)
    (True, False)
    """
    return left_out >= files
