"""What does a GB cost the server: up, by tus, as a form, down, relayed live, relayed to one and to eight by the spool?

One file of FILE_MIB over loopback, each byte compared at the receiver; CPU seconds of the serving process per GB that
came in (down: that went out). Rivals, each at what it does: nginx (dav, sendfile), haproxy (TCP, spliced),
magic-wormhole's transit relay, npm @tus/server. Data lies on tmpfs where there is one: the disk is not the question.
All are started once and do everything once before it counts: a first upload into cold memory costs three times the
second. Then they alternate, round by round.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.common import ROOT, WORK, BenchError, cores, cpu_seconds, end, family, free_port, parser, spawn, verdict
from bench.report import Figures, Metric, publish

FILE_MIB = 1024
MEMORY = Path("/dev/shm")
METRICS = {
    "put": Metric("upload: CPU for a GB", "s", 3, bound=1.0, rival="nginx"),
    "tus": Metric("upload by tus: CPU for a GB", "s", 3, bound=1.0, rival="tus"),
    "form": Metric("upload as a form: CPU for a GB", "s", 3),
    "form_put": Metric("as a form, of the plain upload", "×", 2, bound=1.3, of="value"),
    "get": Metric("download: CPU for a GB", "s", 3, bound=1.0, rival="nginx"),
    "live": Metric("live relay: CPU for a GB", "s", 3, bound=1.25, rival="haproxy", also=((0.25, "transit"),)),
    "rest": Metric("relay through the spool: CPU for a GB", "s", 3),
    "rest_sum": Metric("through the spool, of upload and download together", "×", 2, bound=1.0, of="value"),
    "eight": Metric("one to eight: CPU for a GB in", "s", 3),
    "put_rate": Metric("upload", "MB/s", 0, bound=1.0, side="at least", rival="nginx"),
    "tus_rate": Metric("upload by tus", "MB/s", 0, bound=1.0, side="at least", rival="tus"),
    "get_rate": Metric("download", "MB/s", 0, bound=1.0, side="at least", rival="nginx"),
    "live_rate": Metric("live relay", "MB/s", 0, bound=1.0, side="at least", rival="haproxy", also=((1.0, "transit"),)),
    "rest_rate": Metric("relay through the spool", "MB/s", 0),
}
NGINX = """daemon off; worker_processes 1; user root; pid {data}/pid; error_log {data}/errors; events {{}}
http {{ access_log off; sendfile on; client_max_body_size 0; client_body_temp_path {data}/temp;
server {{ listen 127.0.0.1:{port}; root {data}; location / {{ dav_methods PUT; }} }} }}
"""
PATCH = "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
HAPROXY = """global
  nbthread 1
defaults
  mode tcp
  option splice-request
  option splice-response
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen relay
  bind 127.0.0.1:{port}
  server one 127.0.0.1:{other}
"""


@dataclass(frozen=True)
class Server:
    """A started contestant."""

    name: str
    port: int
    other: int  # haproxy connects to it
    pid: int

    def cpu(self) -> float:
        """Seconds, of all threads that live; finer than the clock's ticks, which are 10 ms."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return sum(
                int((task / "schedstat").read_text().split()[0]) / 1e9
                for pid in family(self.pid)
                for task in Path(f"/proc/{pid}/task").iterdir()
            )
        return cpu_seconds(self.pid)


@cache
def client() -> Path:
    WORK.mkdir(exist_ok=True)
    made, source = WORK / "bulk", ROOT / "bench" / "load" / "bulk" / "bulk.c"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-pthread", "-o", str(made), str(source)], check=True, timeout=60)
    return made


@cache
def relay() -> Path:
    """The Python of an environment of its own, with magic-wormhole's relay in it."""
    place = WORK / "transit"
    program = place / "bin" / "python"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
        parts = [str(program), "-m", "pip", "install", "--quiet", "magic-wormhole-transit-relay"]
        subprocess.run(parts, check=True, timeout=300)
    return program


@contextlib.contextmanager
def started(name: str) -> Iterator[Server]:
    """A contestant with an empty folder; ended behind the block."""
    port, other = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="bulk-", dir=MEMORY if MEMORY.is_dir() else None) as data:
        process = spawn(_argv(name, port, other, Path(data)), cores()[0], cwd=ROOT, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, env={**os.environ, "BURROW_HOST": "127.0.0.1",
                        "BURROW_PORT": str(port), "BURROW_DATA": data, "BURROW_DISK_FLOOR_BYTES": "0"})  # fmt: skip
        try:
            until_open(process, port)
            yield Server(name, port, other, process.pid)
        finally:
            end(process)


def _argv(name: str, port: int, other: int, data: Path) -> Sequence[str]:
    if name == "burrowspace":
        return [sys.executable, "server.py"]
    if name == "nginx":
        (data / "conf").write_text(NGINX.format(data=data, port=port))
        return ["nginx", "-c", str(data / "conf")]
    if name == "haproxy":
        (data / "conf").write_text(HAPROXY.format(port=port, other=other))
        return ["haproxy", "-f", str(data / "conf")]
    if name == "transit":
        return [str(relay()), "-m", "twisted", "transitrelay", f"--port=tcp:{port}:interface=127.0.0.1"]
    folder = ROOT / "bench" / "rivals" / "tus"
    if not (folder / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=300)
    return ["node", str(folder / "server.js"), str(port), str(data)]


def until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise BenchError("a contestant did not start")


def call(port: int, path: str, body: object = None, **headers: str) -> tuple[object, str]:
    """A POST; the JSON that came back, and the Location."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        said = {"Content-Type": "application/json"} if body is not None else {}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, None if body is None else json.dumps(body), said)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise BenchError(f"POST {path} answered {answer.status}: {text[:200]!r}")
        return (json.loads(text) if text[:1] == b"{" else None), answer.headers.get("Location", "")


def bulk(*argv: object, **env: str) -> float:
    """One run of the client, checked; the seconds it took."""
    run = subprocess.run([str(client()), *map(str, argv)], capture_output=True, text=True, env={**os.environ, **env},
                         preexec_fn=lambda: os.sched_setaffinity(0, cores()[1]), timeout=300)  # fmt: skip
    said = json.loads(run.stdout or "{}")
    if not said.get("ok"):
        raise BenchError(f"bytes were lost or refused: {argv}: {run.stderr[:300]}")
    return float(said["s"])


class Round:
    """All that one contestant can do, once, with its figures."""

    def __init__(self, server: Server, file: Path, figures: Figures | None) -> None:
        """Without `figures` it is the one that warms up."""
        self.server, self.file, self.figures = server, file, figures
        self.gb = file.stat().st_size / 1e9
        self.cost: dict[str, float] = {}

    def measure(self, metric: str, *argv: object, **env: str) -> None:
        before = self.server.cpu()
        seconds = bulk(*argv, **env)
        rate = {f"{metric}_rate": self.gb * 1000 / seconds} if f"{metric}_rate" in METRICS else {}
        self.cost[metric] = (self.server.cpu() - before) / self.gb
        self.add(**{metric: self.cost[metric]}, **rate)

    def add(self, **figures: float) -> None:
        if self.figures is not None:
            self.figures.add(self.server.name, **figures)

    def run(self) -> None:
        getattr(self, self.server.name)()

    def nginx(self) -> None:
        self.measure("put", "put", self.server.port, "/f", self.file)
        self.measure("get", "get", self.server.port, "/f", self.file)

    def haproxy(self) -> None:
        self.measure("live", "tcprelay", self.server.port, self.server.other, self.file)

    def transit(self) -> None:
        self.measure("live", "wormhole", self.server.port, "-", self.file)

    def tus(self) -> None:
        size = str(self.file.stat().st_size)
        _, location = call(self.server.port, "/files", Tus_Resumable="1.0.0", Upload_Length=size)
        path = "/" + location.split("/", 3)[3]
        self.measure("tus", "put", self.server.port, path, self.file, BULK_METHOD="PATCH", BULK_HEADERS=PATCH)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request("DELETE", path, headers={"Tus-Resumable": "1.0.0"})
            connection.getresponse().read()

    def burrowspace(self) -> None:
        port, file = self.server.port, self.file
        key = self.transfer()
        self.measure("put", "put", port, f"/upload/{key}", file)
        self.measure("get", "get", port, f"/download/{key}", file)
        self.done(key)
        key = self.transfer()
        size = str(file.stat().st_size)
        call(port, f"/upload/{key}", Tus_Resumable="1.0.0", Upload_Length=size)
        self.measure("tus", "put", port, f"/upload/{key}", file, BULK_METHOD="PATCH", BULK_HEADERS=PATCH)
        self.done(key)
        key = self.transfer()
        self.measure("form", "put", port, f"/upload/{key}", file, "sendfile", "multipart")
        self.done(key)
        for metric, policy in (("live", "live"), ("rest", "rest")):
            key = self.transfer()
            self.measure(metric, "relay", port, f"/upload/{key}", file, BULK_GET=f"/download/{key}?follow=1",
                         BULK_HEADERS=f"Burrow-Policy: {policy}\r\n")  # fmt: skip
            self.done(key)
        self.add(
            form_put=self.cost["form"] / self.cost["put"],
            rest_sum=self.cost["rest"] / (self.cost["put"] + self.cost["get"]),
        )
        key = self.transfer()
        before = self.server.cpu()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            following = [pool.submit(bulk, "get", port, f"/download/{key}?follow=1", file) for _ in range(8)]
            time.sleep(0.3)
            bulk("put", port, f"/upload/{key}", file)
            for each in following:
                each.result()
        self.add(eight=(self.server.cpu() - before) / self.gb)
        self.done(key)

    def transfer(self) -> str:
        ask = {"sender_id": "ann", "receiver_id": "bob", "filename": "f"}
        asked, _ = call(self.server.port, "/request-transfer", ask)
        made, _ = call(self.server.port, f"/approve-transfer/{asked['request_id']}")  # type: ignore[index]
        return str(made["transfer_id"])  # type: ignore[index]

    def done(self, key: str) -> None:
        call(self.server.port, f"/cancel-transfer/{key}")


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--mib", type=int, help="size of the file (default 1024; 256 with --quick)")
    options: argparse.Namespace = made.parse_args(argv)
    size = (options.mib or (256 if options.quick else FILE_MIB)) << 20
    rounds = options.rounds or (3 if options.quick else 7)
    names = options.only or ["burrowspace", "nginx", "haproxy", "transit", "tus"]
    figures = Figures(METRICS)
    with tempfile.NamedTemporaryFile(dir=MEMORY if MEMORY.is_dir() else None) as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        with contextlib.ExitStack() as running:
            servers = [running.enter_context(started(name)) for name in names]
            for server in servers:
                print(f"  warming up: {server.name} ...", file=sys.stderr, flush=True)
                Round(server, Path(file.name), None).run()
            for number in range(rounds):
                for server in servers:
                    print(f"  round {number + 1}/{rounds}: {server.name} ...", file=sys.stderr, flush=True)
                    Round(server, Path(file.name), figures).run()
    how = f"{size >> 20} MiB over loopback, {rounds} round(s), median (lowest – highest)."
    publish("bulk", "What does a GB cost the server?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
