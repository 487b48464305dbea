"""What the kernel of Linux has for moving bytes between descriptors: splice, sendfile, epoll, eventfd.

`HERE` says whether all of it is there. Nothing else of this file may be used where it is not.
"""

import os
import select
import sys

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

HERE = sys.platform == "linux" and hasattr(os, "splice") and hasattr(os, "eventfd") and hasattr(select, "epoll")

MOVE = getattr(os, "SPLICE_F_MOVE", 0)
NOW = MOVE | getattr(os, "SPLICE_F_NONBLOCK", 0)
MORE = NOW | getattr(os, "SPLICE_F_MORE", 0)
READABLE = getattr(select, "EPOLLIN", 0)
WRITABLE = getattr(select, "EPOLLOUT", 0)
BOTH_EDGES = READABLE | WRITABLE | getattr(select, "EPOLLRDHUP", 0) | getattr(select, "EPOLLET", 0)
GONE = getattr(select, "EPOLLHUP", 0) | getattr(select, "EPOLLERR", 0)


def pipe(size: int) -> tuple[int, int, int]:
    """A pipe that never blocks, of `size` bytes if this user may have one so large: out, in, its size."""
    out, into = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return out, into, fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, size)
    except OSError:  # a user's pipes are bounded in sum; a small one works too
        return out, into, fcntl.fcntl(into, fcntl.F_GETPIPE_SZ)
