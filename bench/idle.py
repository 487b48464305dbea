"""What memory does a socket cost that only stays, and do 10,000 of them stay?

10,000 Socket.IO sockets connect and send nothing but the answers to the server's pings, for two minutes. Memory is the
growth of the serving process's proportional set size from before the first of them (after a warm-up of a few hundred
that came and went) to the end of the hold, all still there; the kernel's own buffers are not in it. A dropped socket
makes the run void. With --registered each socket also speaks for a peer from POST /connect.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time

from bench.common import BenchError, Contestant, alternate, connect_peers, parser, running, verdict
from bench.contestants import chosen
from bench.loadclient import load, peers_file
from bench.report import Figures, Metric, publish

SOCKETS, SOURCES, WARM_UP = 10_000, 16, 300
PINGED_WITHIN_S = 30  # both servers ping every 25 s as they come
METRICS = {
    "each": Metric("memory for each idle socket", "KiB", 1, bound=20, of="value"),
    "connected": Metric("the same, just after all had connected", "KiB", 1),
    "before": Metric("the server before the first socket", "MiB", 1),
    "cpu": Metric("CPU for holding them", "% of a core", 2),
    "setup": Metric("time until all had connected", "s", 1),
}


def measure(contestant: Contestant, options: argparse.Namespace, figures: Figures) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(contestant))

        def peers(count: int) -> object:
            if not options.registered:
                return "-"
            return stack.enter_context(peers_file(connect_peers(server.port, count)))

        with load("idle", server.port, WARM_UP, SOURCES, peers(WARM_UP)) as client:
            client.ask("hold 1", 30)
        time.sleep(2)  # for what the warm-up left behind to be let go
        before = server.memory_kib()
        everybody, started = peers(options.sockets), time.monotonic()
        client = stack.enter_context(load("idle", server.port, options.sockets, SOURCES, everybody))
        setup = time.monotonic() - started
        connected, cpu = server.memory_kib(), server.cpu_seconds()
        held = client.ask(f"hold {options.seconds}", options.seconds + 30)
        cpu = server.cpu_seconds() - cpu
        after = server.memory_kib()
        if held["fewest_pings"] < options.seconds // PINGED_WITHIN_S:
            raise BenchError(f"a socket was pinged only {held['fewest_pings']} times in {options.seconds:g} s")
        print(
            f"    {held['held']:,} held for {options.seconds:g} s, {held['pings']:,} pings answered "
            f"({held['fewest_pings']} – {held['most_pings']} each)"
        )
        figures.add(
            contestant.name,
            each=(after - before) / options.sockets,
            connected=(connected - before) / options.sockets,
            before=before / 1024,
            cpu=100 * cpu / options.seconds,
            setup=setup,
        )


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--sockets", type=int, default=SOCKETS)
    made.add_argument("--seconds", type=float, help="how long they stay (default 120; 10 with --quick)")
    made.add_argument("--registered", action="store_true", help="each socket registers as a peer")
    options = made.parse_args(argv)
    options.seconds = options.seconds or (10.0 if options.quick else 120.0)
    figures = Figures(METRICS)
    count = options.rounds or 1  # memory hardly differs from round to round
    for _, contestant in alternate(chosen(options), count):
        measure(contestant, options, figures)
    of_peers = " of registered peers" if options.registered else ""
    how = (
        f"{options.sockets:,} sockets{of_peers} from {SOURCES} addresses, held for {options.seconds:g} s, "
        f"none dropped, {'every ping answered' if options.seconds >= PINGED_WITHIN_S else 'too short for a ping'}; "
        f"{count} round(s)."
    )
    publish(f"idle{of_peers}", "What memory does a socket cost that only stays?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
