"""What does a GB relayed through the server by `relay_chunk` cost in CPU, as attachments and as base64 text?

A file goes from one socket to another in chunks of 256 KiB, at most 8 on their way: a chunk has arrived when the
receiver holds it and the sender has the server's ack. Every byte of every chunk is compared. A GB is 10^9 bytes of the
file, so that base64 pays for its longer text. The figure that counts is the CPU of the serving process.

Before its first round each contestant relays a file between two official clients (npm socket.io-client), SHA-256
compared; with --official they carry the measurement too, and are then what limits MB/s.
"""

from __future__ import annotations

import argparse
import sys

from bench.common import Contestant, Running, alternate, connect_peers, parser, running, verdict
from bench.contestants import chosen, install_node_rival
from bench.loadclient import load, metered, official, peers_file
from bench.report import Figures, Metric, publish

CHUNK, WINDOW, PAIRS, CHECK_MIB = 256 << 10, 8, 1, 16
KINDS = ("binary", "base64")
METRICS = {
    "binary_cpu": Metric("256 KiB binary: CPU for a GB", "s", 2, bound=0.6),
    "binary_speed": Metric("256 KiB binary: speed", "MB/s", 0),
    "base64_cpu": Metric("256 KiB as base64 text: CPU for a GB", "s", 2, bound=0.4),
    "base64_speed": Metric("256 KiB as base64 text: speed", "MB/s", 0),
    "growth": Metric("memory at its highest, above the start", "MiB", 0),
}


def relay(server: Running, kind: str, mib: int, options: argparse.Namespace, by_official: bool) -> tuple[float, float]:
    """CPU seconds for a GB, and MB/s, of one file between fresh peers."""
    pairs = 1 if by_official else options.pairs
    chunks = max(1, (mib << 20) // options.chunk // pairs)
    client_of = official if by_official else load
    with (
        peers_file(connect_peers(server.port, 2 * pairs)) as peers,
        client_of("relay", server.port, peers, options.chunk, kind, options.window, chunks) as client,
    ):
        found, cpu = metered(server, client, "run", 300)
    if mib == options.mib:
        shares = (f"{seconds / found['seconds']:.0%}" for seconds in (cpu, found["client_cpu_s"]))
        print(f"    {kind}: server {next(shares)} of its core, client {next(shares)}")
    return cpu / found["bytes"] * 1e9, found["bytes"] / found["seconds"] / 1e6


def measure(contestant: Contestant, options: argparse.Namespace, figures: Figures, first: bool) -> None:
    with running(contestant) as server:
        before = server.peak_kib()
        for kind in KINDS:
            if first:
                relay(server, kind, CHECK_MIB, options, by_official=True)
            relay(server, kind, min(options.mib, 128), options, options.official)  # warm-up, not counted
            cpu, speed = relay(server, kind, options.mib, options, options.official)
            figures.add(contestant.name, **{f"{kind}_cpu": cpu, f"{kind}_speed": speed})
        figures.add(contestant.name, growth=(server.peak_kib() - before) / 1024)


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--chunk", type=int, default=CHUNK, help="bytes of a chunk")
    made.add_argument("--window", type=int, default=WINDOW, help="chunks of a pair on their way")
    made.add_argument("--pairs", type=int, default=PAIRS, help="files relayed at the same time")
    made.add_argument("--mib", type=int, help="MiB relayed in each run (default 2048; 512 with --quick)")
    made.add_argument("--official", action="store_true", help="one pair of npm socket.io-client as the load")
    options = made.parse_args(argv)
    options.mib = options.mib or (512 if options.quick else 2048)
    install_node_rival()  # the official clients live there
    figures = Figures(METRICS)
    rounds = options.rounds or (1 if options.quick else 5)
    for number, contestant in alternate(chosen(options), rounds):
        measure(contestant, options, figures, first=number == 0)
    how = (
        f"{options.mib:,} MiB in each run, {options.pairs} pair(s), window {options.window}, chunks of "
        f"{options.chunk:,} bytes{', official clients' if options.official else ''}. {rounds} round(s), "
        f"median (lowest – highest)."
    )
    name = "relay_chunk by official clients" if options.official else "relay_chunk"
    question = "What does a GB relayed through the server by `relay_chunk` cost in CPU?"
    publish(name, question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
