"""What does a GB over TLS cost the server, up and down?

One file of FILE_MIB over loopback by curl, which reads and writes on tmpfs; what came down is compared with what went
up. CPU seconds of the serving process per GB. The rival is nginx (dav), with the same certificate (P-256) and the same
versions of TLS; both warm up once. Neither has the kernel's TLS where the kernel has none.
"""

from __future__ import annotations

import contextlib
import datetime
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.bulk import MEMORY, NGINX, Server, until_open
from bench.common import ROOT, BenchError, cores, end, free_port, parser, spawn, verdict
from bench.report import Figures, Metric, publish
from burrowspace.core.hosts import hosts
from burrowspace.server.tls.authority import Authority

FILE_MIB = 512
METRICS = {
    "put": Metric("upload: CPU for a GB", "s", 3, bound=1.3, rival="nginx"),
    "get": Metric("download: CPU for a GB", "s", 3, bound=1.3, rival="nginx"),
    "put_rate": Metric("upload", "MB/s", 0, side="at least", rival="nginx"),
    "get_rate": Metric("download", "MB/s", 0, side="at least", rival="nginx"),
}


@contextlib.contextmanager
def started(name: str, made: Authority) -> Iterator[Server]:
    """A contestant with an empty folder and the certificate; ended behind the block."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tls-", dir=MEMORY if MEMORY.is_dir() else None) as data:
        env = {"BURROW_HOST": "127.0.0.1", "BURROW_PORT": str(port), "BURROW_DATA": data}
        env |= {"BURROW_DISK_FLOOR_BYTES": "0", "BURROW_TLS_CERT": str(made.cert), "BURROW_TLS_KEY": str(made.key)}
        argv: Sequence[str] = [sys.executable, "server.py"]
        if name == "nginx":
            text = NGINX.format(data=data, port=port)
            secure = f"{port} ssl; ssl_certificate {made.cert}; ssl_certificate_key {made.key};"
            (Path(data) / "conf").write_text(text.replace(f"{port};", secure, 1))
            argv = ["nginx", "-c", f"{data}/conf"]
        process = spawn(argv, cores()[0], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        env={**os.environ, **env})  # fmt: skip
        try:
            until_open(process, port)
            yield Server(name, port, 0, process.pid)
        finally:
            end(process)


class Client:
    """curl, on the last core."""

    def __init__(self, server: Server, ca: Path) -> None:
        self._server, self._ca = server, ca

    def run(self, path: str, *argv: str) -> bytes:
        made = subprocess.run(
            ["curl", "-sSf", "--cacert", str(self._ca), f"https://localhost:{self._server.port}{path}", *argv],
            preexec_fn=lambda: os.sched_setaffinity(0, cores()[1]),
            capture_output=True,
            timeout=300,
            check=False,
        )
        if made.returncode:
            raise BenchError(f"{path}: {made.stderr.decode(errors='replace')[:300]}")
        return made.stdout

    def post(self, path: str, body: object) -> dict[str, str]:
        said = self.run(path, "-H", "Content-Type: application/json", "-d", json.dumps(body))
        answer: dict[str, str] = json.loads(said)
        return answer

    def places(self) -> tuple[str, str]:
        """Where the file goes up, and where it comes down."""
        if self._server.name == "nginx":
            return "/f", "/f"
        asked = self.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "f"})
        key = self.post(f"/approve-transfer/{asked['request_id']}", {})["transfer_id"]
        return f"/upload/{key}", f"/download/{key}"


def once(server: Server, made: Authority, file: Path, figures: Figures | None) -> None:
    """Up and down; without `figures` it is the round that warms up."""
    client, gb = Client(server, made.folder / "ca.crt"), file.stat().st_size / 1e9
    up, down = client.places()
    back = file.with_suffix(".back")
    for metric, path, argv in (("put", up, ("-T", str(file))), ("get", down, ("-o", str(back)))):
        before, begun = server.cpu(), time.monotonic()
        client.run(path, *argv)
        seconds = time.monotonic() - begun
        if figures is not None:
            figures.add(server.name, **{metric: (server.cpu() - before) / gb, f"{metric}_rate": gb * 1000 / seconds})
    if not filecmp.cmp(file, back, shallow=False):
        raise BenchError("what came down is not what went up")
    back.unlink()
    if up != down:
        client.post(f"/cancel-transfer/{up.rpartition('/')[2]}", {})


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--mib", type=int, help="size of the file (default 512; 128 with --quick)")
    options = made.parse_args(argv)
    size = (options.mib or (128 if options.quick else FILE_MIB)) << 20
    rounds = options.rounds or (3 if options.quick else 7)
    figures = Figures(METRICS)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder, contextlib.ExitStack() as up:
        authority, file, now = Authority(Path(folder) / "tls"), Path(folder) / "f", datetime.datetime.now(datetime.UTC)
        authority.open(*hosts(["localhost"]), now)
        authority.issue(*hosts(["localhost"]), now)
        with file.open("wb") as to:
            for _ in range(size >> 20):
                to.write(os.urandom(1 << 20))
        servers = [up.enter_context(started(name, authority)) for name in options.only or ["burrowspace", "nginx"]]
        for server in servers:
            once(server, authority, file, None)
        for number in range(rounds):
            for server in servers:
                print(f"  round {number + 1}/{rounds}: {server.name} ...", file=sys.stderr, flush=True)
                once(server, authority, file, figures)
    how = f"{size >> 20} MiB over loopback, TLS 1.3, {rounds} round(s), median (lowest – highest)."
    publish("tls", "What does a GB over TLS cost the server?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
