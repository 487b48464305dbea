"""What only some systems have is used in `burrowspace/system` and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.systems.profile import lacks

SOURCE = Path(__file__).resolve().parents[2] / "src" / "burrowspace"
MODULES = {"fcntl", "resource", "msvcrt", "winreg", "ctypes", "termios", "tty", "pwd", "grp", "pty", "curses", "uvloop"}
ONLY_SOME = {name: set(" ".join(lacks.ATTRIBUTES[s].get(name, "") for s in lacks.ATTRIBUTES).split())
             for name in ("os", "signal", "socket", "select", "time")}  # fmt: skip

# What stands elsewhere, and why it works there.
EXCUSED = {
    "adapters/tunnel_guard.py": {"ctypes", "os.killpg", "signal.SIGKILL"},  # a script of its own, which imports nothing
    "client/links/webrtc_datachannel.py": {"ctypes"},  # a call of a library that comes with its own wheel
    "client/links/addresses.py": {"fcntl"},  # a quicker way, tried first
    "client/relay/relay_stream.py": {"socket.TCP_CONGESTION"},  # where it is
    "client/links/link_punch.py": {"socket.SO_REUSEPORT"},  # asked for by hasattr
    "client/files/sparse.py": {"os.SEEK_DATA", "os.SEEK_HOLE"},  # asked for by hasattr
    "socketio/outbox.py": {"socket.TCP_INFO"},  # none there: a client is asked by ping instead
    "server/bulk/flows.py": {"os.splice", "os.sendfile", "socket.MSG_MORE"},  # only where moving.HERE
    "server/bulk/mover.py": {
        "select.epoll", "os.eventfd", "os.eventfd_read", "os.eventfd_write", "os.EFD_NONBLOCK", "os.EFD_CLOEXEC",
    },
}  # fmt: skip


def used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield node.module or ""
        elif isinstance(node, ast.Attribute) and node.attr in ONLY_SOME.get(getattr(node.value, "id", ""), ()):
            yield ast.unparse(node)


def test_what_only_some_systems_have_stands_in_one_place():
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith("system/"):
            found[name] = set(used(ast.parse(path.read_text("utf-8"))))
    assert {name: each for name, each in found.items() if each} == EXCUSED
