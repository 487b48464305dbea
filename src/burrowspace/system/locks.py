"""A file as a lock between programs: `flock`, or on Windows a lock on a byte. The lock ends when its file is closed,
by whatever way the program ends.

Not portalocker or filelock: importing them takes 18 and 13 ms, a tenth of a start (docs/decisions/0022, 0024).
"""

import os
import time

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]
    import msvcrt

_PLACE = 1 << 30  # bytes: of the byte that is locked on Windows, far behind what is written, as nobody else may read it
_AGAIN_S = 0.05


def lock_file(file: int) -> None:
    """Waits until no other program has `file`, a descriptor, locked, and locks it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return None
    while True:  # msvcrt's own waiting gives up after 10 s
        try:
            return try_lock_file(file)
        except BlockingIOError:
            time.sleep(_AGAIN_S)


def try_lock_file(file: int) -> None:
    """Locks `file`, a descriptor. BlockingIOError: another program has it locked."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    place = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, _PLACE, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        raise BlockingIOError(error.errno, "another program has it locked") from None
    finally:
        os.lseek(file, place, os.SEEK_SET)
