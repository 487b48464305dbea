"""What a ring keeps is what was put in last, and it is poured where it belongs."""

import os
import random
from pathlib import Path

import pytest

from burrowspace.server.bulk.ring import Ring, tee

DATA = random.Random(3).randbytes(300_000)


@pytest.mark.parametrize("since", [0, 250_000, 300_000])
def test_a_ring_keeps_its_last_bytes_by_their_offsets(tmp_path: Path, since: int):
    out, into = os.pipe()
    file = os.open(tmp_path / "spool", os.O_RDWR | os.O_CREAT)
    ring = Ring(file, 100_000, 50)
    for at in range(0, len(DATA), 7000):
        piece = DATA[at : at + 7000]
        os.write(into, piece)
        ring.put(out, len(piece))
    ring.pour(file, since)
    first = max(since, ring.end - 100_000)
    assert ring.end == 50 + len(DATA)
    assert os.pread(file, 1 << 20, first) == DATA[first - 50 :]
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]  # the ring has no name
    ring.restart(7)
    os.write(into, b"new")
    ring.put(out, 3)
    ring.pour(file, 0)
    assert os.pread(file, 3, 7) == b"new"
    ring.close()
    for each in (out, into, file):
        os.close(each)


def test_tee_doubles_what_a_pipe_holds_and_leaves_it_there():
    (out, into), (other_out, other_into) = os.pipe(), os.pipe()
    os.write(into, b"twice")
    assert tee(out, other_into, 100) == 5
    assert (os.read(out, 10), os.read(other_out, 10)) == (b"twice", b"twice")
    for each in (out, into, other_out, other_into):
        os.close(each)
