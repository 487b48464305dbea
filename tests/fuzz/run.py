"""One run of one target by atheris (coverage-guided), in a process of its own; without atheris, by random changes."""

import os
import re
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.mutate import inputs
from tests.fuzz.target import Target

try:
    import atheris
except ImportError:  # no wheel for this system: see CONTRIBUTING.md
    atheris = None

GUIDED = atheris is not None
_COVERED = re.compile(r"cov: (\d+)")
_COUNT = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """`edges`: of our code that some input reached; 0 where nobody counts. `fault`: what went wrong, and on what."""

    target: str
    seconds: float
    executions: int
    edges: int
    fault: str = ""


def run(target: Target, seconds: int, kept: Path | None = None) -> Run:
    """`kept`: a folder for the inputs that reach something new; it may hold some of an earlier run."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place = Path(folder)
        (place / "new").mkdir()
        said, status = _forked(target, seconds, kept or place / "new", place)
        fault = "" if status == 0 else _fault(target, said, place)
    count, edges = _COUNT.search(said), _COVERED.findall(said)
    return Run(
        target.name,
        time.monotonic() - began,
        int(count[1]) if count else 0,
        int(edges[-1]) if edges else 0,
        fault,
    )


def _forked(target: Target, seconds: int, new: Path, place: Path) -> tuple[str, int]:
    """A fuzzer never returns, so a child runs it; what it said, and its exit status."""
    said = place / "said"
    child = os.fork()
    if child == 0:
        try:
            output = os.open(said, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if atheris is None:
                _change_at_random(target, seconds, place)
            else:
                _fuzz(target, seconds, new, place)
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    return said.read_text(errors="replace"), os.waitstatus_to_exitcode(status)


def _fuzz(target: Target, seconds: int, new: Path, place: Path) -> None:
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={target.most}",
        f"-artifact_prefix={place}/found-",
        *([f"-dict={target.words}"] if target.words.exists() else []),
        "-timeout=120",  # of the clock, so that a busy machine is no fault; try_one looks at the CPU time
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=1",
    ]

    def each(data: bytes) -> None:
        _tried(target, data, place)

    atheris.Setup(["fuzz", *options, str(new), str(target.corpus)], each)
    atheris.Fuzz()


def _tried(target: Target, data: bytes, place: Path) -> None:
    try:
        target.try_one(data)
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
        (place / "found").write_bytes(data)
        os._exit(77)


def _change_at_random(target: Target, seconds: int, place: Path) -> None:
    until, count = time.monotonic() + seconds, 0
    for data in inputs(target, 0):
        _tried(target, data, place)
        count += 1
        if time.monotonic() > until:
            break
    print(f"stat::number_of_executed_units: {count}", flush=True)
    os._exit(0)


def _fault(target: Target, said: str, place: Path) -> str:
    """libFuzzer keeps what hung or took too much memory under names of its own."""
    found = sorted(place.glob("found*"))
    data = found[0].read_bytes() if found else b""
    return f"{said[-3000:]}\n{target.name} on {data!r}\n(as a regression into tests/fuzz/corpus/{target.name}/)"
