"""What a sender sends, as numbered blocks of plaintext that can be read any number of times.

A source is files and folders, a text, or standard input. It answers for one position at a time, from several threads at
once; it keeps no place of its own but the one up to which it has hashed. Spec: docs/spec/manifest.md.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3
from msgspec import UNSET

from burrowspace.client.errors import GONE, GREW, Changed
from burrowspace.client.files.contents import Bytes, Contents, Files, Lost, Stream
from burrowspace.client.files.left_out import LeftOut
from burrowspace.client.files.sparse import found_holes
from burrowspace.client.files.walk import Found, walk
from burrowspace.core.errors import BadRequest
from burrowspace.core.holes import Holes
from burrowspace.core.layout import Layout, blocks_of
from burrowspace.core.left_out import none_left
from burrowspace.core.manifest import Entry, Manifest, encode
from burrowspace.core.notes import Note
from burrowspace.core.pack import DIGEST, UNKNOWN, Digests, Row, total
from burrowspace.core.sealing import BLOCK, Suite

_ZEROS = memoryview(bytes(1 << 20))
_AGAIN = 4 << 20  # bytes of a file that grew, read at once when it is looked at again
_CATCH_UP = 4  # blocks hashed behind a reader for each block that it reads ahead


class Source:
    """Open one with `from_paths`, `from_text` or `from_stream`; close it when the transfer ends.

    What is not sent, or not as it is, stands in the manifest's notes. A file that vanishes or changes later is
    `left_out`: zeros are read in its place, and a mark in place of its digest. `digest`: of the whole transfer, once
    all of it was hashed.
    """

    def __init__(self, manifest: Manifest, contents: Contents, left_out: LeftOut | None = None) -> None:
        self.manifest = manifest
        self.manifest_data = encode(manifest)
        self.left_out = left_out or LeftOut()
        self._contents = contents
        self._given: set[bytes] = set()  # digests that receivers may have: it changes with each file that is left out
        self._stream = contents if isinstance(contents, Stream) else None
        self._row = Row([UNKNOWN if entry.size is None else entry.size for entry in manifest.files])
        self._digests = Digests(self._row)
        self._holes = Holes(manifest.holes or (), self._row.starts)
        self._hashing, self._leaving = threading.Lock(), threading.Lock()
        self._checked: set[int] = set()  # grown files that were looked at once more
        self._first = blocks_of(len(self.manifest_data))  # the first position of the pack
        if not self._row.content:
            self._digests.add(memoryview(b""))

    @classmethod
    def from_paths(
        cls,
        given: Sequence[str | Path],
        name: str = "",
        was: Manifest | None = None,
        left_out: LeftOut | None = None,
    ) -> "Source":
        """The files and folders of a person. `was`: the manifest of a transfer to go on with, `left_out`: what an
        earlier run could not send of it. What was added since is not sent with it, what is gone is left out, and what
        is different is Changed. NotFound, BadRequest: see `walk`.
        """
        left_out = left_out or LeftOut()
        found, notes = walk(given)
        if was is None:
            holes = found_holes([each for each in found if not each.folder])
            was = Manifest(
                entries=tuple(map(_entry, found)),
                name=name or _called(found),
                notes=tuple(notes.first) or UNSET,
                unlisted=notes.unlisted or UNSET,
                holes=tuple(holes) or UNSET,
            )
        else:
            found = _the_same(was, found, left_out)
        return cls(was, Files(found), left_out)

    @classmethod
    def from_text(cls, text: str, created_ns: int = 0) -> "Source":
        """A text to show on the other side."""
        data = text.encode()
        entry = Entry(path=("text",), kind="text", size=len(data), mtime_ns=created_ns, mode=0o600)
        return cls(Manifest(entries=(entry,), name="text"), Bytes(data))

    @classmethod
    def from_stream(
        cls, stream: BinaryIO, name: str = "stdin", created_ns: int = 0, keep: Path | None = None
    ) -> "Source":
        """Standard input or a pipe, its size unknown. What is read of it is kept in a file without a name in the folder
        `keep`, so that a block can be read again for another path or receiver.
        """
        entry = Entry(path=(name,), kind="file", size=None, mtime_ns=created_ns, mode=0o644)
        return cls(Manifest(entries=(entry,), name=name), Stream(stream, keep))

    @property
    def digest(self) -> bytes | None:
        with self._hashing:
            return total(self._marked()) if len(self._digests.area) == self._row.digests else None

    def gave(self, digest: bytes) -> bool:
        """Whether a receiver may have verified this one."""
        return digest in self._given or digest == self.digest

    def lost(self, after: int = 0) -> list[Note]:
        """The files that are left out, in the order in which it was noticed, without the first so many."""
        if len(self.left_out) <= after:
            return []
        entries = self.manifest.files
        return [self.left_out.note(file, entries[file].path) for file in list(self.left_out)[after:]]

    @property
    def lost_bytes(self) -> int:
        """Their content."""
        return sum(self._row.sizes[file] for file in self.left_out)

    @property
    def hashed(self) -> int:
        """Bytes of the content that were hashed."""
        return self._digests.upto

    def layout(self, suite: Suite) -> Layout:
        return Layout(suite, len(self.manifest_data), None if self._stream else self._row.size)

    def read_into(self, position: int, into: memoryview) -> tuple[int, bool]:
        """The plaintext of one block into `into` (room for BLOCK bytes): its length, and whether it ends its stream.

        Blocks while it reads (and while a stream has nothing to give yet). Changed, and BadRequest for no such block.
        """
        if position < self._first:
            at = position * BLOCK
            data = self.manifest_data[at : at + BLOCK]
            into[: len(data)] = data
            return len(data), len(data) < BLOCK
        at = (position - self._first) * BLOCK
        row = self._row
        self._fetch(at + BLOCK)
        size = min(BLOCK, row.size - at)
        if size < 0:
            raise BadRequest(f"the transfer ends before block {position}")
        inside = max(0, min(at + size, row.content) - at)
        if inside:
            self._content(at, into[:inside])
            self._hash(at, into[:inside])
        if inside < size:
            area = self._area()
            start = at + inside - row.content
            into[inside:size] = memoryview(area)[start : start + size - inside]
        return size, size < BLOCK

    def catch_up(self, position: int) -> None:
        """Hashes what lies before `position`, which a receiver holds already, so that the end does not wait for it."""
        upto = max(0, position - self._first) * BLOCK
        self._fetch(upto)
        with self._hashing:
            self._hash_on(min(upto, self._row.content))

    @property
    def can_come_back(self) -> bool:
        """Whether another run of this program can read it again."""
        return self._stream is None

    def close(self) -> None:
        self._contents.close()

    def _fetch(self, upto: int) -> None:
        """Of a stream, waits until `upto` is there or its end is known."""
        if self._stream is None:
            return
        held, ended = self._stream.fetch(upto)
        if ended:
            with self._hashing:
                self._row.end(held)

    def _content(self, at: int, into: memoryview) -> None:
        for file, offset, begin, end in self._row.pieces(at, at + len(into)):
            self._read(file, into[begin:end], offset)

    def _read(self, file: int, into: memoryview, offset: int) -> None:
        """Zeros of one that is left out. Changed, Damaged: no other file is left, or their folder is gone."""
        if file not in self.left_out:
            try:
                self._contents.read_into(file, into, offset)
                return
            except Lost as lost:
                self._leave_out(file, lost)
        into[:] = bytes(len(into))

    def _leave_out(self, file: int, lost: Lost) -> None:
        if (gone := self._contents.all_gone(file)) is not None:
            raise gone from lost
        with self._leaving:
            if file not in self.left_out and none_left(len(self.left_out) + 1, len(self._row.sizes)):
                raise lost.error from lost
            self.left_out.add(file, lost.word, lost.detail)

    def _hash(self, at: int, content: memoryview) -> None:
        """Each byte once, in order. A reader that is ahead pulls the hasher along: the gap closes on the way."""
        with self._hashing:
            if self._digests.upto < at:
                self._hash_on(min(at, self._digests.upto + _CATCH_UP * BLOCK))
            if self._digests.upto == at:
                self._digests.add(content)

    def _hash_on(self, upto: int) -> None:
        buffer = memoryview(bytearray(min(BLOCK, max(0, upto - self._digests.upto))))
        while (at := self._digests.upto) < upto:
            if run := self._holes.run(at):
                self._digests.add(_ZEROS[: min(len(_ZEROS), run, upto - at)])
                continue
            piece = buffer[: min(BLOCK, upto - self._digests.upto)]
            self._content(self._digests.upto, piece)
            self._digests.add(piece)

    def _area(self) -> bytes:
        with self._hashing:
            self._hash_on(self._row.content)
            self._digests.end()
            for file in self._holes.files:  # a hole is not read: that it is one still, the file's date says
                self._read(file, memoryview(bytearray(1)), 0)
            self._check_grown()
            area = self._marked()
            self._given.add(total(area))
            return area

    def _marked(self) -> bytes:
        area = bytearray(self._digests.area)
        self.left_out.mark_in(area)
        return bytes(area)

    def _check_grown(self) -> None:
        """Files that grew meanwhile are read once more: what was sent is what such a file begins with now, all of it
        at one time. One that was rewritten too is left out."""
        for file in tuple(self._contents.grown - self._checked):
            hasher, size = blake3(), self._row.sizes[file]
            buffer = memoryview(bytearray(min(_AGAIN, size)))
            for offset in range(0, size, _AGAIN):
                piece = buffer[: min(_AGAIN, size - offset)]
                self._read(file, piece, offset)
                hasher.update(piece)
            if hasher.digest() != self._digests.area[DIGEST * file : DIGEST * (file + 1)] and file not in self.left_out:
                self._leave_out(file, Lost("rewritten", Changed(self._contents.name(file), GREW)))
            self._checked.add(file)


def _entry(found: Found) -> Entry:
    kind = "folder" if found.folder else "file"
    return Entry(path=found.path, kind=kind, size=found.size, mtime_ns=found.mtime_ns, mode=found.mode)  # type: ignore[arg-type]


def _called(found: Sequence[Found]) -> str:
    """What to call it to a person: the one thing's name, or how many there are."""
    top = [each for each in found if len(each.path) == 1]
    return top[0].path[0] if len(top) == 1 else f"{len(top)} items"


def _the_same(was: Manifest, found: Sequence[Found], left_out: LeftOut) -> list[Found]:
    """What lies there now of each entry. What is gone is left out, while anything is there of the rest."""
    now = {each.path: each for each in found}
    kept, number = [], -1
    for entry in was.entries:
        each, file = now.get(entry.path), entry.kind != "folder"
        number += file
        if each is not None and each.folder == file:
            raise Changed("/".join(entry.path))
        if each is None:
            if file and number not in left_out:
                left_out.add(number, "vanished")
            each = _nothing(entry)
        elif file and (each.size, each.mtime_ns) != (entry.size, entry.mtime_ns) and number not in left_out:
            raise Changed("/".join(entry.path))
        kept.append(each)
    if 0 < number + 1 <= len(left_out):
        raise Changed(was.name, GONE)
    return kept


def _nothing(entry: Entry) -> Found:
    """It was there in an earlier run."""
    return Found(entry.path, "", entry.kind == "folder", entry.size or 0, entry.mtime_ns, entry.mode, 0, 0)
