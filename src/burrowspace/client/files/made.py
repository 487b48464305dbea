"""Files that a kernel makes as they are read (/proc, /sys): their size says nothing, and each reading gives another
content. So they are read once, to the end, and what was read is sent.
"""

import os

from burrowspace.system.files import NO_WAITING, open_file

MOST = 16 << 20  # bytes of one such file
_PIECE = 1 << 16


class Endless(ValueError):
    """It has more than MOST bytes."""


def content(real: str, size: int, blocks: int) -> bytes | None:
    """What a file holds whose size, as the system tells it, cannot be trusted; None for all others, which are read as
    they are sent. `blocks`: that it has on a disk. OSError, Endless.
    """
    if blocks or size > _PIECE:
        return None
    handle = open_file(real, os.O_RDONLY | NO_WAITING)
    try:
        data = bytearray()
        while piece := os.read(handle, _PIECE):
            data += piece
            if len(data) > MOST:
                raise Endless
    finally:
        os.close(handle)
    return None if len(data) == size else bytes(data)
