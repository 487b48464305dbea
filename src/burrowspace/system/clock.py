"""What the system knows of its clock."""

import ctypes

from burrowspace.system.libc import LINUX_LIBC

_TIME_ERROR = 5  # adjtimex(2): nobody keeps the clock right


def is_unsynchronised() -> bool:
    """What Linux knows of it; not known is not wrong."""
    try:
        return LINUX_LIBC is not None and LINUX_LIBC.adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR
    except AttributeError:
        return False
