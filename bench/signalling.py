"""How many `peer_signal` messages does a second of the server's CPU carry, and how late are they at a steady rate?

1,000 WebSocket sockets in 500 pairs, each a registered peer that signals its partner with 1.5 KB of SDP-like JSON.
Closed loop: each socket has WINDOW messages on their way, a new one leaves when one arrives: messages/s and CPU at
saturation; and with only FEW on their way, where each read and write of a server carries little more than one message.
Open loop: 2,000 messages/s on a fixed schedule, whatever comes back: latency from the scheduled moment to the
receiver's read. Every message is compared byte for byte, in order, at the right receiver, and counted.
"""

from __future__ import annotations

import argparse
import sys

from bench.common import Contestant, alternate, connect_peers, parser, running, verdict
from bench.contestants import chosen
from bench.loadclient import load, metered, peers_file
from bench.report import Figures, Metric, publish

SOCKETS, BYTES, WINDOW, FEW, RATE = 1000, 1536, 8, 2, 2000
METRICS = {
    "per_cpu": Metric("saturated: messages for each CPU second", "1/s", 0, bound=3, side="at least"),
    "per_1000": Metric("saturated: CPU for 1,000 messages", "s", 4),
    "per_second": Metric("saturated: messages for each second", "1/s", 0),
    "few_per_cpu": Metric(f"{FEW} on their way for each socket: messages for each CPU second", "1/s", 0),
    "open_cpu": Metric("steady: CPU for 1,000 messages", "s", 4),
    "p50": Metric("steady: latency p50", "µs", 0),
    "p99": Metric("steady: latency p99", "µs", 0, bound=1),
    "p999": Metric("steady: latency p99.9", "µs", 0),
}


def measure(contestant: Contestant, options: argparse.Namespace, figures: Figures) -> None:
    seconds = options.seconds
    with (
        running(contestant) as server,
        peers_file(connect_peers(server.port, options.sockets)) as peers,
        load("signal", server.port, peers, options.bytes) as client,
    ):
        client.ask(f"closed {min(2.0, seconds)} {options.window}", 60)  # warm-up, not counted
        closed, cpu = metered(server, client, f"closed {seconds} {options.window}", seconds + 60)
        few, few_cpu = metered(server, client, f"closed {seconds} {FEW}", seconds + 60)
        steady, steady_cpu = metered(server, client, f"open {seconds} {options.rate}", seconds + 60)
    print(
        f"    saturated: server {cpu / closed['seconds']:.0%} of its core; "
        f"steady: the client's own p99 lateness {steady['late_p99_us']:.0f} µs"
    )
    figures.add(
        contestant.name,
        per_cpu=closed["messages"] / cpu,
        per_1000=cpu / closed["messages"] * 1000,
        per_second=closed["messages"] / closed["seconds"],
        few_per_cpu=few["messages"] / few_cpu,
        open_cpu=steady_cpu / steady["messages"] * 1000,
        p50=steady["p50_us"],
        p99=steady["p99_us"],
        p999=steady["p999_us"],
    )


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--sockets", type=int, default=SOCKETS)
    made.add_argument("--bytes", type=int, default=BYTES, help="size of a signal")
    made.add_argument("--window", type=int, default=WINDOW, help="messages on their way for each socket, closed loop")
    made.add_argument("--rate", type=int, default=RATE, help="messages/s in the open loop")
    made.add_argument("--seconds", type=float, help="length of each loop (default 10; 3 with --quick)")
    options = made.parse_args(argv)
    options.seconds = options.seconds or (3.0 if options.quick else 10.0)
    figures = Figures(METRICS)
    rounds = options.rounds or (1 if options.quick else 5)
    for _, contestant in alternate(chosen(options), rounds):
        measure(contestant, options, figures)
    how = (
        f"{options.sockets:,} sockets in pairs, {options.bytes:,} bytes; saturated: window {options.window} for each "
        f"socket; steady: {options.rate:,} messages/s; {options.seconds:g} s each. {rounds} round(s), "
        f"median (lowest – highest)."
    )
    question = "How many `peer_signal` messages does a CPU second carry, and how late are they?"
    publish("signalling", question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
