"""Paths as text. A system's paths are bytes, its locale may be any; what is written down or sent is UTF-8."""

import os

_BYTES = "bytes:"  # before a path that is not UTF-8, as hex; no absolute path begins so


def told(name: str) -> str:
    """A name or path of this system as text for somebody else: bytes that are not UTF-8 become `�`."""
    return os.fsencode(name).decode(errors="replace")


def native(text: str) -> str:
    """A name that came as text as this system takes it: its bytes are UTF-8, whatever the locale."""
    return os.fsdecode(text.encode())


def written_down(path: str | os.PathLike[str]) -> str:
    r"""A path for a JSON file; `lying_at` gives it back, in another locale too.

    >>> written_down("/home/é"), written_down("/home/\udce9"), lying_at(written_down("/home/\udce9"))
    ('/home/é', 'bytes:2f686f6d652fe9', '/home/\udce9')
    """
    data = os.fsencode(path)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _BYTES + data.hex()


def lying_at(written: str) -> str:
    """The path that was written down. ValueError: it is none."""
    if written.startswith(_BYTES):
        return os.fsdecode(bytes.fromhex(written[len(_BYTES) :]))
    return native(written)
