"""What the system lets this process have: open files and address space (`ulimit -n`, `ulimit -v`).

Raised as far as the system lets it. Where a server could hardly serve anybody, the start ends with a sentence instead
of failing at a random call later.
"""

import threading

import structlog

from burrowspace.faults import CannotStart
from burrowspace.system.address_space import allowed_address_space, share_heaps
from burrowspace.system.open_files import allow_open_files

LEAST_FILES = 128  # an idle server has 30 open
LEAST_SPACE = 320 << 20  # bytes of address space; an idle server takes a third of it
_BESIDE = 1024  # files beside the sockets: uploads, downloads, the database
_TIGHT = 4 << 30  # bytes of address space below which threads get small stacks and share their heaps
_STACK = 1 << 20

log = structlog.get_logger("server")


def allow(sockets: int) -> None:
    """For so many sockets. Before any thread is started. CannotStart: too little for a server."""
    _space()
    fewer = allow_open_files(sockets + _BESIDE)
    if fewer is None:
        return
    if fewer < LEAST_FILES:
        raise CannotStart(
            f"this system lets the server open only {fewer} files, and it needs {LEAST_FILES} or more; raise the "
            "limit, for example with `ulimit -n 4096` (systemd: LimitNOFILE=)"
        )
    log.warning("this system allows fewer open files than sockets are allowed", files=fewer)


def _space() -> None:
    """A thread's stack takes 8 MiB of it, and its heap 64 MiB, used or not."""
    most = allowed_address_space()
    if most is None or most > _TIGHT:
        return
    if most < LEAST_SPACE:
        raise CannotStart(
            f"this system lets the server use only {most >> 20} MiB of address space, and it needs "
            f"{LEAST_SPACE >> 20} MiB or more; raise the limit, for example with `ulimit -v unlimited` "
            "(systemd: LimitAS=)"
        )
    threading.stack_size(_STACK)
    share_heaps()
