"""Who sends and receives: BurrowSpace, magic-wormhole and scp, each as a person starts it, with servers of its own.

A run is two processes, one for each end, watched from outside: nothing of what they say about themselves is a figure.
The clock starts with the receiver, for the sender has been waiting since its code was read out.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

from bench.common import ROOT, WORK, BenchError, end, free_port

LOOK_SECONDS = 0.002  # how often the target is looked at for the first byte
END_SECONDS = 30.0  # in which the sender ends after the receiver
LOOPBACK = "127.0.0.1"
SSHD = "/usr/sbin/sshd"
OURS = ("BURROW_", "XDG_", "PYTHON")  # of this program's environment; an installed program has its bytecode written


@dataclass(frozen=True)
class Where:
    """The network of a run: the host names are of `ip netns`, empty for this host. Servers run at the left one."""

    address: str = LOOPBACK
    left: str = ""
    right: str = ""


@dataclass(frozen=True)
class Ran:
    """What was seen of a run. Seconds; since the receiver's start, but for CPU. `cpu` is of both ends together."""

    cpu: float
    receiver_cpu: float  # of it
    first: float | None  # the first byte lay in the target
    there: float  # all of it did
    exited: float  # the receiver's whole process was over


class Program(Protocol):
    """A rival: its servers, and how its two ends are called."""

    name: str
    jobs: Collection[str]  # of transfer.py that it can do

    def servers(self, folder: Path, ports: Sequence[int], where: Where) -> Sequence[Sequence[str]]:
        """The servers to start, each to listen on one of `ports`."""

    def send(self, what: Path, ports: Sequence[int], where: Where, relay: bool) -> list[str]: ...

    def code(self, line: bytes) -> str | None:
        """The code, if this line of the sender's output says it."""

    def receive(self, code: str, ports: Sequence[int], where: Where, relay: bool) -> list[str]: ...


class Burrow:
    """`burrow send` and `burrow receive`, by code, beside `server.py`."""

    name = "burrowspace"
    jobs = ("direct", "relay", "small", "lan", "far")

    def servers(self, folder: Path, ports: Sequence[int], where: Where) -> Sequence[Sequence[str]]:
        settings = [f"BURROW_HOST={where.address}", f"BURROW_PORT={ports[0]}", f"BURROW_DATA={folder}/server"]
        return [["env", *settings, "BURROW_DISK_FLOOR_BYTES=0", sys.executable, str(ROOT / "server.py")]]

    def send(self, what: Path, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        return [*self._command("send", ports, where, relay), "--no-qr", str(what)]

    def code(self, line: bytes) -> str | None:
        event = json.loads(line)
        if event["event"] == "error":
            raise BenchError(f"burrow send: {event['error']}")
        return str(event["code"]) if event["event"] == "ready" else None

    def receive(self, code: str, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        return [*self._command("receive", ports, where, relay), code]

    def _command(self, verb: str, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        program = str(Path(sys.executable).with_name("burrow"))
        how = ["--relay-only"] if relay else []
        return [program, verb, "--json", "--server", f"http://{where.address}:{ports[0]}", *how]


class BurrowByLink(Burrow):
    """The same by link: no code, so no meeting."""

    def send(self, what: Path, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        return [*super().send(what, ports, where, relay), "--no-code"]

    def code(self, line: bytes) -> str | None:
        event = json.loads(line)
        return str(event["link"]) if event["event"] == "ready" else super().code(line)


class Wormhole:
    """`wormhole send` and `wormhole receive`, by code, beside its own mailbox and transit relay."""

    name = "wormhole"
    jobs = Burrow.jobs

    def servers(self, folder: Path, ports: Sequence[int], where: Where) -> Sequence[Sequence[str]]:
        mailbox, transit = (f"--port=tcp:{port}:interface={where.address}" for port in ports)
        twist = [str(wormhole()), "-m", "twisted"]
        return [
            [*twist, "wormhole-mailbox", f"--channel-db={folder}/mailbox.sqlite", mailbox],
            [*twist, "transitrelay", transit],
        ]

    def send(self, what: Path, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        return [*self._command(ports, where), "send", "--hide-progress", "--no-qr", *self._how(relay), str(what)]

    def code(self, line: bytes) -> str | None:
        said, _, code = line.decode(errors="replace").partition("code is: ")
        return code.strip() or None if said.startswith("Wormhole") else None

    def receive(self, code: str, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        return [*self._command(ports, where), "receive", "--accept-file", "--hide-progress", *self._how(relay), code]

    def _command(self, ports: Sequence[int], where: Where) -> list[str]:
        mailbox, transit = ports
        program = str(wormhole().with_name("wormhole"))
        relay = ["--relay-url", f"ws://{where.address}:{mailbox}/v1"]
        return [program, *relay, "--transit-helper", f"tcp:{where.address}:{transit}"]

    def _how(self, relay: bool) -> list[str]:
        return ["--no-listen"] if relay else []


class Scp:
    """`scp` from an `sshd` that serves one connection: the yardstick for whoever has an account on the other machine.

    Its receiver is the one that connects, as ours is the one that waits less long.
    """

    name = "scp"
    jobs = ("direct", "small")

    def __init__(self) -> None:
        self._what = Path()

    def servers(self, folder: Path, ports: Sequence[int], where: Where) -> Sequence[Sequence[str]]:
        sshd()
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "person"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(argv, check=True, timeout=30)
        settings = {
            "ListenAddress": where.address,
            "HostKey": folder / "host",
            "AuthorizedKeysFile": folder / "person.pub",
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "prohibit-password",
            "PidFile": "none",
            "Subsystem": "sftp internal-sftp",
        }
        (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self._folder = folder
        return []

    def send(self, what: Path, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        self._what = what
        argv = [sshd(), "-d", "-f", str(self._folder / "config"), "-p", str(ports[0])]  # -d: for one connection
        return ["sh", "-c", '"$@"; true', "sh", *argv]  # whose end it calls a failure

    def code(self, line: bytes) -> str | None:
        return "none" if line.startswith(b"Server listening on") else None

    def receive(self, code: str, ports: Sequence[int], where: Where, relay: bool) -> list[str]:
        options = (f"IdentityFile={self._folder}/person", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        how = [word for option in options for word in ("-o", option)]
        source = f"{getpass.getuser()}@{where.address}:{self._what}"
        return ["scp", "-q", "-r", "-P", str(ports[0]), *how, source, "."]


@cache
def sshd() -> str:
    """The program, from its Debian package; the service that comes with it is not left running."""
    if not Path(SSHD).exists():
        apt = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "openssh-server"]
        subprocess.run(apt, check=True, timeout=300, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        subprocess.run(["systemctl", "disable", "--quiet", "--now", "ssh"], stderr=subprocess.DEVNULL, timeout=60)
    return SSHD


@cache
def wormhole() -> Path:
    """The Python of an environment of its own, with magic-wormhole and its servers in it."""
    place = WORK / "wormhole"
    program = place / "bin" / "python"
    if not (place / "bin" / "wormhole").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
        parts = ("magic-wormhole", "magic-wormhole-mailbox-server", "magic-wormhole-transit-relay")
        subprocess.run([str(program), "-m", "pip", "install", "--quiet", *parts], check=True, timeout=600)
    return program


@dataclass
class Field:
    """A program with its servers up. `run` sends something once, from one process to another."""

    program: Program
    where: Where
    folder: Path
    ports: tuple[int, int]
    served: list[subprocess.Popen[bytes]] = field(default_factory=list)
    runs: int = 0

    def run(self, what: Path, into: Path, *, relay: bool = False, seconds: float = 600.0) -> Ran:
        """`what` into the empty folder `into`, by the direct path or the relay. BenchError: it did not get there."""
        self.runs += 1
        program, where = self.program, self.where
        log = self.folder / f"said-{self.runs}"
        home = self.folder / f"home-{self.runs}"
        before = _children_cpu()
        with log.open("wb") as said:
            sender = self._start(program.send(what, self.ports, where, relay), where.left, home / "sender", said)
            try:
                code = self._code(sender, log, time.monotonic() + 30)
                watch = Watch(into, what)
                argv = program.receive(code, self.ports, where, relay)
                watch.start()
                began = time.monotonic()
                receiver = self._start(argv, where.right, home / "receiver", said, into)
                try:
                    _over(receiver, seconds, log)
                    exited = time.monotonic()
                finally:
                    end(receiver)
                    between = _children_cpu()
                    watch.stop()
                _over(sender, END_SECONDS, log)
            finally:
                end(sender)
        after = _children_cpu()
        first, there = watch.first, watch.there or exited
        return Ran(
            cpu=after - before,
            receiver_cpu=between - before,
            first=None if first is None else first - began,
            there=there - began,
            exited=exited - began,
        )

    def _start(
        self, argv: list[str], host: str, home: Path, said: BinaryIO, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        home.mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return subprocess.Popen(
            _at(host, argv),
            env={**environment, "HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(WORK / "pyc")},
            cwd=cwd or home,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )

    def _code(self, sender: subprocess.Popen[bytes], log: Path, deadline: float) -> str:
        seen = 0
        while time.monotonic() < deadline and sender.poll() is None:
            whole = log.read_bytes().splitlines(keepends=True)
            for line in whole[seen:]:
                if line.endswith(b"\n"):
                    seen += 1
                    if code := self.program.code(line):
                        return code
            time.sleep(0.02)
        raise BenchError(f"{self.program.name}'s sender said no code: {_tail(log)}")


def _children_cpu() -> float:
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch(threading.Thread):
    """Looks at the target from outside until the first byte lies there, then until all of it does."""

    def __init__(self, into: Path, what: Path) -> None:
        super().__init__(daemon=True)
        self.first: float | None = None
        self.there: float | None = None
        self._into, self._over = into, threading.Event()
        self._last = into / what.name if what.is_file() else None  # a folder has no moment at which it is there
        self._size = what.stat().st_size

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if self.first is None:
                self.first = time.monotonic() if _holds_a_byte(str(self._into)) else None
            elif self._last is None:
                return
            elif self._last.exists() and self._last.stat().st_size == self._size:
                self.there = time.monotonic()
                return

    def stop(self) -> None:
        self._over.set()
        self.join()


def _holds_a_byte(folder: str) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(_holds_a_byte(each.path) if each.is_dir() else each.stat().st_size for each in entries)
    return False


@contextlib.contextmanager
def started(program: Program, where: Where, place: Path) -> Iterator[Field]:
    """The servers of `program`, up, with a folder of their own in `place`; ended behind the block."""
    with tempfile.TemporaryDirectory(prefix=f"{program.name}-", dir=place) as name:
        made = Field(program, where, Path(name), (free_port(), free_port()))
        try:
            with (made.folder / "servers").open("wb") as log:
                for argv in program.servers(made.folder, made.ports, where):
                    made.served.append(subprocess.Popen(_at(where.left, list(argv)), cwd=name, stdout=log, stderr=log))
            for process, port in zip(made.served, made.ports, strict=False):
                _until_open(process, port, where, made.folder / "servers")
            yield made
        finally:
            for process in made.served:
                end(process)


def _until_open(process: subprocess.Popen[bytes], port: int, where: Where, log: Path) -> None:
    knock = f"import socket; socket.create_connection(('{where.address}', {port}), 1)"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        argv = _at(where.left, [sys.executable, "-S", "-c", knock])
        if not subprocess.run(argv, stderr=subprocess.DEVNULL, timeout=10).returncode:
            return
        time.sleep(0.1)
    raise BenchError(f"a server did not start: {_tail(log)}")


def _at(host: str, argv: list[str]) -> list[str]:
    return ["ip", "netns", "exec", host, *argv] if host else argv


def _over(process: subprocess.Popen[bytes], seconds: float, log: Path) -> None:
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise BenchError(f"not over after {seconds:.0f} s: {_tail(log)}") from None
    if status:
        raise BenchError(f"ended with {status}: {_tail(log)}")


def _tail(path: Path, size: int = 600) -> str:
    return path.read_bytes()[-size:].decode(errors="replace")
