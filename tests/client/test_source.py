"""What a source reads, hashes and refuses: real files."""

import io
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.client.errors import Changed
from burrowspace.client.files.source import Source
from burrowspace.core.errors import BadRequest, NotFound
from burrowspace.core.manifest import parse
from burrowspace.core.pack import Digests, Row
from burrowspace.core.sealing import BLOCK, Suite
from tests.client.carry import write


def blocks(source: Source, start: int = 0) -> list[bytes]:
    found, into = [], memoryview(bytearray(BLOCK))
    layout = source.layout(Suite.A256GCM)
    while True:
        size, end = source.read_into(start, into)
        assert end == (size < BLOCK)
        if layout.pack_size is not None:
            assert (size, end) == (layout.plain_size(start), layout.is_end(start))
        found.append(bytes(into[:size]))
        if end and start >= layout.manifest_blocks:
            return found
        start += 1


def pack(source: Source) -> bytes:
    return b"".join(blocks(source, source.layout(Suite.A256GCM).manifest_blocks))


def digests(*contents: bytes) -> bytes:
    return b"".join(blake3(each).digest() for each in contents)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 33, BLOCK - 32, BLOCK - 31, BLOCK, BLOCK + 1, 3 * BLOCK - 32, 700_000])
def test_a_file_is_its_bytes_and_its_digest(tmp_path: Path, size: int):
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    source = Source.from_paths([tmp_path / "a"])
    assert pack(source) == data + digests(data)
    assert source.digest == blake3(digests(data)).digest()
    assert parse(blocks(source)[0]) == source.manifest


@pytest.mark.parametrize("size", [0, 1, BLOCK - 33, BLOCK - 32, BLOCK - 31, BLOCK, BLOCK + 1, 3 * BLOCK - 32, 700_000])
def test_a_stream_is_its_bytes_and_its_digest_and_can_be_read_again(tmp_path: Path, size: int):
    data = os.urandom(size)
    source = Source.from_stream(io.BytesIO(data), keep=tmp_path)
    assert source.layout(Suite.A256GCM).pack_size is None
    assert pack(source) == data + digests(data)
    assert pack(source) == data + digests(data)
    assert list(tmp_path.iterdir()) == []
    source.close()


def test_a_pipe_gives_what_it_has_as_it_comes(tmp_path: Path):
    out, into = os.pipe()
    with os.fdopen(out, "rb", buffering=0) as reader, os.fdopen(into, "wb", buffering=0) as writer:
        source = Source.from_stream(reader, keep=tmp_path)  # type: ignore[arg-type]
        data = os.urandom(BLOCK)
        feeding = threading.Thread(target=writer.write, args=(data,))
        feeding.start()
        buffer = memoryview(bytearray(BLOCK))
        assert source.read_into(1, buffer) == (BLOCK, False)
        assert buffer == data
        feeding.join()
        writer.close()
        assert source.read_into(2, buffer) == (32, True)
        source.close()


def test_a_folder_keeps_its_structure_its_times_and_its_modes(tmp_path: Path):
    top = write(tmp_path / "holiday", [("day 1/a.jpg", b"a"), ("day 1/b.jpg", b""), ("notes", b"text")])
    (top / "empty" / "inner").mkdir(parents=True)
    (top / "notes").chmod(0o750)
    os.utime(top / "notes", ns=(5, 1_234_567_890_123_456_789))
    source = Source.from_paths([top])
    assert [("/".join(entry.path), entry.kind) for entry in source.manifest.entries] == [
        ("holiday", "folder"),
        ("holiday/day 1", "folder"),
        ("holiday/day 1/a.jpg", "file"),
        ("holiday/day 1/b.jpg", "file"),
        ("holiday/empty", "folder"),
        ("holiday/empty/inner", "folder"),
        ("holiday/notes", "file"),
    ]
    notes = source.manifest.entries[-1]
    assert (notes.mode, notes.mtime_ns, notes.size) == (0o750, 1_234_567_890_123_456_789, 4)
    assert source.manifest.name == "holiday"
    assert pack(source) == b"atext" + digests(b"a", b"", b"text")


def test_what_cannot_travel_is_left_out_and_said(tmp_path: Path):
    top = write(tmp_path / "top", [("kept", b"x"), ("secret/y", b"y")])
    (top / "link").symlink_to("/etc/passwd")
    (top / "away").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(top / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(top / "socket"))
        source = Source.from_paths([top])
    assert [entry.path[-1] for entry in source.manifest.files] == ["kept", "y"]
    assert [(note.path, note.why) for note in parse(source.manifest_data).noted] == [
        ("top/away", "link"),
        ("top/link", "link"),
        ("top/pipe", "pipe"),
        ("top/socket", "socket"),
    ]


def test_a_link_that_the_person_names_is_followed(tmp_path: Path):
    (tmp_path / "real").write_bytes(b"here")
    (tmp_path / "link").symlink_to("real")
    assert pack(Source.from_paths([tmp_path / "link"])).startswith(b"here")


def test_two_paths_of_one_name_get_two_names(tmp_path: Path):
    write(tmp_path, [("one/a.txt", b"1"), ("two/a.txt", b"2"), ("three/A.TXT", b"3")])
    source = Source.from_paths([tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt", tmp_path / "three" / "A.TXT"])
    assert [entry.path for entry in source.manifest.entries] == [("a.txt",), ("a (2).txt",), ("A (3).TXT",)]
    assert pack(source).startswith(b"123")
    assert source.manifest.name == "3 items"


def test_a_name_that_is_no_text_still_travels(tmp_path: Path):
    (tmp_path / "d").mkdir()
    for name in (b"\xff.txt", b"\xfe.txt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/d/" + name)).write_bytes(name)
    source = Source.from_paths([tmp_path / "d"])
    assert len({entry.path for entry in source.manifest.files}) == 2
    assert pack(source).startswith(b"\xfe.txt\xff.txt")


def test_what_is_not_there_or_no_file_is_a_sentence(tmp_path: Path):
    with pytest.raises(NotFound, match="check the name"):
        Source.from_paths([tmp_path / "nothing"])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadRequest, match="pipe its contents into"):
        Source.from_paths([tmp_path / "pipe"])


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def touched(path: Path) -> None:
    os.utime(path, ns=(0, 1))


def cut(path: Path) -> None:
    os.truncate(path, BLOCK + 5)


def gone(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    seen, fresh = path.stat(), path.with_name("fresh")
    fresh.write_bytes(os.urandom(seen.st_size))
    os.utime(fresh, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    fresh.replace(path)


@pytest.mark.parametrize("change", [touched, cut, gone, replaced])
def test_a_file_that_is_not_what_it_was_is_named_and_not_sent(tmp_path: Path, change):
    path = tmp_path / "d" / "data.bin"
    write(tmp_path, [("d/data.bin", os.urandom(4 * BLOCK))])
    source = Source.from_paths([tmp_path / "d"])
    buffer = memoryview(bytearray(BLOCK))
    if change is not replaced and change is not gone:  # an open file is still the same one then
        source.read_into(1, buffer)
    change(path)
    said = {cut: "became shorter.*then send it again", gone: "disappeared.*bring it back"}
    said = said.get(change, "changed.*new transfer")
    with pytest.raises(Changed, match=rf"d/data\.bin {said}") as caught:
        source.read_into(2, buffer)
    assert caught.value.name == "d/data.bin"


def test_a_file_that_grows_is_sent_as_long_as_it_was(tmp_path: Path):
    data = os.urandom(9 * BLOCK)
    top = write(tmp_path / "d", [("a.log", data), ("b", b"b")])
    source, buffer = Source.from_paths([top]), memoryview(bytearray(BLOCK))
    source.read_into(1, buffer)
    grown(top / "a.log")
    assert pack(source) == data + b"b" + digests(data, b"b")


def test_a_file_that_grows_and_is_rewritten_is_named_and_the_sentence_says_what_to_do(tmp_path: Path):
    top = write(tmp_path / "d", [("a.db", os.urandom(9 * BLOCK))])
    source, buffer = Source.from_paths([top]), memoryview(bytearray(BLOCK))
    source.read_into(1, buffer)
    with (top / "a.db").open("r+b") as file:
        file.write(b"rewritten")
    grown(top / "a.db")
    with pytest.raises(Changed, match=r"d/a\.db was rewritten.*burrow send - <"):
        pack(source)


def test_going_on_sends_what_it_was_and_nothing_that_was_added(tmp_path: Path):
    top = write(tmp_path / "top", [("b", b"b" * 9), ("c/d", b"d")])
    was = Source.from_paths([top]).manifest
    seen = top.stat()
    write(top, [("a", b"new"), ("c/a", b"new")])
    again = Source.from_paths([top], was=was)
    assert again.manifest == was
    assert pack(again) == b"b" * 9 + b"d" + digests(b"b" * 9, b"d")
    assert seen.st_ino == top.stat().st_ino
    (top / "c" / "d").write_bytes(b"!!")
    with pytest.raises(Changed, match="top/c/d"):
        Source.from_paths([top], was=was)


@pytest.mark.parametrize("start", [1, 5, 20, 34])
def test_a_resend_from_the_middle_has_the_right_digests(tmp_path: Path, start: int):
    data = [os.urandom(size) for size in (0, 3 * BLOCK, 5, 0, 30 * BLOCK + 7, 1000, 0)]
    top = write(tmp_path / "top", [(f"{n}", each) for n, each in enumerate(data)])
    source = Source.from_paths([top])
    assert b"".join(blocks(source, start)) == (b"".join(data) + digests(*data))[(start - 1) * BLOCK :]
    assert source.digest == blake3(digests(*data)).digest()


def test_a_reader_ahead_pulls_the_hasher_along(tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(40 * BLOCK))
    source, buffer = Source.from_paths([tmp_path / "a"]), memoryview(bytearray(BLOCK))
    for position in range(10, 20):
        source.read_into(position, buffer)
    assert source.hashed == 20 * BLOCK - BLOCK
    source.catch_up(31)
    assert source.hashed == 30 * BLOCK


def test_many_receivers_read_at_many_places_at_once(tmp_path: Path):
    data = [os.urandom(size) for size in [*range(0, 60_000, 1000), 5 * BLOCK, 2 * BLOCK + 9]]
    top = write(tmp_path / "top", [(f"{n:03}", each) for n, each in enumerate(data)])
    source = Source.from_paths([top])
    expected = b"".join(data) + digests(*data)
    with ThreadPoolExecutor(8) as threads:
        for start, found in threads.map(lambda n: (n % 12 + 1, b"".join(blocks(source, n % 12 + 1))), range(32)):
            assert found == expected[(start - 1) * BLOCK :]


def test_a_text_is_sent_without_a_file():
    source = Source.from_text("hello ö")
    assert source.manifest.entries[0].kind == "text"
    assert pack(source) == "hello ö".encode() + digests("hello ö".encode())


@settings(max_examples=200)
@given(sizes=st.lists(st.integers(0, 40), max_size=12), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_every_byte_belongs_to_one_piece_and_every_digest_is_right(sizes: list[int], cuts: list[int]):
    row = Row(sizes)
    data = os.urandom(row.content)
    contents = [data[start : start + size] for start, size in zip(row.starts, sizes, strict=True)]
    edges = sorted({0, row.content, *(each for each in cuts if each < row.content)})
    rebuilt, hasher = [bytearray() for _ in sizes], Digests(row)
    for at, upto in zip(edges, edges[1:] or [row.content], strict=False):
        for file, offset, begin, end in row.pieces(at, upto):
            assert len(rebuilt[file]) == offset
            rebuilt[file] += data[at + begin : at + end]
        hasher.add(memoryview(data)[at:upto])
    assert [bytes(each) for each in rebuilt] == contents
    assert bytes(hasher.area) == digests(*contents)
