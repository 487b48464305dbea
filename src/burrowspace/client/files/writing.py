"""Small files that a kill or a power loss never leaves half written."""

import contextlib
import os
import secrets
from pathlib import Path

from burrowspace.system import files


def write_atomically(path: Path, data: bytes) -> None:
    """`path` holds the old bytes or the new ones, and after this returns the new ones, for its owner alone (0600)."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = files.open_file(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            files.sync(handle)
        finally:
            os.close(handle)
        files.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    files.sync_folder(path.parent)
