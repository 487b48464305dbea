"""Who holds a port of this machine, as far as Linux tells; nobody elsewhere."""

import contextlib
from pathlib import Path

_TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
_LISTENING = {"tcp": "0A", "udp": "07"}


def holder(kind: str, port: int, proc: Path = Path("/proc")) -> str | None:
    """Name and number of the process that listens on the port; None where it is not to be seen (another user's)."""
    inodes = set()
    for name in _TABLES[kind]:
        with contextlib.suppress(OSError):
            for row in (proc / "net" / name).read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTENING[kind] and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for process in proc.iterdir() if inodes else ():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if any(str(each.readlink()) in inodes for each in (process / "fd").iterdir()):
                    return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None
