"""A receiver to be killed: `python -m tests.client.stager STATE SOURCE TARGET` says each position that it holds.

For each line that was read it is told a line: it is never more than one block ahead, however busy the machine is.
"""

import sys
from pathlib import Path

from burrowspace.client.files.source import Source
from tests.client.carry import begin, carry_one, reopen


def main(state: Path, given: Path, target: Path) -> None:
    source = Source.from_paths([given])
    staging = reopen(state) if (state / "landing.json").exists() else begin(state, source)
    print("begins", staging.held, flush=True)
    while not staging.complete:
        if staging.manifest is not None and not staging.accepted:
            staging.accept(target)
        carry_one(source, staging, staging.held)
        print("holds", staging.held, flush=True)
        sys.stdin.readline()
    print("verified", staging.finish().hex(), flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
