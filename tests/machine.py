"""What a test makes of this machine: free ports and small disks, gone behind it."""

import contextlib
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DICE = random.SystemRandom()  # the tests' workers share a seed


def free_port() -> int:
    """A port that nobody has, by TCP or UDP, and that the kernel gives to nobody who asks for none in particular: it is
    still free when its program has started, or has started again."""
    lowest = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    for port in _DICE.sample(range(lowest // 3, lowest), 100):
        with contextlib.suppress(OSError):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("", port))
            return port
    raise OSError("no port is free")


@contextlib.contextmanager
def small_disk(place: Path, mib: int) -> Iterator[Path]:
    """A file system of so many MiB on a new folder; needs root."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
