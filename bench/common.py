"""What every benchmark needs: a contestant is started, pinned, watched and ended; rounds alternate.

Not here: who the contestants are (contestants.py), the load (loadclient.py), what is printed (report.py).
The serving process gets the first core, the load client and this program the last one: the same for everybody.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / ".work"
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class BenchError(Exception):
    """A contestant or the load client did not do what it must; the figures of the run are void."""


@dataclass(frozen=True)
class Contestant:
    """A server under test: `{port}` and `{data}` in argv and env are filled in at each start."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/status"  # answers 200 once it serves
    prepare: Callable[[], None] = lambda: None  # installs what is missing; called once, before the first start


@dataclass(frozen=True)
class Running:
    """A started contestant. CPU and memory are those of its process and all that descend from it."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def memory_kib(self) -> int:
        """Proportional set size: shared pages are counted once over the processes that share them."""
        return sum(_status_kib(pid, "smaps_rollup", "Pss:") for pid in family(self.pid))

    def peak_kib(self) -> int:
        """The most that was ever resident."""
        return sum(_status_kib(pid, "status", "VmHWM:") for pid in family(self.pid))


def family(root: int) -> list[int]:
    """`root` and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Of `root` and its descendants, since they started."""
    return sum(_cpu_ticks(pid) for pid in family(root)) / TICKS


def _cpu_ticks(pid: int) -> int:
    """User and system time of all threads, and of children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(value) for value in fields[11:15])


def _status_kib(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def busy_seconds() -> float:
    """CPU seconds that all processes of the machine have used, and what its host took from it."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def cores() -> tuple[set[int], set[int]]:
    """The server's core and the client's; the same one twice where there is only one."""
    ours = sorted(_ALLOWED)
    return {ours[0]}, {ours[-1]}


_ALLOWED = os.sched_getaffinity(0)


def spawn(argv: Sequence[str], core: set[int], **options: object) -> subprocess.Popen[bytes]:
    """Popen on `core`, with as many open files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)  # inherited by the child, so that it never runs elsewhere
    try:
        return subprocess.Popen(argv, **options)  # type: ignore[call-overload, no-any-return]
    finally:
        os.sched_setaffinity(0, mine)


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks, then insists. By pid only."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(contestant: Contestant) -> Iterator[Running]:
    """A fresh start of `contestant` with an empty data directory; ended when the block ends."""
    port = free_port()
    WORK.mkdir(exist_ok=True)
    log_path = WORK / f"{contestant.name}.log"
    with tempfile.TemporaryDirectory(prefix="bench-") as data, log_path.open("wb") as log:

        def fill(text: str) -> str:
            return text.replace("{port}", str(port)).replace("{data}", data)

        environment = {**os.environ, **{key: fill(value) for key, value in contestant.env.items()}}
        process = spawn(
            [fill(part) for part in contestant.argv],
            cores()[0],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Linux shares out the cores by session before it looks at priorities
        )
        try:
            os.sched_setaffinity(0, cores()[1])
            _wait_until_ready(contestant, process, port, log_path)
            yield Running(contestant.name, port, process.pid)
            if process.poll() is not None:
                raise BenchError(f"{contestant.name} ended by itself: {_tail(log_path)}")
        finally:
            end(process)


def _wait_until_ready(contestant: Contestant, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{contestant.name} did not start: {_tail(log)}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", contestant.ready)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise BenchError(f"{contestant.name} did not answer {contestant.ready} within {START_SECONDS:.0f} s: {_tail(log)}")


def _tail(path: Path, size: int = 800) -> str:
    return path.read_bytes()[-size:].decode(errors="replace")


def connect_peers(port: int, count: int) -> list[str]:
    """`count` peer ids from POST /connect, over one kept-alive connection."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        peers = []
        for number in range(count):
            connection.request(
                "POST", "/connect", json.dumps({"user_id": f"user-{number}"}), {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise BenchError(f"POST /connect answered {answer.status}: {body[:200]!r}")
            peers.append(str(json.loads(body)["peer_id"]))
        return peers


def alternate(contestants: Sequence[Contestant], rounds: int) -> Iterator[tuple[int, Contestant]]:
    """A B A B: what drifts on the machine drifts for all."""
    for contestant in contestants:
        contestant.prepare()
    for number in range(rounds):
        for contestant in contestants:
            print(f"  round {number + 1}/{rounds}: {contestant.name} ...", file=sys.stderr, flush=True)
            yield number, contestant


def verdict(main: Callable[[], int]) -> int:
    """Runs a benchmark from the command line; a void run says why, on one line."""
    try:
        return main()
    except BenchError as error:
        print(f"void: {error}", file=sys.stderr)
        return 1


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks share; `--help` says the question."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="about 10 s for each contestant; figures are rough")
    made.add_argument("--rounds", type=int, help="rounds, A B A B (default 5, idle 1; with --quick 1)")
    made.add_argument("--only", nargs="+", metavar="NAME", help="only these contestants")
    made.add_argument("--with-python-socketio", action="store_true", help="python-socketio on uvicorn as another rival")
    made.add_argument("--write", action="store_true", help="put the result into bench/results.md")
    return made
