"""Holes stay holes: found, not sent, not written, and still part of every check. Real sparse files."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.client.errors import Changed
from burrowspace.client.files.source import Source
from burrowspace.core.credit import Asked, Asking
from burrowspace.core.errors import BadManifest, NoSpace
from burrowspace.core.holes import Holes, fit
from burrowspace.core.manifest import Entry, Manifest, encode, parse
from burrowspace.core.sealing import BLOCK
from tests.client.carry import begin, carry, carry_one, reopen
from tests.machine import small_disk

MB = 1 << 20


def sparse(path: Path, size: int, *data: tuple[int, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for at, piece in data:
            file.seek(at)
            file.write(piece)
        file.truncate(size)
    return path


def on_disk(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_hole_of_gigabytes_costs_no_block_and_no_room(tmp_path: Path):
    data = os.urandom(MB)
    disk = sparse(tmp_path / "d" / "disk.img", 10 << 30, (5 << 30, data))
    assert on_disk(disk) < 2 * MB
    source = Source.from_paths([tmp_path / "d"])
    staging = begin(tmp_path / "state", source)
    sent = 0
    while not staging.complete:
        if staging.manifest is not None and not staging.accepted:
            staging.accept(tmp_path / "target")
            continue
        assert carry_one(source, staging, staging.held)
        sent += 1
    assert sent < 10
    assert staging.finish() == source.digest
    got = tmp_path / "target" / "d" / "disk.img"
    assert (got.stat().st_size, on_disk(got) < 2 * MB) == (10 << 30, True)
    with got.open("rb") as file:
        file.seek(5 << 30)
        assert file.read(MB) == data


@pytest.mark.parametrize("kill", [None, 2, 4])
def test_files_with_holes_of_any_place_arrive_as_they_are_and_go_on_after_a_kill(tmp_path: Path, kill: int | None):
    chance = random.Random(7)
    for number in range(6):
        pieces = [(chance.randrange(0, 9 * MB), chance.randbytes(chance.randrange(1, 90_000))) for _ in range(3)]
        sparse(tmp_path / "d" / f"{number}", 10 * MB + number * 1000, *pieces)
    sparse(tmp_path / "d" / "all", 3 * MB)
    (tmp_path / "d" / "empty").touch()
    (tmp_path / "d" / "small").write_bytes(b"small")
    source = Source.from_paths([tmp_path / "d"])
    staging = begin(tmp_path / "state", source)
    if kill is not None:
        while staging.manifest is None or not staging.accepted or kill:
            if staging.manifest is not None and not staging.accepted:
                staging.accept(tmp_path / "target")
            carry_one(source, staging, staging.held)
            kill = max(0, kill - 1)
        staging.close()
        held = staging.held
        staging = reopen(tmp_path / "state")
        assert staging.held >= held
    carry(source, staging, tmp_path / "target")
    assert staging.finish() == source.digest
    for each in (tmp_path / "d").iterdir():
        got = tmp_path / "target" / "d" / each.name
        assert got.read_bytes() == each.read_bytes()
        assert on_disk(got) <= on_disk(each) + 128 * 1024


def test_a_receiver_that_knows_no_holes_gets_zeros(tmp_path: Path):
    sparse(tmp_path / "a", 3 * MB, (MB, b"data"))
    source = Source.from_paths([tmp_path / "a"])
    into, found = memoryview(bytearray(BLOCK)), bytearray()
    for position in range(1, 14):
        size, _ = source.read_into(position, into)
        found += into[:size]
    assert found[: 3 * MB] == (tmp_path / "a").read_bytes()
    assert source.digest is not None


def test_a_hole_that_is_filled_while_it_is_sent_is_noticed(tmp_path: Path):
    sparse(tmp_path / "a", 30 * MB, (29 * MB, b"data"))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry_one(source, staging, 0)
    with (tmp_path / "a").open("r+b") as file:
        file.write(b"no hole any more")
    os.utime(tmp_path / "a", ns=(5, 5))
    with pytest.raises(Changed):
        carry(source, staging, tmp_path / "target")


def test_room_is_asked_for_without_the_holes(tmp_path: Path):
    sparse(tmp_path / "a", 50 * MB, (10 * MB, b"x" * MB))
    with small_disk(tmp_path / "small", 4) as disk:
        source = Source.from_paths([tmp_path / "a"])
        staging = begin(tmp_path / "state", source)
        carry(source, staging, disk / "target")
        staging.finish()
        assert (disk / "target" / "a").stat().st_size == 50 * MB
        (tmp_path / "b").write_bytes(os.urandom(5 * MB))
        full = Source.from_paths([tmp_path / "b"])
        refused = begin(tmp_path / "other", full)
        carry_one(full, refused, 0)
        with pytest.raises(NoSpace):
            refused.accept(disk / "target")
        assert [each.name for each in (disk / "target").iterdir()] == ["a"]


@pytest.mark.parametrize("holes", [((0, 0, 6),), ((1, 0, 1),), ((0, 3, 1), (0, 2, 1)), ((0, -1, 2),), ((0, 0, 0),)])
def test_a_hole_that_cannot_be_is_refused(holes: tuple[tuple[int, int, int], ...]):
    with pytest.raises(BadManifest, match="hole"):
        encode(Manifest((Entry(("a",), "file", 5),), "a", holes=holes))


def test_holes_travel_in_the_manifest():
    manifest = Manifest((Entry(("a",), "file", 5),), "a", holes=((0, 1, 3),))
    assert parse(encode(manifest)) == manifest


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(1, 9)), max_size=8), st.integers(0, 90))
def test_pieces_and_runs_agree(wished: list[tuple[int, int, int]], at: int):
    sizes, holes = [20, 0, 30, 25], []
    for hole in sorted(wished):
        if fit([*holes, hole], sizes):
            holes.append(hole)
    starts = [0, 20, 20, 50]
    zero = {starts[file] + offset + n for file, offset, length in holes for n in range(length)}
    pieces = list(Holes(holes, starts).split(0, 75))
    assert {n for begin, end, hole in pieces if hole for n in range(begin, end)} == zero
    assert [begin for begin, _, _ in pieces] == [0, *(end for _, end, _ in pieces[:-1])]
    run = Holes(holes, starts).run(at)
    assert all(n in zero for n in range(at, at + run))
    assert at + run not in zero


@given(st.lists(st.integers(1, 500), max_size=20), st.integers(1, 4))
def test_a_leap_never_asks_for_more_than_the_credit(leaps: list[int], streams: int):
    asking, sender = Asking(0, None, streams), [Asked() for _ in range(streams)]
    held = 0
    for leap in leaps:
        for stream, start, upto in asking.wants():
            sender[stream].want(start, upto)  # BadRequest where it is too much
            assert start >= held
        held += leap
        asking.moved(held)
