"""Programs with less than a machine has: a bound on their memory, a file system that is read-only. Linux, as root.

Both give the words in front of a command. Nothing stays behind.
"""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
NOBODY = 65534
_READ_ONLY = """
mount --bind "$1" "$1"
for disk in / /dev/shm; do mount -o remount,bind,ro "$disk"; done
shift
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
"""


@contextlib.contextmanager
def bounded_memory(mib: int) -> Iterator[tuple[str, ...]]:
    """The words that start a program with so many MiB of memory, which the kernel enforces: one that takes more is
    killed. What it reads and writes on disks counts, too, and makes room for itself."""
    first = (_GROUPS / "memory").is_dir()  # the first version of cgroups
    group = (_GROUPS / "memory" if first else _GROUPS) / f"burrow-{secrets.token_hex(4)}"
    if not first:
        (_GROUPS / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(mib << 20))
        if not first:
            with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                (group / "memory.swap.max").write_text("0")
        yield ("sh", "-euc", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh")
    finally:
        group.rmdir()


def read_only_but(folder: Path) -> tuple[str, ...]:
    """The words that start a program as a user without rights, who may write below `folder` and nowhere else."""
    return ("unshare", "--mount", "--propagation=private", "sh", "-euc", _READ_ONLY, "sh", str(folder))
