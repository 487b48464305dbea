"""A file that vanishes or changes while it is sent is left out, and the rest arrives: real files, no network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from burrowspace.client.errors import Changed, Mismatch
from burrowspace.client.files.left_out import LeftOut
from burrowspace.client.files.source import Source
from burrowspace.core.errors import Damaged
from burrowspace.core.left_out import mark, reason
from burrowspace.core.sealing import BLOCK
from tests.client.carry import begin, carry, carry_one, reopen, tree, write

DATA = os.urandom(4 * BLOCK)
ROOM = memoryview(bytearray(BLOCK))


def vanish(path: Path) -> None:
    path.unlink()


def shrink(path: Path) -> None:
    os.truncate(path, 5)


def rewrite(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))
    os.utime(path, ns=(0, 1))


def shut(path: Path) -> None:
    """A link in a circle cannot be opened by anybody, the superuser included."""
    path.unlink()
    path.symlink_to(path.name)


def top_of(folder: Path) -> Path:
    return write(folder / "top", [("a", b"a" * 9), ("b/big", DATA), ("c", b"c" * 300_000), ("d", b"")])


@pytest.mark.parametrize(
    ("change", "why"), [(vanish, "vanished"), (shrink, "shrank"), (rewrite, "rewritten"), (shut, "unreadable")]
)
@pytest.mark.parametrize("upto", [1, 3])
def test_the_rest_arrives_and_both_sides_know_which_and_why(
    tmp_path: Path, change: Callable[[Path], None], why: str, upto: int
):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=upto)
    source._contents._open.clear()  # another path, or a cache that was full: it has to be opened again
    change(top / "b" / "big")
    carry(source, staging, tmp_path / "target")
    assert source.gave(staging.finish())
    assert [(note.path, note.why) for note in source.lost()] == [("top/b/big", why)]
    assert [(note.path, note.why) for note in staging.lost] == [("top/b/big", why)]
    assert source.lost_bytes == staging.lost_bytes == len(DATA)
    assert tree(tmp_path / "target" / "top") == {"a": b"a" * 9, "b": None, "c": b"c" * 300_000, "d": b""}


def test_a_file_that_lies_at_the_top_is_not_put_in_place(tmp_path: Path):
    write(tmp_path, [("a", b"a"), ("b", DATA)])
    source = Source.from_paths([tmp_path / "a", tmp_path / "b"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=2)
    os.truncate(tmp_path / "b", 7)
    carry(source, staging, tmp_path / "target")
    staging.finish()
    assert tree(tmp_path / "target") == {"a": b"a"}
    assert [place.name for place in staging.landed] == ["a"]


def test_where_no_other_file_is_left_the_transfer_ends(tmp_path: Path):
    top = write(tmp_path / "top", [("a", b"a"), ("b", b"b")])
    source = Source.from_paths([top])
    (top / "a").unlink()
    (top / "b").unlink()
    with pytest.raises(Changed, match="top/b disappeared"):
        source.read_into(1, ROOM)


def test_a_folder_that_goes_away_with_all_that_lies_in_it_is_no_odd_file(tmp_path: Path):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    shutil.move(top, tmp_path / "elsewhere")
    top.mkdir()  # the folder under a disk that was unplugged
    with pytest.raises(Damaged, match="top is gone; bring it back and go on with `burrow resume`"):
        source.read_into(1, ROOM)
    assert not source.left_out
    top.rmdir()
    shutil.move(tmp_path / "elsewhere", top)
    assert source.read_into(1, ROOM)[0] == BLOCK


def test_what_this_program_cannot_do_is_not_the_files_fault(tmp_path: Path):
    top = top_of(tmp_path)
    script = (
        "import os, resource, sys\n"
        "from burrowspace.client.files.source import Source\n"
        "from burrowspace.core.errors import Damaged\n"
        "source = Source.from_paths([sys.argv[1]])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) - 1, 64))\n"
        "try:\n    source.read_into(1, memoryview(bytearray(1 << 18)))\n"
        "except Damaged as error:\n    print(error.sentence, len(source.left_out))\n"
    )
    said = subprocess.run([sys.executable, "-c", script, top], capture_output=True, text=True, check=True).stdout
    assert "may not open more files" in said
    assert said.endswith(" 0\n")


def test_a_file_that_grows_and_is_rewritten_is_left_out_at_the_end(tmp_path: Path):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=3)
    with (top / "b" / "big").open("r+b") as file:
        file.write(b"rewritten")
    with (top / "b" / "big").open("ab") as file:
        file.write(b"more")
    carry(source, staging, tmp_path / "target")
    assert source.gave(staging.finish())
    assert [note.why for note in staging.lost] == ["rewritten"]


def test_a_receiver_who_had_the_file_before_it_vanished_keeps_it(tmp_path: Path):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    first, second = begin(tmp_path / "first", source), begin(tmp_path / "second", source)
    carry(source, first, tmp_path / "one")
    source._contents._open.clear()
    (top / "b" / "big").unlink()
    carry(source, second, tmp_path / "two")
    digests = first.finish(), second.finish()
    assert digests[0] != digests[1]
    assert all(source.gave(digest) for digest in digests)
    assert not source.gave(bytes(32))
    assert (tmp_path / "one" / "top" / "b" / "big").read_bytes() == DATA
    assert not first.lost
    assert [note.path for note in second.lost] == ["top/b/big"]


def test_the_next_run_of_the_sender_leaves_the_same_file_out_though_it_came_back(tmp_path: Path):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    source.left_out.path = tmp_path / "left-out"
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=1)
    (top / "b" / "big").rename(tmp_path / "big")
    carry(source, staging, tmp_path / "target", upto=4)
    (tmp_path / "big").rename(top / "b" / "big")
    with (tmp_path / "left-out").open("ab") as file:
        file.write(b'[3,"vani')  # a kill in the middle of a line
    again = Source.from_paths([top], was=source.manifest, left_out=LeftOut(tmp_path / "left-out"))
    carry(again, staging, tmp_path / "target")
    assert again.gave(staging.finish())
    assert [note.path for note in staging.lost] == ["top/b/big"]


def test_going_on_leaves_out_what_is_gone_meanwhile(tmp_path: Path):
    top = top_of(tmp_path)
    was = Source.from_paths([top]).manifest
    (top / "b" / "big").unlink()
    source = Source.from_paths([top], was=was)
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert source.gave(staging.finish())
    assert [(note.path, note.why) for note in staging.lost] == [("top/b/big", "vanished")]
    for name in ("a", "c", "d"):
        (top / name).unlink()
    with pytest.raises(Changed, match="disappeared"):
        Source.from_paths([top], was=was)


def test_a_receiver_that_was_killed_before_it_put_all_in_place_knows_it_still(tmp_path: Path):
    top = top_of(tmp_path)
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    (top / "b" / "big").unlink()
    carry(source, staging, tmp_path / "target")
    staging._verify()
    staging.close()
    again = reopen(tmp_path / "state")
    again.finish()
    assert [note.path for note in again.lost] == ["top/b/big"]
    assert not (tmp_path / "target" / "top" / "b" / "big").exists()


def test_a_sender_that_marks_everything_leaves_nothing_behind(tmp_path: Path):
    source = Source.from_paths([top_of(tmp_path)])
    staging = begin(tmp_path / "state", source)
    carry_one(source, staging, 0)
    for file in range(4):
        source.left_out.add(file, "vanished")
    carry(source, staging, tmp_path / "target")
    with pytest.raises(Mismatch):
        staging.finish()


def test_a_hole_in_a_file_that_vanishes_costs_nothing_else(tmp_path: Path):
    top = write(tmp_path / "top", [("z", b"z" * 9)])
    with (top / "hollow").open("wb") as file:
        file.truncate(40 * BLOCK)
        file.seek(39 * BLOCK)
        file.write(b"end")
    source = Source.from_paths([top])
    assert source.manifest.holes
    staging = begin(tmp_path / "state", source)
    carry_one(source, staging, 0)
    (top / "hollow").unlink()
    carry(source, staging, tmp_path / "target")
    assert source.gave(staging.finish())
    assert tree(tmp_path / "target") == {"top": None, "top/z": b"z" * 9}


def test_no_digest_of_a_content_is_a_mark():
    assert [reason(mark(why)) for why in ("lost", "vanished", "unreadable", "rewritten", "shrank")] == [
        "lost", "vanished", "unreadable", "rewritten", "shrank"
    ]  # fmt: skip
    assert reason(bytes(31) + b"\xff") == "lost"
    assert reason(b"\1" + bytes(31)) is None
