"""One odd file never stops the rest: real files, real disks."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from burrowspace.client.files.source import Source
from burrowspace.client.files.spelling import lying_at, written_down
from burrowspace.client.files.walk import walk
from burrowspace.client.state.journal import known
from burrowspace.core.errors import BadRequest
from burrowspace.core.manifest import DEPTH, parse
from burrowspace.core.notes import DETAIL_CHARS, NOTES, PATH_CHARS, Notes, sentence
from tests.client.carry import begin, carry, reopen, tree, write


def noted(source: Source) -> list[tuple[str, str]]:
    return [(note.path, note.why) for note in parse(source.manifest_data).noted]


@pytest.fixture
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("year", [16_725_225_600, -11_644_473_600, 70_000_000_000])
def test_a_date_that_cannot_be_stored_costs_only_itself(tmp_path: Path, memory: Path, year: int):
    top = write(tmp_path / "top", [("old.jpg", b"old"), ("rest", b"rest")])
    os.utime(top / "old.jpg", ns=(0, year * 10**9))
    if (top / "old.jpg").stat().st_mtime_ns != year * 10**9:  # this disk keeps no such date: one in memory does
        top = write(memory / "top", [("old.jpg", b"old"), ("rest", b"rest")])
        os.utime(top / "old.jpg", ns=(0, year * 10**9))
    assert (top / "old.jpg").stat().st_mtime_ns == year * 10**9
    source = Source.from_paths([top])
    assert noted(source) == [("top/old.jpg", "date")]
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert staging.finish() == source.digest
    assert tree(tmp_path / "target" / "top") == {"old.jpg": b"old", "rest": b"rest"}
    assert Source.from_paths([top], was=source.manifest).manifest == source.manifest  # another run goes on with it
    assert known([top])[0].path == str(top)


def test_a_date_before_1970_arrives(tmp_path: Path):
    top = write(tmp_path / "top", [("old.jpg", b"old")])
    os.utime(top / "old.jpg", ns=(0, -86_400 * 10**9))
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    staging.finish()
    assert (tmp_path / "target" / "top" / "old.jpg").stat().st_mtime_ns == -86_400 * 10**9
    assert staging.undated == []


def test_a_name_that_is_not_valid_text_is_sent_under_another_one(tmp_path: Path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for name in (b"\xff", b"\xfe", b"good"):
        (folder / os.fsdecode(name)).write_bytes(name)
    source = Source.from_paths([folder])
    assert [why for _, why in noted(source)] == ["name"] * 3
    assert source.manifest.noted[0].detail == "caf\\xe9"
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert staging.finish() == source.digest
    assert sorted(tree(tmp_path / "target" / "caf�").values()) == [b"good", b"\xfe", b"\xff"]
    [seen] = known([folder])
    assert lying_at(seen.path) == str(folder)


def test_what_is_received_into_a_folder_whose_name_is_not_valid_text_arrives_and_goes_on(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a" * 600_000)
    target = tmp_path / os.fsdecode(b"caf\xe9")
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, target, upto=2)
    staging.close()
    staging = reopen(tmp_path / "state")
    assert staging.held == 2
    carry(source, staging, target)
    staging.finish()
    assert tree(target) == {"a": b"a" * 600_000}
    assert lying_at(written_down(target)) == str(target)


def test_a_tree_that_is_too_deep_is_sent_as_deep_as_it_can_be(tmp_path: Path):
    top = tmp_path / "top"
    deep = top.joinpath(*["d"] * (DEPTH + 20))
    deep.mkdir(parents=True)
    (deep / "lost").write_bytes(b"lost")
    (top / "kept").write_bytes(b"kept")
    source = Source.from_paths([top])
    assert [why for _, why in noted(source)] == ["deep"]
    assert [entry.path for entry in source.manifest.files] == [("top", "kept")]


def test_special_and_unreadable_files_and_loops_that_are_named_are_left_out(tmp_path: Path):
    write(tmp_path, [("kept", b"kept")])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        given = [tmp_path / name for name in ("pipe", "nowhere", "loop", "socket", "kept")] + ["/dev/null"]
        source = Source.from_paths(given)
        assert [why for _, why in noted(source)] == ["pipe", "dangling", "unreadable", "socket", "device"]
        known(given)
        with pytest.raises(BadRequest, match="socket is a socket; pipe its contents"):
            walk([tmp_path / "socket"])
    assert [entry.path for entry in source.manifest.files] == [("kept",)]


def test_what_may_not_be_read_is_left_out(tmp_path: Path):
    top = write(tmp_path / "top", [("kept", b"kept"), ("secret", b"s"), ("closed/x", b"x")])
    (top / "secret").chmod(0)
    (top / "closed").chmod(0)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        if parent.stat().st_uid == os.getuid() and parent.name.startswith(("pytest", "popen")):
            parent.chmod(0o755)
    script = (
        "import os, sys; os.setuid(65534)\n"
        "from burrowspace.client.files.walk import walk\n"
        "print([(n.path, n.why, n.detail) for n in walk([sys.argv[1]])[1].first])"
    )
    loaded = f"from burrowspace.client.files.walk import walk; import os, sys\n{script}"
    said = subprocess.run([sys.executable, "-c", loaded, str(top)], capture_output=True, text=True, check=True).stdout
    why = "this user has no permission"
    assert said.strip() == repr([("top/closed", "unreadable", why), ("top/secret", "unreadable", why)])


def test_notes_are_bounded_and_the_rest_is_counted():
    notes = Notes()
    for number in range(NOTES + 5):
        notes.add(("x" * 2000, str(number)), "unreadable", "y" * 999)
    assert (len(notes.first), notes.unlisted) == (NOTES, 5)
    assert max(len(note.path) for note in notes.first) == PATH_CHARS
    assert max(len(note.detail) for note in notes.first) == DETAIL_CHARS
    assert notes.first[7].path.endswith("x/7")
    assert sentence(notes.first[0]).endswith(": left out")
