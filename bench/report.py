"""Medians, spread and ratio as a table; the same table, with date and machine, in results.md.

A target is what was promised before measuring: a bound on the ratio of our figure to Node's, or on our own figure.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

import psutil

from bench.common import ROOT, busy_seconds

RESULTS = ROOT / "bench" / "results.md"
HEADING = "# Results\n\nWritten by the benchmarks (`--write`); what each asks is in README.md.\n"
BEGUN = time.monotonic(), busy_seconds(), sum(os.times()[:4])


@dataclass(frozen=True)
class Metric:
    """One row: `bound` asks for a ratio ("ratio") or for our own figure ("value") at least or at most that high."""

    title: str
    unit: str
    digits: int = 1
    bound: float | None = None
    side: Literal["at least", "at most"] = "at most"
    of: Literal["ratio", "value"] = "ratio"
    rival: str = "node"  # to whom a ratio is asked for
    also: tuple[tuple[float, str], ...] = ()  # further bounds on ratios, and to whom


@dataclass
class Figures:
    """What was measured: per metric and contestant, one figure a round."""

    metrics: dict[str, Metric]
    taken: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, contestant: str, **figures: float) -> None:
        for key, value in figures.items():
            self.taken.setdefault(contestant, {}).setdefault(key, []).append(value)
            metric = self.metrics[key]
            print(f"    {metric.title}: {value:,.{metric.digits}f} {metric.unit}", flush=True)

    def table(self) -> str:
        """Markdown; the contestants in the order in which they came, ours first."""
        names = list(self.taken)
        rivals = names[1:]
        head = ["question", *names, *(f"{names[0]} / {rival}" for rival in rivals), "asked for"]
        rows = [head, ["---"] * len(head)]
        for key, metric in self.metrics.items():
            if key in self.taken.get(names[0], {}):
                rows.append(self._row(key, metric, names))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def _row(self, key: str, metric: Metric, names: list[str]) -> list[str]:
        def figure(values: list[float]) -> str:
            low, middle, high = (f"{v:,.{metric.digits}f}" for v in (min(values), median(values), max(values)))
            return f"**{middle}**" + (f" ({low} – {high})" if len(values) > 1 else "")

        taken = {name: self.taken[name][key] for name in names if key in self.taken[name]}
        middles = {name: median(values) for name, values in taken.items()}
        ours = middles[names[0]]
        ratios = {name: ours / other for name, other in middles.items() if other and name != names[0]}
        verdicts = []
        asked = [] if metric.bound is None else [(metric.bound, metric.rival), *metric.also]
        for bound, rival in asked:
            judged = ours if metric.of == "value" else ratios.get(rival)
            what = f"{metric.side} {bound:g}" + (" ×" if metric.of == "ratio" else f" {metric.unit}")
            if len(asked) > 1 or (metric.of == "ratio" and len(names) > 2):
                what += f" {rival}"
            if judged is None or names[0] != "burrowspace":
                verdicts.append(what)
            else:
                met = judged >= bound if metric.side == "at least" else judged <= bound
                verdicts.append(f"{what}: {'met' if met else '**missed**'}")
        return [
            f"{metric.title} ({metric.unit})",
            *(figure(taken[name]) if name in taken else "–" for name in names),
            *(f"{ratios[rival]:.2f} ×" if rival in ratios else "–" for rival in names[1:]),
            "; ".join(verdicts),
        ]


def _said(*argv: str) -> str:
    try:
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def machine() -> str:
    """Where and on what: the line without which a figure says nothing."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return "; ".join(
        (
            f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}",
            f"{os.cpu_count()} cores {model.group(1).strip() if model else platform.machine()}",
            f"Linux {platform.release()}",
            f"Python {platform.python_version()}, Node {_said('node', '--version').lstrip('v')}",
            f"others used {strangers():.0%} of the cores meanwhile",
        )
    )


def strangers() -> float:
    """What share of the machine went to processes that are not ours since this program began: 0 on a quiet one."""
    begun, busy, ours = BEGUN
    # A child that lives is not in our own times yet.
    living = sum(sum(each.cpu_times()[:4]) for each in psutil.Process().children(recursive=True))
    theirs = busy_seconds() - busy - (sum(os.times()[:4]) + living - ours)
    return max(0.0, theirs / (time.monotonic() - begun) / (os.cpu_count() or 1))


def commit() -> str:
    changes = _said("git", "status", "--porcelain", "--", "src", "bench/load", "bench/rivals")
    return _said("git", "rev-parse", "--short", "HEAD") + (" with changes" if changes else "")


def publish(name: str, question: str, how: str, figures: Figures, write: bool) -> None:
    """Prints the result, and with `write` puts it in the place of the section of the same name."""
    section = f"## {name}\n\n{question}\n\n{how}\n\n{figures.table()}\n\n{machine()}\n"
    print("\n" + section)
    if not write:
        return
    text = RESULTS.read_text() if RESULTS.exists() else HEADING
    sections = [part.rstrip() + "\n" for part in re.split(r"(?m)^(?=## )", text)]
    places = [place for place, part in enumerate(sections) if part.startswith(f"## {name}\n")]
    sections[places[0] if places else len(sections) :] = [section, *sections[places[0] + 1 :]] if places else [section]
    RESULTS.write_text("\n".join(sections))
    print(f"written to {RESULTS.relative_to(ROOT)}")
