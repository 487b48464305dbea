"""The C library of this process, for the few calls that Python does not offer. None on Windows: it has no such one."""

import ctypes
import sys


def _loaded() -> ctypes.CDLL | None:
    if sys.platform == "win32":
        return None  # CDLL(None) is a TypeError there
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


LIBC = _loaded()
LINUX_LIBC = LIBC if sys.platform == "linux" else None
