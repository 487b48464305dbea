"""Programs that start at once: forked from a process that has imported everything and done nothing else.

A start of `python server.py` or `burrow` is mostly imports, and the tests start some hundreds. Such a program is a
process of its own with its own pid, environment, folder and pipes, that runs the script from its first line; it ends,
is signalled and killed as any. What a fresh interpreter alone can show (the command of the guide, the ends of
`burrow`, other networks, a failing disk) is tested with one.
"""

import array
import asyncio
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SERVER = ("uvloop", "burrowspace.cli.main", "burrowspace.server.run")  # what each imports at its start, and no more
_BURROW = (
    "burrowspace.cli.main",
    "burrowspace.cli.send",
    "burrowspace.cli.receive",
    "burrowspace.client.client",
    "burrowspace.client.session.outgoing",
    "burrowspace.client.session.incoming",
)
MISSING = sys.platform != "linux"  # where nothing forks, or a forked program may not go on: start them as they are
OWN_GROUP: dict[str, int] = {}  # for a program of its own that hears Ctrl+Break alone
if sys.platform == "win32":
    OWN_GROUP["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
_LONGEST = 1 << 17  # bytes of an order: an environment and some words


class Process:
    """What the tests use of `asyncio.subprocess.Process`."""

    def __init__(
        self, pid: int, status: socket.socket, stdout: asyncio.StreamReader | None, stderr: asyncio.StreamReader
    ) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._status = status
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(status, self._end)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError
        with contextlib.suppress(ProcessLookupError):  # it has ended, and its keeper has not said so yet
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._status)
        self.returncode = int(self._status.recv(16))
        self._status.close()
        self._ended.set()


async def start(
    script: str, *args: str, env: dict[str, str], cwd: Path | None = None, stdout: int | io.IOBase, limit: int = 1 << 16
) -> Process:
    """Runs the Python file `script` with these words; it reads nothing, stderr is a pipe, `stdout` as `subprocess`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.ExitStack() as given:
        given.enter_context(theirs)
        null = given.enter_context(Path(os.devnull).open("r+b", buffering=0))
        out: io.IOBase | int = null if stdout == subprocess.DEVNULL else stdout
        reader = None
        if stdout == subprocess.PIPE:
            reader, out = await _pipe(given, limit)
        errors, err = await _pipe(given, limit)
        order = json.dumps({"argv": [script, *args], "env": env, "cwd": str(cwd or Path.cwd())}).encode()
        assert len(order) < _LONGEST
        fds = [each if isinstance(each, int) else each.fileno() for each in (null, out, err, theirs)]
        _forker(_SERVER if script.endswith("server.py") else _BURROW).sendmsg(
            [order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        )
    ours.setblocking(False)
    pid = int(await asyncio.get_running_loop().sock_recv(ours, 16))
    return Process(pid, ours, reader, errors)


async def _pipe(given: contextlib.ExitStack, limit: int) -> tuple[asyncio.StreamReader, io.IOBase]:
    read, write = os.pipe()
    reader = asyncio.StreamReader(limit)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", buffering=0)
    )
    return reader, given.enter_context(os.fdopen(write, "wb", buffering=0))


@cache
def _forker(modules: tuple[str, ...]) -> socket.socket:
    """Two for each worker of pytest; they end with it, for they read the end of this socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno()), *modules], cwd=ROOT, pass_fds=[theirs.fileno()]
        )
    return ours


def _serve(orders: socket.socket) -> list[str] | None:
    """Forks for each order. Returns in a program alone, what it is to run; None at the end of the orders."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers end by themselves
    while True:
        order, fds, _, _ = socket.recv_fds(orders, _LONGEST, 4)
        if not order:
            return None
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _keep(json.loads(order), fds)
        for fd in fds:
            os.close(fd)


def _keep(order: dict[str, object], fds: list[int]) -> list[str]:
    """The keeper: says the program's pid and, in the end, its exit code. Returns in the program."""
    *streams, status = fds
    if (pid := os.fork()) != 0:
        for fd in streams:
            os.close(fd)
        os.write(status, str(pid).encode())
        _, how = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):  # whoever asked has gone
            os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
        os._exit(0)
    os.close(status)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    env, argv = order["env"], order["argv"]
    assert isinstance(env, dict)
    assert isinstance(argv, list)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(str(order["cwd"]))
    sys.stdin = sys.__stdin__ = os.fdopen(0)
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(os.fdopen(1, "wb"), write_through=bool(env.get("PYTHONUNBUFFERED")))
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    return argv


def _import(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "what has threads must not fork"
    gc.collect()
    gc.freeze()  # no collection writes to the pages that all share


if __name__ == "__main__":
    _import(sys.argv[2:])
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    if words is not None:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")
