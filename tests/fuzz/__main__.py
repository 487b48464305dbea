"""`python -m tests.fuzz NAME…`: fuzzes targets by their names, groups of targets by theirs, or `all`.

Each target runs for N seconds, one after the other. Exit status 1: something was found.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

try:
    import atheris

    instrumented: Any = atheris.instrument_imports(include=["burrowspace"], enable_loader_override=False)
except ImportError:
    instrumented = contextlib.nullcontext()

with instrumented, contextlib.redirect_stderr(io.StringIO()):  # it names every module
    from tests.fuzz.table import GROUPS, TARGETS

from tests.fuzz.page import write
from tests.fuzz.run import Run, run


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    words.add_argument("names", nargs="*", default=["all"])
    words.add_argument("--seconds", type=int, default=10, help="for each target")
    words.add_argument("--write", type=Path, help="the page that keeps the results")
    words.add_argument("--keep", type=Path, help="a folder for inputs that reach something new")
    asked = words.parse_args()
    chosen = [target for name in asked.names for target in _named(name)]
    found: list[Run] = []
    for target in chosen:
        kept = None if asked.keep is None else asked.keep / target.name
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
        one = run(target, asked.seconds, kept)
        found.append(one)
        print(f"{one.target:12} {one.executions:>10} inputs {one.edges:>6} edges {one.seconds:7.0f} s", flush=True)
        if one.fault:
            print(one.fault, flush=True)
        if asked.write is not None:
            write(asked.write, found)
    return 1 if any(one.fault for one in found) else 0


def _named(name: str) -> list[Any]:
    if name == "all":
        return list(TARGETS.values())
    return GROUPS[name] if name in GROUPS else [TARGETS[name]]


sys.exit(main())
