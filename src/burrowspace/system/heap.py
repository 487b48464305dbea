"""The allocator of the C library, set for a server whose messages are large and short-lived."""

from burrowspace.system import libc

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

MMAP_THRESHOLD = 4 << 20  # above the largest message, and what most relayed chunks take
TRIM_THRESHOLD = 32 << 20  # as much freed memory as the process keeps


def tune_heap() -> bool:
    """Keep freed blocks of up to 4 MiB for the next one. False where the C library has no `mallopt`.

    glibc maps each block of 128 KiB or more anew, and gives it back when it is freed, until it has seen larger ones
    freed. The page faults of a relayed 256 KiB chunk then cost as much as the rest of its way (bench/since.py).
    """
    mallopt = getattr(libc.LINUX_LIBC, "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD)) and bool(mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD))
