"""What a sender sends, as numbered blocks of plaintext that can be read any number of times.

A source is files and folders, a text, or standard input. It answers for one position at a time, from several threads at
once; it keeps no place of its own but the one up to which it has hashed. Spec: docs/spec/manifest.md.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3
from msgspec import UNSET

from burrowspace.client.errors import GREW, SHRUNK, Changed
from burrowspace.client.files.pack import DIGEST, UNKNOWN, Digests, Row, total
from burrowspace.client.files.sparse import found_holes
from burrowspace.client.files.walk import Found, walk
from burrowspace.core.errors import BadRequest, Damaged, NoSpace
from burrowspace.core.holes import Holes
from burrowspace.core.layout import Layout, blocks_of
from burrowspace.core.manifest import Entry, Manifest, encode
from burrowspace.core.sealing import BLOCK, Suite
from burrowspace.faults import why
from burrowspace.system import files
from burrowspace.system.disk import room

_OPEN = 32  # files kept open for the next block
_LOOK = 16 << 20  # bytes of a stream between two looks at the room on the disk
FREE = 128 << 20  # bytes of the disk that a stream leaves free
_ZEROS = memoryview(bytes(1 << 20))
_AGAIN = 4 << 20  # bytes of a file that grew, read at once when it is looked at again
_CATCH_UP = 4  # blocks hashed behind a reader for each block that it reads ahead


class Contents(Protocol):
    """The bytes of all files, readable at any place, from any thread."""

    grown: set[int]

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        """Fills `into` from `offset` of a file. Changed: there is not that much, or it is not the same any more. One
        that only became longer is named in `grown`."""

    def name(self, file: int) -> str:
        """What the other side calls it."""

    def close(self) -> None: ...


class Source:
    """Open one with `from_paths`, `from_text` or `from_stream`; close it when the transfer ends.

    What is not sent, or not as it is, stands in the manifest's notes. `digest`: of the whole transfer, once all of it
    was hashed.
    """

    def __init__(self, manifest: Manifest, contents: Contents) -> None:
        self.manifest = manifest
        self.manifest_data = encode(manifest)
        self._contents = contents
        self._stream = contents if isinstance(contents, _Stream) else None
        self._row = Row([UNKNOWN if entry.size is None else entry.size for entry in manifest.files])
        self._digests = Digests(self._row)
        self._holes = Holes(manifest.holes or (), self._row.starts)
        self._hashing = threading.Lock()
        self._checked: set[int] = set()  # grown files that were looked at once more
        self._first = blocks_of(len(self.manifest_data))  # the first position of the pack
        if not self._row.content:
            self._digests.add(memoryview(b""))

    @classmethod
    def from_paths(cls, given: Sequence[str | Path], name: str = "", was: Manifest | None = None) -> "Source":
        """The files and folders of a person. `was`: the manifest of a transfer to go on with; what was added since is
        not sent with it, and what is gone or different is Changed. NotFound, BadRequest: see `walk`.
        """
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
            found = _the_same(was, found)
        return cls(was, _Files([each for each in found if not each.folder]))

    @classmethod
    def from_text(cls, text: str, created_ns: int = 0) -> "Source":
        """A text to show on the other side."""
        data = text.encode()
        entry = Entry(path=("text",), kind="text", size=len(data), mtime_ns=created_ns, mode=0o600)
        return cls(Manifest(entries=(entry,), name="text"), _Bytes(data))

    @classmethod
    def from_stream(
        cls, stream: BinaryIO, name: str = "stdin", created_ns: int = 0, keep: Path | None = None
    ) -> "Source":
        """Standard input or a pipe, its size unknown. What is read of it is kept in a file without a name in the folder
        `keep`, so that a block can be read again for another path or receiver.
        """
        entry = Entry(path=(name,), kind="file", size=None, mtime_ns=created_ns, mode=0o644)
        return cls(Manifest(entries=(entry,), name=name), _Stream(stream, keep))

    @property
    def digest(self) -> bytes | None:
        with self._hashing:
            return total(self._digests.area) if len(self._digests.area) == self._row.digests else None

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
            self._contents.read_into(file, into[begin:end], offset)

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
                self._contents.read_into(file, memoryview(bytearray(1)), 0)
            self._check_grown()
            return bytes(self._digests.area)

    def _check_grown(self) -> None:
        """Files that grew meanwhile are read once more: what was sent is what such a file begins with now, all of it
        at one time. Changed: it was rewritten too."""
        for file in tuple(self._contents.grown - self._checked):
            hasher, size = blake3(), self._row.sizes[file]
            buffer = memoryview(bytearray(min(_AGAIN, size)))
            for offset in range(0, size, _AGAIN):
                piece = buffer[: min(_AGAIN, size - offset)]
                self._contents.read_into(file, piece, offset)
                hasher.update(piece)
            if hasher.digest() != self._digests.area[DIGEST * file : DIGEST * (file + 1)]:
                raise Changed(self._contents.name(file), GREW)
            self._checked.add(file)


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.grown: set[int] = set()

    def name(self, file: int) -> str:
        return "text"

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        into[:] = self._data[offset : offset + len(into)]

    def close(self) -> None:
        pass


class _Opened:
    """A descriptor that closes when its last user lets go: another thread may still read when the cache forgets it."""

    def __init__(self, found: Found) -> None:
        try:
            self.file = files.open_file(found.real, os.O_RDONLY)
        except OSError:
            self.file = -1
            raise Changed("/".join(found.path)) from None

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)


class _Files:
    """The regular files of a manifest. Each is looked at after every read: a write in between is noticed, not sent.

    A file that only grows (a log) is sent as long as it was at the start. `grown`: such files; whether their beginning
    stayed what it was is asked of them at the end.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = found
        self.grown: set[int] = set()
        self._open: OrderedDict[int, _Opened] = OrderedDict()
        self._lock = threading.Lock()

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        found = self._found[file]
        if found.content is not None:
            into[:] = found.content[offset : offset + len(into)]
            return
        whole = len(into) == found.size
        opened = _Opened(found) if whole else self._opened(file, found)
        done = 0
        while done < len(into):
            try:
                got = files.read_into(opened.file, into[done:], offset + done)
            except OSError as error:
                name = "/".join(found.path)
                raise Damaged(f"{name} cannot be read any more: {why(error)}; try again") from error
            if not got:
                raise Changed("/".join(found.path), SHRUNK)
            done += got
        now = os.fstat(opened.file)
        if now.st_size > found.size and now.st_ino == found.inode:
            self.grown.add(file)  # what was there at the start is sent, and looked at once more at the end
        elif now.st_size < found.size:
            raise Changed("/".join(found.path), SHRUNK)
        elif now.st_mtime_ns != found.stamp or now.st_ino != found.inode:
            raise Changed("/".join(found.path))

    def name(self, file: int) -> str:
        return "/".join(self._found[file].path)

    def _opened(self, file: int, found: Found) -> _Opened:
        with self._lock:
            known = self._open.pop(file, None) or _Opened(found)
            self._open[file] = known
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return known

    def close(self) -> None:
        with self._lock:
            self._open.clear()


class _Stream:
    """A stream that is kept as it is read. Only `fetch` reads it, one thread at a time."""

    def __init__(self, stream: BinaryIO, keep: Path | None) -> None:
        self._stream = stream
        import tempfile

        self._folder = keep or Path(tempfile.gettempdir())
        self._kept = tempfile.TemporaryFile(dir=keep, buffering=0)  # noqa: SIM115  # closed by close
        self.grown: set[int] = set()
        self._held = self._looked = 0
        self._ended = False
        self._lock = threading.Lock()

    def name(self, file: int) -> str:
        return "stdin"

    def fetch(self, upto: int) -> tuple[int, bool]:
        """Reads on until `upto` bytes are kept or the stream ends: bytes kept, and whether that is all."""
        with self._lock:
            while self._held < upto and not self._ended:
                self._make_sure_of_room()
                data = self._stream.read(min(BLOCK, upto - self._held))
                self._ended = not data
                view = memoryview(data)
                while view:
                    try:
                        written = files.write_at(self._kept.fileno(), view, self._held)
                    except OSError as error:
                        raise NoSpace(
                            f"what is read from the standard input cannot be kept ({why(error)}); "
                            "free some space, or send a file instead"
                        ) from error
                    self._held += written
                    view = view[written:]
            return self._held, self._ended

    def _make_sure_of_room(self) -> None:
        """The disk is everybody's: some of it stays free."""
        if self._held < self._looked:
            return
        self._looked = self._held + _LOOK
        if room(self._folder).free < FREE + _LOOK:
            raise NoSpace(
                "what comes on the standard input is kept until it has arrived, and the disk has no more room for it; "
                "free some space, or send a file instead"
            )

    def read_into(self, file: int, into: memoryview, offset: int) -> None:
        done = 0
        while done < len(into):
            got = files.read_into(self._kept.fileno(), into[done:], offset + done)
            if not got:
                raise BadRequest("what was kept of the standard input is gone; send it again")
            done += got

    def close(self) -> None:
        self._kept.close()


def _entry(found: Found) -> Entry:
    kind = "folder" if found.folder else "file"
    return Entry(path=found.path, kind=kind, size=found.size, mtime_ns=found.mtime_ns, mode=found.mode)  # type: ignore[arg-type]


def _called(found: Sequence[Found]) -> str:
    """What to call it to a person: the one thing's name, or how many there are."""
    top = [each for each in found if len(each.path) == 1]
    return top[0].path[0] if len(top) == 1 else f"{len(top)} items"


def _the_same(was: Manifest, found: Sequence[Found]) -> list[Found]:
    now = {each.path: each for each in found}
    kept = []
    for entry in was.entries:
        each = now.get(entry.path)
        if each is None or each.folder != (entry.kind == "folder"):
            raise Changed("/".join(entry.path))
        if not each.folder and (each.size, each.mtime_ns) != (entry.size, entry.mtime_ns):
            raise Changed("/".join(entry.path))
        kept.append(each)
    return kept
