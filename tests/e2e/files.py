"""Files for the modes to move, and what a move cost."""

import hashlib
import os
import random
import time
from pathlib import Path

from tests.e2e.served import GiB, MiB, Served

SMALL = 64 * MiB
LARGE = 2 * GiB


def make(path: Path, size: int, seed: int = 1) -> Path:
    """A file of `size` pseudo-random bytes."""
    draw = random.Random(seed)
    with path.open("wb") as file:
        for start in range(0, size, MiB):
            file.write(draw.randbytes(min(MiB, size - start)))
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Meter:
    """What a move cost the server: use it as a context around the move; it prints, and keeps when told where."""

    def __init__(self, server: Served, what: str, size: int) -> None:
        self.server, self.what, self.size = server, what, size

    def __enter__(self) -> "Meter":
        self.server.forget_peak()
        self.memory, self.cpu, self.at = self.server.memory(), self.server.cpu(), time.perf_counter()
        return self

    def __exit__(self, *failed: object) -> None:
        self.seconds = time.perf_counter() - self.at
        self.cpu = self.server.cpu() - self.cpu
        self.growth = self.server.peak() - self.memory
        if failed[0] is not None:
            return
        row = (
            f"| {self.what} | {self.size / MiB:,.0f} | {self.seconds:.1f} | {self.size / 1e6 / self.seconds:.0f} "
            f"| {self.cpu:.1f} | {self.memory / MiB:.0f} | {(self.memory + self.growth) / MiB:.0f} |"
        )
        print("\n" + row)
        if (where := os.environ.get("BURROW_PROOF_RESULTS")) is not None:
            with Path(where).open("a") as file:
                file.write(row + "\n")
