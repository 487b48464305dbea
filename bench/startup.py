"""What does a one-byte transfer cost each end, beside magic-wormhole?

Real processes, as in transfer.py. CPU seconds of each whole process, from its start to its exit: nearly all of it is
Python's start and imports. What may be imported before the first call to the server is held by
tests/cli/test_startup.py; this is the price of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.common import BenchError, parser, verdict
from bench.report import Figures, Metric, publish
from bench.senders import Burrow, BurrowByLink, Program, Where, Wormhole, started

CONTENT = b"1"
MOST_S = 0.15
METRICS = {
    "code_sender": Metric("by code: CPU of the sender", "s", 3, bound=MOST_S, of="value"),
    "code_receiver": Metric("by code: CPU of the receiver", "s", 3, bound=MOST_S, of="value"),
    "code_exited": Metric("by code: whole receiver", "s", 2),
    "link_sender": Metric("by link: CPU of the sender", "s", 3, bound=MOST_S, of="value"),
    "link_receiver": Metric("by link: CPU of the receiver", "s", 3, bound=MOST_S, of="value"),
    "link_exited": Metric("by link: whole receiver", "s", 2),
}
CONTESTANTS: tuple[tuple[str, Program], ...] = (("code", Burrow()), ("link", BurrowByLink()), ("code", Wormhole()))


def _round(figures: Figures, place: Path) -> None:
    for how, program in CONTESTANTS:
        print(f"  {program.name}, by {how} ...", file=sys.stderr, flush=True)
        with started(program, Where(), place) as field, tempfile.TemporaryDirectory(dir=place) as into:
            ran = field.run(place / "one", Path(into))
            if (Path(into) / "one").read_bytes() != CONTENT:
                raise BenchError("what arrived is not what was sent")
        sender, receiver = ran.cpu - ran.receiver_cpu, ran.receiver_cpu
        taken = {f"{how}_sender": sender, f"{how}_receiver": receiver, f"{how}_exited": ran.exited}
        figures.add(program.name, **taken)


def main(argv: list[str] | None = None) -> int:
    options: argparse.Namespace = parser(__doc__).parse_args(argv)
    if options.only:
        raise SystemExit("--only: all three are needed, and take seconds")
    rounds = options.rounds or (3 if options.quick else 11)
    figures = Figures(METRICS)
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        place = Path(name)
        (place / "one").write_bytes(CONTENT)
        _round(Figures(METRICS), place)  # so that each has its bytecode, as an installed program has
        for _ in range(rounds):
            _round(figures, place)
    how = f"One file of one byte, direct over loopback. {rounds} round(s), median (lowest – highest)."
    publish("startup", "What does a one-byte transfer cost each end?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
