"""Files that could not be sent to the end, although the list names them: how their digest says so, and why.

The list is agreed before the first byte, so such a file keeps its room: zeros travel in it, and a mark stands where its
digest would. A mark is 31 zero bytes and one that says why. No content has such a digest, so a receiver that knows no
marks finds that the file is not what was sent, and keeps nothing. Spec: docs/spec/manifest.md.
"""

KNOWS_MARKS = 2  # the version of a receiver's hello from which on it understands them
_ZEROS = bytes(31)
_WORDS = ("lost", "vanished", "unreadable", "rewritten", "shrank")  # of core/notes.py, by the last byte


def mark(why: str) -> bytes:
    """What stands in the place of a file's digest.

    >>> mark("vanished")[-2:], len(mark("vanished")), mark("something new")[-1]
    (b'\\x00\\x01', 32, 0)
    """
    return _ZEROS + bytes([_WORDS.index(why) if why in _WORDS else 0])


def reason(digest: bytes | bytearray) -> str | None:
    """Why the file was left out; None: this is the digest of a content.

    >>> reason(mark("shrank")), reason(bytes(31) + b"z"), reason(b"d" * 32)
    ('shrank', 'lost', None)
    """
    if digest[:-1] != _ZEROS:
        return None
    return _WORDS[digest[-1]] if digest[-1] < len(_WORDS) else _WORDS[0]
