"""`python -m tests.fuzz.keep FOLDER`: takes from a long run's inputs into the corpus what reaches further.

Small ones first; an input is kept only where it goes from one line of our code to another that no kept input does.
"""

import hashlib
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target

MOST_BYTES, MOST_INPUTS = 2048, 40  # of one input; of one target from one run
Step = tuple[CodeType, int, int]


def keep(target: Target, found: Path) -> int:
    """How many were taken."""
    seen: set[Step] = set()
    for path in sorted(target.corpus.iterdir()):
        seen |= steps(target, path.read_bytes())
    taken = 0
    for path in sorted(found.iterdir(), key=lambda each: (each.stat().st_size, each.name)):
        data = path.read_bytes()
        if taken == MOST_INPUTS or len(data) > MOST_BYTES:
            break
        reached = steps(target, data)
        if not reached <= seen:
            seen |= reached
            taken += 1
            (target.corpus / f"found-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
    return taken


def steps(target: Target, data: bytes) -> set[Step]:
    """From which line to which line of our code an input leads."""
    found: set[Step] = set()
    before: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "/burrowspace/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            found.add((frame.f_code, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        target.run(data)
    except target.refuses:
        pass
    finally:
        sys.settrace(None)
    return found


if __name__ == "__main__":
    for each in TARGETS.values():
        if (folder := Path(sys.argv[1]) / each.name).is_dir():
            print(f"{each.name:12} {keep(each, folder):>4} taken")
