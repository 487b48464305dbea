"""What do signals, relayed chunks and uploads cost now, beside the same server at an earlier commit?

Both versions run on the same machine in the same run, round by round, under the loads of signalling, relay_chunk and
bulk, which compare every byte. The figure is CPU seconds of the serving process. `python -m bench.since COMMIT`.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from bench.bulk import MEMORY, bulk, call
from bench.common import ROOT, BenchError, Contestant, Running, alternate, connect_peers, parser, running, verdict
from bench.contestants import BURROWSPACE
from bench.loadclient import load, metered, peers_file
from bench.relay_chunk import CHUNK, PAIRS, relay
from bench.relay_chunk import WINDOW as CHUNKS
from bench.relays import transfers
from bench.report import Figures, Metric, publish
from bench.signalling import BYTES, SOCKETS, WINDOW

MOST = 1.03  # of what it cost before
METRICS = {
    "signals": Metric("signals: CPU for 1,000 at saturation", "s", 5, bound=MOST, rival="before"),
    "binary": Metric("relay, 256 KiB binary: CPU for a GB", "s", 3, bound=MOST, rival="before"),
    "base64": Metric("relay, 256 KiB as base64 text: CPU for a GB", "s", 3, bound=MOST, rival="before"),
    "upload": Metric("upload: CPU for a GB", "s", 3, bound=MOST, rival="before"),
}


def unpacked(commit: str, place: Path) -> Path:
    """The tree of that commit."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, timeout=60)
    if packed.returncode:
        raise BenchError(f"git knows no commit {commit}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tree:
        tree.extractall(place, filter="data")
    return place


def measure(contestant: Contestant, file: Path, seconds: float, mib: int, figures: Figures) -> None:
    with running(contestant) as server:
        figures.add(
            contestant.name,
            signals=_signals(server, seconds),
            binary=_relay(server, "binary", mib),
            base64=_relay(server, "base64", mib),
            upload=_upload(server, file),
        )


def _signals(server: Running, seconds: float) -> float:
    with (
        peers_file(connect_peers(server.port, SOCKETS)) as peers,
        load("signal", server.port, peers, BYTES) as client,
    ):
        client.ask(f"closed 2 {WINDOW}", 60)  # warm-up, not counted
        found, cpu = metered(server, client, f"closed {seconds} {WINDOW}", seconds + 60)
    return cpu / found["messages"] * 1000


def _relay(server: Running, kind: str, mib: int) -> float:
    how = argparse.Namespace(mib=mib, pairs=PAIRS, chunk=CHUNK, window=CHUNKS)
    relay(server, kind, max(64, mib // 2), how, by_official=False)  # not counted: glibc first learns what to keep
    return relay(server, kind, mib, how, by_official=False)[0]


def _upload(server: Running, file: Path) -> float:
    def once(key: str) -> float:
        before = server.cpu_seconds()
        bulk("put", server.port, f"/upload/{key}", file)
        cost = server.cpu_seconds() - before
        call(server.port, f"/cancel-transfer/{key}")
        return cost / file.stat().st_size * 1e9

    first, *others = transfers(server.port, 4)
    once(first)  # warm-up, not counted
    return sum(map(once, others)) / len(others)


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("commit", help="the earlier one")
    made.add_argument("--seconds", type=float, help="of signals in each round (default 6; 3 with --quick)")
    made.add_argument("--mib", type=int, help="MiB relayed and uploaded (default 1024; 256 with --quick)")
    options: argparse.Namespace = made.parse_args(argv)
    seconds = options.seconds or (3.0 if options.quick else 6.0)
    mib = options.mib or (256 if options.quick else 1024)
    rounds = options.rounds or (1 if options.quick else 5)
    figures = Figures(METRICS)
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="since-") as tree, tempfile.NamedTemporaryFile(dir=memory) as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
        file.flush()
        earlier = unpacked(options.commit, Path(tree))
        before = Contestant("before", [sys.executable, str(earlier / "server.py")], BURROWSPACE.env)
        for _, contestant in alternate([BURROWSPACE, before], rounds):
            measure(contestant, Path(file.name), seconds, mib, figures)
    how = (
        f"`before` is commit {options.commit}. {SOCKETS:,} sockets, {BYTES:,} bytes, window {WINDOW}, {seconds:g} s; "
        f"{mib:,} MiB relayed and uploaded. {rounds} round(s), median (lowest – highest)."
    )
    publish("since", "What do signals, relayed chunks and uploads cost now?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
