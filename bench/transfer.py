"""How fast does a file get from one program to another, and what does it cost both, beside magic-wormhole and scp?

Real processes, file to file, every byte compared: `direct` by TCP over loopback, `relay` through the server of each,
`far` over a long and lossy line, `small` for many small files, `lan` for the time to the first byte. Speed is that of
the whole receiver, from its start to its exit, for that is what a person waits; the pure rate, from the first byte to
the last, stands beside it. CPU seconds are of both ends together, start-up, children and the waiting sender included.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import BenchError, parser, verdict
from bench.farlink import LEFT, Line, hosts
from bench.report import Figures, Metric, publish
from bench.senders import Burrow, Field, Program, Ran, Scp, Where, Wormhole, started

FILE_MIB, LAN_MIB = 1024, 16
SMALL_FILES, SMALL_BYTES = 10_000, (1024, 4096)
LINE = Line(delay=25, loss=1, rate=480)
LOST_RIVAL = 64  # the rival sends so many times less over the bad line: at 0.3 MB/s all of it would take half an hour
MEMORY = Path("/dev/shm")
JOBS = ("direct", "relay", "small", "lan", "far")
METRICS = {
    "direct": Metric("direct: whole receiver", "MB/s", 0, bound=2.7, side="at least", rival="wormhole"),
    "direct_cpu": Metric("direct: CPU of both ends for a GB", "s", 2, bound=0.33, rival="wormhole"),
    "direct_pure": Metric("direct: first byte to last", "MB/s", 0),
    "direct_first": Metric("direct: start to first byte", "s", 2),
    "relay": Metric("by relay: whole receiver", "MB/s", 0, bound=2.2, side="at least", rival="wormhole"),
    "relay_cpu": Metric("by relay: CPU of both ends for a GB", "s", 2),
    "relay_pure": Metric("by relay: first byte to last", "MB/s", 0),
    "relay_first": Metric("by relay: start to first byte", "s", 2),
    "small": Metric("small files: whole receiver", "files/s", 0, bound=3, side="at least", rival="wormhole"),
    "small_cpu": Metric("small files: CPU of both ends for 10,000", "s", 2),
    "lan_first": Metric("on a LAN: start to first byte", "s", 2, bound=1, of="value"),
    "far": Metric(
        "far and lossy: share of the line, first byte to last", "", 2, bound=0.8, side="at least", of="value"
    ),
    "far_pure": Metric("far and lossy: first byte to last", "MB/s", 2),
    "far_first": Metric("far and lossy: start to first byte", "s", 2),
}


@dataclass(frozen=True)
class Load:
    """What is sent: one file, the same shorter, one for the LAN, and a folder of small ones. Lies in `place`."""

    place: Path
    file: Path
    short: Path  # what the rival sends over the bad line
    lan: Path
    folder: Path
    count: int

    @classmethod
    def make(cls, place: Path, mib: int, count: int) -> Load:
        sizes = {"file": mib << 20, "short": (mib << 20) // LOST_RIVAL, "lan": LAN_MIB << 20}
        for name, size in sizes.items():
            with (place / name).open("wb") as file:
                for at in range(0, size, 1 << 20):
                    file.write(os.urandom(min(1 << 20, size - at)))
        folder = place / "folder"
        chosen = random.Random(4)
        for number in range(count):
            inner = folder / f"{number // 500:02}"
            inner.mkdir(parents=True, exist_ok=True)
            (inner / f"{number:05}.bin").write_bytes(os.urandom(chosen.randint(*SMALL_BYTES)))
        return cls(place, place / "file", place / "short", place / "lan", folder, count)


class Round:
    """All jobs of one program, once, with their figures."""

    def __init__(self, program: Program, load: Load, figures: Figures) -> None:
        self.program, self.load, self.figures = program, load, figures

    def run(self, job: str) -> None:
        getattr(self, f"_{job}")()

    def warm(self) -> None:
        with self._field(Where()) as field:
            self._sent(field, self.load.lan)

    def _direct(self, job: str = "direct", *, relay: bool = False) -> None:
        with self._field(Where()) as field:
            self._file(job, self._sent(field, self.load.file, relay=relay), self.load.file)

    def _relay(self) -> None:
        self._direct("relay", relay=True)

    def _small(self) -> None:
        with self._field(Where()) as field:
            ran = self._sent(field, self.load.folder)
        self._add(small=self.load.count / ran.exited, small_cpu=ran.cpu * 10_000 / self.load.count)

    def _lan(self) -> None:
        with hosts(None) as pair, self._field(Where(LEFT, pair.left, pair.right)) as field:
            ran = self._sent(field, self.load.lan)
        self._add(lan_first=_first(ran))

    def _far(self) -> None:
        what = self.load.file if isinstance(self.program, Burrow) else self.load.short
        with hosts(LINE) as pair, self._field(Where(LEFT, pair.left, pair.right)) as field:
            ran = self._sent(field, what)
        pure = _megabytes(what) / (ran.there - _first(ran))
        self._add(far=pure / LINE.payload, far_pure=pure, far_first=_first(ran))

    def _file(self, job: str, ran: Ran, what: Path) -> None:
        size = _megabytes(what)
        self._add(
            **{
                job: size / ran.exited,
                f"{job}_cpu": ran.cpu / size * 1000,
                f"{job}_pure": size / (ran.there - _first(ran)),
                f"{job}_first": _first(ran),
            }
        )

    def _sent(self, field: Field, what: Path, *, relay: bool = False) -> Ran:
        with tempfile.TemporaryDirectory(prefix="into-", dir=self.load.place) as into:
            ran = field.run(what, Path(into), relay=relay)
            _compare(what, Path(into) / what.name)
        return ran

    def _field(self, where: Where) -> contextlib.AbstractContextManager[Field]:
        return started(self.program, where, self.load.place)

    def _add(self, **figures: float) -> None:
        self.figures.add(self.program.name, **figures)


def _first(ran: Ran) -> float:
    if ran.first is None:
        raise BenchError("nobody saw the first byte: the file is too small for this machine")
    return ran.first


def _megabytes(what: Path) -> float:
    return what.stat().st_size / 1e6


def _compare(sent: Path, got: Path) -> None:
    """BenchError unless both are the same to the last byte and name."""
    if sent.is_file():
        if not filecmp.cmp(sent, got, shallow=False):
            raise BenchError("what arrived is not what was sent")
        return
    names = _names(sent)
    if names != _names(got) or filecmp.cmpfiles(sent, got, names, shallow=False)[0] != names:
        raise BenchError("what arrived is not what was sent")


def _names(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


@contextlib.contextmanager
def _loaded(options: argparse.Namespace, jobs: list[str]) -> Iterator[Load]:
    with tempfile.TemporaryDirectory(prefix="transfer-", dir=options.place) as name:
        room = shutil.disk_usage(name).free >> 20
        if room < 4 * options.mib:
            raise BenchError(f"{options.place} has {room} MiB; this needs {4 * options.mib}, or another --place")
        yield Load.make(Path(name), options.mib, options.files if "small" in jobs else 0)


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="only these jobs")
    made.add_argument("--mib", type=int, help="size of the file (default 1024; 256 with --quick)")
    made.add_argument("--files", type=int, default=SMALL_FILES, help="number of small files")
    made.add_argument("--place", type=Path, help="where all files lie, sent and received (default /dev/shm, a tmpfs)")
    options = made.parse_args(argv)
    options.mib = options.mib or (256 if options.quick else FILE_MIB)
    options.place = options.place or (MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir()))
    rounds = options.rounds or (1 if options.quick else 5)
    programs: dict[str, Program] = {each.name: each for each in (Burrow(), Wormhole(), Scp())}
    if unknown := set(options.only or ()) - set(programs):
        raise SystemExit(f"no contestant is called {', '.join(sorted(unknown))}; there are {', '.join(programs)}")
    figures = Figures(METRICS)
    with _loaded(options, options.jobs) as load:
        for name in options.only or list(programs):  # so that each has its bytecode, as an installed program has
            Round(programs[name], load, Figures(METRICS)).warm()
        for number in range(rounds):
            for job in options.jobs:
                for name in options.only or [each for each, program in programs.items() if job in program.jobs]:
                    print(f"  round {number + 1}/{rounds}: {job}, {name} ...", file=sys.stderr, flush=True)
                    Round(programs[name], load, figures).run(job)
    how = (
        f"{options.mib:,} MiB, {options.files:,} files of {SMALL_BYTES[0]:,} to {SMALL_BYTES[1]:,} bytes; all lies on "
        f"{_kind(options.place)}, for both. Far: {LINE}, {LINE.payload:.0f} MB/s of payload; magic-wormhole "
        f"sends 1/{LOST_RIVAL} of it there. scp fetches from an sshd on the same host, with a key. "
        f"{rounds} round(s), median (lowest – highest)."
    )
    question = "How fast does a file get from one program to another, and what does it cost both?"
    publish("transfer", question, how, figures, options.write)
    return 0


def _kind(place: Path) -> str:
    """The file system's kind."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    over = [(len(point), kind) for point, kind in mounts if place.resolve().is_relative_to(point)]
    return max(over)[1]


if __name__ == "__main__":
    sys.exit(verdict(main))
