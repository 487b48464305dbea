"""Searching memory: the C library's memmem where there is one, since `bytes.find` takes a second for a GB."""

import ctypes
from typing import Any

from burrowspace.system.libc import LIBC

_MEMMEM = getattr(LIBC, "memmem", None)
if _MEMMEM is not None:
    _MEMMEM.restype = ctypes.c_void_p
    _MEMMEM.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)


class Window:
    """A piece of memory to read into and to search. `view`: its bytes."""

    def __init__(self, size: int) -> None:
        self._buffer: Any = (ctypes.c_char * size)()
        self.view = memoryview(self._buffer).cast("B")

    def holds(self, needle: bytes, upto: int) -> bool:
        """Whether `needle` lies in the first `upto` bytes."""
        if _MEMMEM is None:
            return needle in bytes(self.view[:upto])
        return bool(_MEMMEM(self._buffer, upto, needle, len(needle)))
