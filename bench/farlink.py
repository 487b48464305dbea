"""Two hosts on one machine: network namespaces, joined by a wire or by a long and lossy line. Needs root.

The line is `load/wanem/wanem.c`, delay, loss and rate in user space, for this kernel may have no netem.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.common import ROOT, WORK, BenchError, end

LEFT, RIGHT = "10.77.0.1", "10.77.0.2"
BUFFERS = "4096 131072 33554432"  # bytes: least, at first, most of a socket's buffer
PAYLOAD = 1448 / 1500  # of a packet, behind the heads of IP and TCP with timestamps


@dataclass(frozen=True)
class Line:
    """What lies between the two hosts. `delay`: ms each way; `loss`: %; `rate`: Mbit/s of whole packets."""

    delay: float
    loss: float
    rate: float
    queue: int = 4000  # packets that wait in each direction; more are lost

    @property
    def payload(self) -> float:
        """MB/s of payload that come through at most: heads and lost packets taken off."""
        return self.rate / 8 * PAYLOAD * (1 - self.loss / 100)

    def __str__(self) -> str:
        return f"{2 * self.delay:g} ms there and back, {self.loss:g} % loss, {self.rate:g} Mbit/s"


@dataclass(frozen=True)
class Hosts:
    """Two namespaces by name; the left one is LEFT, the right one RIGHT."""

    left: str
    right: str


@cache
def wanem() -> Path:
    WORK.mkdir(exist_ok=True)
    made, source = WORK / "wanem", ROOT / "bench" / "load" / "wanem" / "wanem.c"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-w", "-o", str(made), str(source)], check=True, timeout=60)
    return made


@contextlib.contextmanager
def hosts(line: Line | None) -> Iterator[Hosts]:
    """Both hosts, joined by `line`, or by a plain wire; gone behind the block."""
    if os.geteuid():
        raise BenchError("network namespaces need root; leave these jobs out with --only")
    pair = Hosts(f"burrow-l{os.getpid()}", f"burrow-r{os.getpid()}")
    between: subprocess.Popen[bytes] | None = None
    try:
        for name in (pair.left, pair.right):
            _ip("netns", "add", name)
            for knob in ("tcp_rmem", "tcp_wmem"):
                _in(name, "sysctl", "-qw", f"net.ipv4.{knob}={BUFFERS}")
            _in(name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")  # tests/nat/lab.py says why
            _in(name, "ip", "link", "set", "lo", "up")
        if line is None:
            device = "eth0"
            _ip("link", "add", device, "netns", pair.left, "type", "veth", "peer", "name", device, "netns", pair.right)
        else:
            device = "tun0"
            argv = [pair.left, pair.right, line.delay, line.loss, line.rate, line.queue]
            between = subprocess.Popen([str(wanem()), *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            os.sched_setscheduler(between.pid, os.SCHED_FIFO, os.sched_param(1))  # a line does not wait for its ends
            assert between.stdout is not None
            if between.stdout.readline() != b"ready\n":
                raise BenchError("the line between the hosts did not come up")
        for name, address in ((pair.left, LEFT), (pair.right, RIGHT)):
            _in(name, "ip", "address", "add", f"{address}/24", "dev", device)
            _in(name, "ip", "link", "set", device, "up")
        yield pair
    finally:
        if between is not None:
            end(between)
            for pipe in (between.stdout, between.stderr):
                if pipe is not None:
                    pipe.close()
        for name in (pair.left, pair.right):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, timeout=20)


def _ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, timeout=20)


def _in(name: str, *argv: str) -> None:
    _ip("netns", "exec", name, *argv)
