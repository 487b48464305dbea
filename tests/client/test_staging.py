"""What a staging writes, verifies, refuses, and still holds after a kill: real files, real processes."""

import io
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burrowspace.client.errors import Mismatch
from burrowspace.client.files.source import Source
from burrowspace.client.files.staging import WINDOW, Staging
from burrowspace.core.errors import BadRequest, BurrowError, Damaged, NoSpace, WrongState
from burrowspace.core.manifest import Entry, Manifest, encode
from burrowspace.core.pack import Digests, Row
from burrowspace.core.sealing import BLOCK, Suite
from tests.client.carry import KEYS, begin, carry, carry_one, reopen, tree, write

REPO = Path(__file__).parents[2]
SIZES = [0, 1, BLOCK - 33, BLOCK - 32, BLOCK - 31, BLOCK, BLOCK + 1, 3 * BLOCK - 32, 700_000]


@pytest.fixture
def holiday(tmp_path: Path) -> Path:
    """A folder with files around the size of a block, empty ones, an empty folder."""
    names = ["a", "day 1/b", "day 1/c", "day 1/deep/er/d", "e", "f", "g", "zz/h", "zz/i"]
    top = write(tmp_path / "given" / "holiday", zip(names, map(os.urandom, SIZES), strict=True))
    (top / "nothing here").mkdir()
    return top


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_file_arrives_whole_whatever_its_size(tmp_path: Path, size: int, streamed: bool):
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    source = Source.from_stream(io.BytesIO(data), "a") if streamed else Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert list((tmp_path / "target").glob("a")) == []
    assert staging.finish() == source.digest
    assert staging.landed == (tmp_path / "target" / "a",)
    assert tree(tmp_path / "target") == {"a": data}
    source.close()


def test_a_folder_arrives_with_its_structure_times_and_modes(tmp_path: Path, holiday: Path):
    (holiday / "a").chmod(0o500)
    (holiday / "day 1").chmod(0o500)
    for number, each in enumerate(sorted(holiday.rglob("*"), reverse=True)):
        os.utime(each, ns=(1, 10**18 + number))
    os.utime(holiday, ns=(1, 5 * 10**17))
    source = Source.from_paths([holiday])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert staging.finish() == source.digest
    assert tree(tmp_path / "target" / "holiday") == tree(holiday)
    for each in [holiday, *holiday.rglob("*")]:
        there = (tmp_path / "target" / each.relative_to(holiday.parent)).stat()
        assert there.st_mtime_ns == each.stat().st_mtime_ns
        assert stat.S_IMODE(there.st_mode) == stat.S_IMODE(each.stat().st_mode) | (0o700 if each.is_dir() else 0)


@pytest.mark.parametrize("suite", Suite)
def test_blocks_in_any_order_inside_the_window_make_the_same_file(tmp_path: Path, suite: Suite):
    (tmp_path / "a").write_bytes(os.urandom(50 * BLOCK + 5))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    chance = random.Random(4)
    waiting = list(range(1 + 51))
    assert carry_one(source, staging, 5, KEYS[suite])  # ahead of the manifest
    assert carry_one(source, staging, 0, KEYS[suite])
    staging.accept(tmp_path / "target")
    waiting = [each for each in waiting if each not in (0, 5)]
    while waiting:
        near = [each for each in waiting if each < staging.held + WINDOW]
        position = chance.choice(near)
        assert carry_one(source, staging, position, KEYS[suite])
        assert not carry_one(source, staging, position, KEYS[suite])
        waiting.remove(position)
    assert not carry_one(source, staging, 0, KEYS[suite])
    assert staging.complete
    assert staging.finish() == source.digest
    assert (tmp_path / "target" / "a").read_bytes() == (tmp_path / "a").read_bytes()


def test_what_is_beyond_the_window_is_not_kept(tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(50 * BLOCK))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    assert not carry_one(source, staging, WINDOW)
    assert carry_one(source, staging, WINDOW - 1)


def test_nothing_is_overwritten_unasked(tmp_path: Path, holiday: Path):
    target = write(tmp_path / "target", [("holiday/a", b"mine"), ("x.txt", b"mine"), ("x (2).txt", b"mine")])
    (tmp_path / "x.txt").write_bytes(b"theirs")
    source = Source.from_paths([holiday, tmp_path / "x.txt"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, target)
    staging.finish()
    assert set(staging.landed) == {target / "holiday (2)", target / "x (3).txt"}
    assert tree(target / "holiday (2)") == tree(holiday)
    assert tree(target / "holiday") == {"a": b"mine"}
    assert [(target / name).read_bytes() for name in ("x.txt", "x (2).txt", "x (3).txt")] == [
        b"mine",
        b"mine",
        b"theirs",
    ]


def test_told_to_overwrite_it_replaces_files_and_keeps_what_else_is_there(tmp_path: Path, holiday: Path):
    outside = write(tmp_path / "outside", [("secret", b"secret")])
    target = write(tmp_path / "target", [("holiday/a", b"mine"), ("holiday/mine", b"mine"), ("holiday/e/x", b"mine")])
    (target / "holiday" / "zz").symlink_to(outside, target_is_directory=True)
    (target / "holiday" / "f").symlink_to(outside / "secret")
    source = Source.from_paths([holiday])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, target, overwrite=True)
    staging.finish()
    found = tree(target / "holiday")
    assert found["a"] == (holiday / "a").read_bytes()
    assert found["mine"] == b"mine"
    assert found["e/x"] == b"mine"
    assert found["e (2)"] == (holiday / "e").read_bytes()
    assert found["f (2)"] == (holiday / "f").read_bytes()
    assert found["zz (2)/h"] == (holiday / "zz/h").read_bytes()
    assert tree(outside) == {"secret": b"secret"}
    assert sorted(each.name for each in target.iterdir()) == ["holiday"]


def test_a_new_name_is_given_to_the_one_thing_that_is_offered(tmp_path: Path, holiday: Path):
    source = Source.from_paths([holiday])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", name="../my holiday")
    staging.finish()
    assert staging.landed == (tmp_path / "target" / "my holiday",)
    assert tree(tmp_path / "target" / "my holiday") == tree(holiday)
    two = begin(tmp_path / "two", Source.from_paths([holiday, holiday / "a"]))
    carry_one(Source.from_paths([holiday, holiday / "a"]), two, 0)
    with pytest.raises(BadRequest, match="one name is not enough"):
        two.accept(tmp_path / "target", name="x")


def test_a_text_is_given_back_and_no_file_is_made(tmp_path: Path):
    source = Source.from_text("hello ö")
    staging = begin(tmp_path / "state", source)
    carry(source, staging, None)
    assert staging.finish() == source.digest
    assert staging.texts == ("hello ö",)
    assert reopen(tmp_path / "state").finish() == source.digest


@pytest.mark.parametrize("streamed", [False, True])
def test_one_file_can_go_to_an_output_in_order(tmp_path: Path, streamed: bool):
    data = os.urandom(3 * BLOCK - 5)
    (tmp_path / "a").write_bytes(data)
    source = Source.from_stream(io.BytesIO(data)) if streamed else Source.from_paths([tmp_path / "a"])
    staging, output = begin(tmp_path / "state", source), io.BytesIO()
    carry_one(source, staging, 0)
    carry_one(source, staging, 2)
    staging.accept_stream(output)
    carry_one(source, staging, 1)
    carry(source, staging, None)
    assert staging.finish() == source.digest
    assert output.getvalue() == data
    assert reopen(tmp_path / "state").held == 1


def test_a_digest_that_differs_names_the_file_and_nothing_is_put_in_place(tmp_path: Path):
    write(tmp_path / "d", [("good", b"good"), ("bad", b"bad")])
    source = Source.from_paths([tmp_path / "d"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=1)
    staging.accept(tmp_path / "target")
    into = memoryview(bytearray(BLOCK))
    size, end = source.read_into(1, into)
    into[0] ^= 1
    staging.take(1, end, into[:size], bytes(28))
    with pytest.raises(Mismatch, match=r"^d/bad: not what was sent") as caught:
        staging.finish()
    assert caught.value.names == ["d/bad"]
    assert [each.name for each in (tmp_path / "target").iterdir() if not each.name.startswith(".burrow-")] == []
    staging.discard()
    assert list((tmp_path / "target").iterdir()) == []


def test_nothing_is_finished_before_it_is_complete(tmp_path: Path, holiday: Path):
    source = Source.from_paths([holiday])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=4)
    with pytest.raises(WrongState):
        staging.finish()


@pytest.mark.parametrize(
    ("position", "end", "size"),
    [(0, False, 10), (1, False, 5), (1, True, BLOCK), (2, True, 6), (3, True, 5), (1, True, 5)],
)
def test_a_block_that_is_not_as_offered_is_refused(tmp_path: Path, position: int, end: bool, size: int):
    (tmp_path / "a").write_bytes(bytes(BLOCK - 27))  # a full block and five bytes
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    with pytest.raises(BadRequest):
        staging.take(position, end, memoryview(bytes(size)), bytes(28))


def test_sizes_that_do_not_agree_with_the_list_are_refused(tmp_path: Path):
    source = Source.from_text("hello")
    (tmp_path / "state").mkdir()
    staging = Staging.begin(tmp_path / "state", len(source.manifest_data), 99)
    with pytest.raises(BadRequest, match="do not agree"):
        carry_one(source, staging, 0)


def test_what_was_held_is_held_again_and_only_that(tmp_path: Path, holiday: Path):
    source = Source.from_paths([holiday])
    for upto in range(len(SIZES) + 3):
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
        staging = begin(tmp_path / "state", source)
        carry(source, staging, tmp_path / "target", upto=upto)
        staging.close()
        again = reopen(tmp_path / "state")
        assert again.held == staging.held
        carry(source, again, tmp_path / "target")
        assert again.finish() == source.digest
        assert tree(again.landed[0]) == tree(holiday)


def test_a_stream_goes_on_where_it_stood(tmp_path: Path):
    data = os.urandom(5 * BLOCK + 7)
    source = Source.from_stream(io.BytesIO(data))
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=4)
    staging = reopen(tmp_path / "state")
    assert staging.held == 4
    carry(source, staging, tmp_path / "target", upto=7)
    staging = reopen(tmp_path / "state")
    assert staging.complete
    assert staging.finish() == source.digest
    assert (tmp_path / "target" / "stdin").read_bytes() == data
    source.close()


def lost(part: Path) -> None:
    (part / "a").unlink()


def torn(part: Path) -> None:
    with (part / "a").open("r+b") as file:
        file.seek(3 * BLOCK + 100)
        file.write(b"torn")


def short(part: Path) -> None:
    os.truncate(part / "a", 4 * BLOCK - 1)


def linked(part: Path) -> None:
    (part / "a").rename(part.parent / "elsewhere")
    (part / "a").symlink_to(part.parent / "elsewhere")


@pytest.mark.parametrize(("harm", "held"), [(lost, 1), (torn, 4), (short, 4), (linked, 1)])
def test_data_that_is_not_what_the_journal_says_is_not_held(tmp_path: Path, harm, held: int):
    (tmp_path / "a").write_bytes(os.urandom(6 * BLOCK))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=6)
    staging.close()
    [part] = (tmp_path / "target").glob(".burrow-*.part")
    harm(part)
    again = reopen(tmp_path / "state")
    assert again.held == held
    if harm is linked:
        before = (part.parent / "elsewhere").read_bytes()
        with pytest.raises(BurrowError):
            carry(source, again, tmp_path / "target")
        assert (part.parent / "elsewhere").read_bytes() == before
    else:
        carry(source, again, tmp_path / "target")
        assert again.finish() == source.digest


def test_a_kill_between_two_renames_ends_as_if_there_had_been_none(tmp_path: Path):
    given_ = write(tmp_path / "given", [(f"{n}", bytes([n])) for n in range(4)])
    source = Source.from_paths(sorted(given_.iterdir()))
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    with staging._lock:
        staging._verify()
    [part] = (tmp_path / "target").glob(".burrow-*.part")
    os.link(part / "1", tmp_path / "target" / "1")  # killed after the link, before the unlink
    (part / "0").rename(tmp_path / "target" / "0")
    again = reopen(tmp_path / "state")
    assert again.complete
    assert again.finish() == source.digest
    assert tree(tmp_path / "target") == {f"{n}": bytes([n]) for n in range(4)}
    assert reopen(tmp_path / "state").finish() == source.digest


@pytest.mark.timeout(300)
def test_twenty_kills_lose_one_block_each_at_most(tmp_path: Path):
    files = [("big", os.urandom(60 * BLOCK + 1)), *((f"small/{n:04}", os.urandom(n * 7)) for n in range(2000))]
    top = write(tmp_path / "top", files)
    command = [sys.executable, "-m", "tests.client.stager", tmp_path / "state", top, tmp_path / "target"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    (tmp_path / "state").mkdir()
    chance, held, carried, kills, verified = random.Random(1), 0, 0, 0, ""
    while not verified:
        with subprocess.Popen(command, cwd=REPO, text=True, bufsize=1, **pipes) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            dies_after = chance.randint(0, 4) if kills < 20 else None
            for number, line in enumerate(child.stdout):
                what, value = line.split()
                if what == "begins":
                    assert int(value) >= held  # what was said to be held is never asked again
                elif what == "holds":
                    held, carried = int(value), carried + 1
                else:
                    verified = value
                if dies_after is not None and number >= dies_after:
                    child.send_signal(signal.SIGKILL)
                    kills += 1
                    break
                if what != "verified":
                    child.stdin.write("\n")
    source = Source.from_paths([top])
    assert kills == 20
    assert carried <= held
    layout = source.layout(Suite.A256GCM)
    buffer = memoryview(bytearray(BLOCK))
    for position in range(layout.manifest_blocks, layout.positions or 0):
        source.read_into(position, buffer)
    assert source.digest is not None
    assert verified == source.digest.hex()
    assert tree(tmp_path / "target" / "top") == tree(top)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=50", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_too_little_room_is_said_before_the_first_byte(tmp_path: Path, tiny: Path):
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry_one(source, staging, 0)
    with pytest.raises(NoSpace, match=r"2\.0 MB are needed and 1\.0 MB are free"):
        staging.accept(tiny)
    assert list(tiny.iterdir()) == []
    staging.accept(tmp_path / "elsewhere")
    carry(source, staging, None)
    assert staging.finish() == source.digest


def test_too_many_files_are_said_before_the_first_byte(tmp_path: Path, tiny: Path):
    source = Source.from_paths([write(tmp_path / "d", [(f"{n}", b"") for n in range(60)])])
    staging = begin(tmp_path / "state", source)
    carry_one(source, staging, 0)
    with pytest.raises(NoSpace, match="61 are offered"):
        staging.accept(tiny)


def test_a_disk_that_fills_up_keeps_what_is_good_and_goes_on(tmp_path: Path, tiny: Path):
    (tmp_path / "a").write_bytes(os.urandom(900_000))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tiny, upto=2)
    (tiny / "other").write_bytes(bytes(500_000))
    with pytest.raises(NoSpace, match="what arrived is kept: free some space"):
        carry(source, staging, tiny)
    assert 2 <= staging.held < 5
    again = reopen(tmp_path / "state")
    assert again.held == staging.held
    (tiny / "other").unlink()
    carry(source, staging, tiny)
    assert staging.finish() == source.digest


def test_a_disk_that_fills_up_under_blocks_that_waited_goes_on_too(tmp_path: Path, tiny: Path):
    (tmp_path / "a").write_bytes(os.urandom(3 * BLOCK))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tiny, upto=1)
    staging.accept(tiny)
    (tiny / "other").write_bytes(bytes(450_000))
    assert carry_one(source, staging, 3)
    assert carry_one(source, staging, 1)
    assert carry_one(source, staging, 4)
    with pytest.raises(NoSpace):
        carry_one(source, staging, 2)
    (tiny / "other").unlink()
    carry(source, staging, tiny)
    assert staging.finish() == source.digest


def test_a_disk_that_fills_up_below_a_block_that_waits_takes_it_again(tmp_path: Path, tiny: Path):
    (tmp_path / "a").write_bytes(os.urandom(3 * BLOCK))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tiny, upto=1)
    staging.accept(tiny)
    (tiny / "other").write_bytes(bytes(650_000))
    assert carry_one(source, staging, 2)
    with pytest.raises(NoSpace):
        carry_one(source, staging, 1)  # this one fits, and the one that waited behind it does not
    assert staging.held == 2
    with pytest.raises(NoSpace):
        carry_one(source, staging, 2)
    (tiny / "other").unlink()
    carry(source, staging, tiny)
    assert staging.finish() == source.digest


def test_a_target_that_is_gone_is_said_and_nothing_is_forgotten(tmp_path: Path):
    (tmp_path / "a").write_bytes(os.urandom(3 * BLOCK))
    source = Source.from_paths([tmp_path / "a"])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target", upto=3)
    staging.close()
    (tmp_path / "target").rename(tmp_path / "unplugged")
    with pytest.raises(Damaged, match="is gone; bring it back"):
        reopen(tmp_path / "state")
    (tmp_path / "unplugged").rename(tmp_path / "target")
    assert reopen(tmp_path / "state").held == 3


def test_somebody_who_is_not_root_lands_what_is_read_only_and_goes_on(tmp_path: Path):
    top = write(tmp_path / "top", [("d/a", os.urandom(5 * BLOCK)), *((f"d/{n:03}", bytes([n])) for n in range(200))])
    for each in [*top.rglob("*"), top]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "state").mkdir()
    for each in tmp_path.rglob("*"):
        os.chown(each, 12345, 12345)
    child = os.fork()
    if not child:  # in a process of its own, for there is no way back from this
        code = 1
        try:
            os.chdir("/")
            for name in (tmp_path, *tmp_path.parents):
                if Path(tempfile.gettempdir()) in name.parents:
                    name.chmod(0o711)
            os.setgid(12345)
            os.setuid(12345)
            source = Source.from_paths([top])
            staging = begin(tmp_path / "own" / "state", source)
            for upto in (1, 2, 3, 5, 6, None):
                carry(source, staging, tmp_path / "own" / "target", upto=upto)
                staging.close()
                os.truncate(tmp_path / "own/state/blocks", max(0, (staging.held - 1) * 41))  # as if killed before it
                staging = reopen(tmp_path / "own" / "state")
            carry(source, staging, tmp_path / "own" / "target")
            code = 0 if staging.finish() == source.digest else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    there = tmp_path / "own" / "target" / "top"
    assert tree(there) == tree(top)
    assert stat.S_IMODE((there / "d" / "a").stat().st_mode) == 0o444
    assert stat.S_IMODE((there / "d").stat().st_mode) == 0o755


segments = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
nasty = st.sampled_from(
    ["..", ".", "a", "A", "a ", "link", "LINK", "nul", "C:", "\u202ea", "a\\..\\b", "~", "..\\..\\x"]
)
paths = st.lists(st.one_of(nasty, segments), min_size=1, max_size=4).map(tuple)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.tuples(paths, st.booleans()), min_size=1, max_size=8, unique_by=lambda wish: wish[0]))
def test_whatever_the_list_says_nothing_is_written_outside_the_target(tmp_path_factory, wishes):
    base = tmp_path_factory.mktemp("hostile")
    target, outside = base / "in" / "target", write(base / "outside", [("kept", b"kept")])
    target.mkdir(parents=True)
    (target / "link").symlink_to(outside, target_is_directory=True)
    entries = tuple(
        Entry(path=path, kind="folder" if folder else "file", size=0 if folder else 1) for path, folder in wishes
    )
    try:
        data = encode(Manifest(entries=entries, name="x"))
    except BurrowError:
        return
    contents = b"".join(b"x" for entry in entries if entry.kind == "file")
    row = Row([1] * len(contents))
    digests = Digests(row)
    digests.add(memoryview(contents))
    pack = contents + bytes(digests.area)
    (base / "state").mkdir()
    staging = Staging.begin(base / "state", len(data), len(pack))
    staging.take(0, True, memoryview(data), bytes(28))
    staging.accept(target, overwrite=True)
    staging.take(1, True, memoryview(pack), bytes(28))
    staging.finish()
    assert tree(outside) == {"kept": b"kept"}
    assert sorted(each.name for each in base.iterdir()) == ["in", "outside", "state"]
    assert [each.name for each in (base / "in").iterdir()] == ["target"]
    assert all(each.resolve().is_relative_to(target) for each in staging.landed)
    files = [each for each in target.rglob("*") if each.is_file() and not each.is_symlink()]
    assert len(files) == len(contents)
    assert (target / "link").readlink() == outside
    shutil.rmtree(base)
