"""Where the content of a transfer lies while it arrives: a file for each entry, in a hidden folder beside the target.

The folder, `.burrow-….part`, is one that we made ourselves and nobody else may enter, so no link that lies in the
target is ever followed. What is there, and whether it is right, is staging.py's. Spec: docs/spec/staging.md.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Set
from pathlib import Path

from burrowspace.client.files.spelling import native
from burrowspace.core.errors import Damaged
from burrowspace.core.holes import Holes
from burrowspace.core.manifest import Entry, Manifest
from burrowspace.core.names import ANYWHERE, Keeps, safe_name, safe_paths
from burrowspace.core.pack import Row
from burrowspace.core.sealing import BLOCK
from burrowspace.system import disk, files
from burrowspace.system.long_paths import reaching

_WRITEBACK = 64 << 20  # bytes after which the disk is asked to begin
_COMMON = range(1, 1 << 31)  # seconds since 1970 that every file system keeps
_FLAGS = os.O_WRONLY | os.O_CREAT | files.NOFOLLOW
_UMASK = os.umask(0o077)
os.umask(_UMASK)


class Places:
    """Makes `part` and the folders in it. Texts lie in `folder`. `part` is None if there are only texts. Offsets are
    bytes of the content. Damaged: the target, or the part folder, is not what it was."""

    def __init__(self, folder: Path, manifest: Manifest, row: Row, part: Path | None, keeps: Keeps = ANYWHERE) -> None:
        self._row, self._entries = row, tuple(manifest.files)
        self._holes = Holes(manifest.holes or (), row.starts)
        self._places: list[str] = []  # of each file or text
        self._folders: list[tuple[str, Entry]] = []
        self._current: tuple[int, int] | None = None  # the file that is half written, and its descriptor
        self._dirty = 0
        disk = [entry for entry in manifest.entries if entry.kind != "text"]
        paths = iter(safe_paths(((entry.path, entry.kind == "folder") for entry in disk), keeps))
        folders: set[tuple[str, ...]] = set()
        written: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.renamed: list[tuple[str, str]] = []  # as offered, as written
        self.undated: list[str] = []  # whose date this disk cannot keep
        for number, entry in enumerate(manifest.entries):
            if entry.kind == "text":
                self._places.append(os.fspath(_text_place(folder, number)))
                continue
            parts = next(paths)
            if parts != (*written.get(entry.path[:-1], entry.path[:-1]), entry.path[-1]):  # what lies in it follows
                self.renamed.append(("/".join(entry.path), "/".join(parts)))
            if entry.kind == "folder":
                written[entry.path] = parts
            place = reaching(os.path.join(os.fspath(part or ""), *map(native, parts)))  # noqa: PTH118  # a million, and quick
            if entry.kind == "folder":
                self._folders.append((place, entry))
                folders.add(parts)
            else:
                self._places.append(place)
                folders.add(parts[:-1])
        if part is not None:
            make_part(part)
            made: set[tuple[str, ...]] = set()
            for parts in sorted(folders, key=len):
                for depth in range(1, len(parts) + 1):
                    if parts[:depth] not in made:
                        made.add(parts[:depth])
                        folder_place = reaching(os.path.join(os.fspath(part), *map(native, parts[:depth])))  # noqa: PTH118
                        Path(folder_place).mkdir(mode=0o700, exist_ok=True)

    def write(self, at: int, content: memoryview) -> None:
        for file, offset, begin, end in self._row.pieces(at, at + len(content)):
            if end - begin == self._row.sizes[file] and self._current is None and file not in self._holes.files:
                self._write_whole(file, content[begin:end])
                continue
            handle = self._handle(file)
            if file in self._holes.files:
                self._write_around(file, handle, content[begin:end], offset)
            else:
                files.write_all(handle, content[begin:end], offset)
            self._dirty += end - begin
            if self._dirty >= _WRITEBACK:
                self._dirty = 0
                disk.begin_writing(handle)
            if offset + end - begin == self._row.sizes[file]:
                self._complete(file, handle)

    def skip(self, at: int, upto: int) -> None:
        """Leaves a hole. What lies in its place from before a kill goes."""
        for file, offset, begin, end in self._row.pieces(at, upto):
            handle, size = self._handle(file), offset + end - begin
            os.ftruncate(handle, offset)
            os.ftruncate(handle, size)
            if size == self._row.sizes[file]:
                self._complete(file, handle)

    def read(self, at: int, into: memoryview) -> None:
        """EOFError, OSError: not all of it is there."""
        for file, offset, begin, end in self._row.pieces(at, at + len(into)):
            into[begin:end] = read_at(self._places[file], offset, end - begin)

    def read_stream(self, at: int, end: bool) -> memoryview:
        """A block of the only file, whose size is not known; with `end` its last one, which is shorter."""
        there = Path(self._places[0]).stat().st_size - at
        return read_at(self._places[0], at, min(there, BLOCK - 1) if end else BLOCK)

    def end_stream(self) -> None:
        """What lies behind the content of the only file, whose size is known now, is cut off."""
        handle = self._handle(0)
        os.ftruncate(handle, self._row.content)
        self._complete(0, handle)

    def finish(self, without: Set[int] = frozenset()) -> list[str]:
        """The folders get their modes and times, now that nothing is written into them: the part folder's files, but
        for those that were removed."""
        for folder, entry in reversed(self._folders):
            Path(folder).chmod((entry.mode & 0o777 | 0o700) & ~_UMASK)
            self._date(folder, entry)
        pairs = enumerate(zip(self._places, self._entries, strict=True))
        return [place for file, (place, entry) in pairs if entry.kind == "file" and file not in without]

    def remove(self, file: int) -> None:
        """What came of it."""
        Path(self._places[file]).unlink(missing_ok=True)

    def close(self) -> None:
        if self._current is not None:
            os.close(self._current[1])
            self._current = None

    def _write_around(self, file: int, handle: int, data: memoryview, offset: int) -> None:
        """Leaves holes out, where they hold zeros indeed."""
        start = self._row.starts[file] + offset
        for begin, end, hole in self._holes.split(start, start + len(data)):
            piece = data[begin - start : end - start]
            if hole and bytes(piece) == bytes(len(piece)):
                os.ftruncate(handle, offset + begin - start)
                os.ftruncate(handle, offset + end - start)
            else:
                files.write_all(handle, piece, offset + begin - start)

    def _write_whole(self, file: int, data: memoryview) -> None:
        place, entry = self._places[file], self._entries[file]
        mode = entry.mode & 0o777 | 0o400
        try:
            handle = files.open_file(place, _FLAGS | os.O_TRUNC, mode)
        except PermissionError:  # a read-only one of before a kill
            Path(place).chmod(0o600)
            Path(place).unlink()
            handle = files.open_file(place, _FLAGS | os.O_TRUNC, mode)
        try:
            files.write_all(handle, data, 0)
        except BaseException:
            os.close(handle)
            raise
        files.close_as(handle, place, lambda written: self._date(written, entry))

    def _handle(self, file: int) -> int:
        if self._current is not None and self._current[0] == file:
            return self._current[1]
        self.close()
        place = self._places[file]
        try:
            handle = files.open_file(place, _FLAGS, 0o600)
        except PermissionError:
            Path(place).chmod(0o600)
            handle = files.open_file(place, _FLAGS, 0o600)
        self._current = (file, handle)
        return handle

    def _complete(self, file: int, handle: int) -> None:
        entry = self._entries[file]
        self._current = None
        mode = (entry.mode & 0o777 | 0o400) & ~_UMASK
        files.close_as(handle, self._places[file], lambda written: self._date(written, entry), mode)

    def _date(self, file: int | str, entry: Entry) -> None:
        """The time of change, where the disk can keep it: what it cannot stops nothing."""
        seconds = entry.mtime_ns // 10**9
        try:
            os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))
            kept = seconds in _COMMON or _kept(file, seconds)
        except (OSError, OverflowError, ValueError):
            kept = False
        if not kept:
            self.undated.append("/".join(entry.path))


def _kept(file: int | str, seconds: int) -> bool:
    """Some disks change a date silently."""
    return int((os.fstat(file) if isinstance(file, int) else Path(file).stat()).st_mtime) == seconds


def texts(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Those that lie in `folder`."""
    for number, entry in enumerate(manifest.entries):
        if entry.kind == "text":
            with contextlib.suppress(FileNotFoundError):  # it was left out
                yield _text_place(folder, number).read_bytes().decode(errors="replace")


def _text_place(folder: Path, number: int) -> Path:
    return folder / f"text-{number}"


def make_part(part: Path) -> None:
    """The hidden folder, ours alone. Damaged: its parent is gone, or what lies there is not ours."""
    if not part.parent.is_dir():
        name = safe_name(part.parent.name)
        raise Damaged(f"the folder to receive into, {name}, is gone; bring it back, or receive it again")
    with contextlib.suppress(FileExistsError):
        part.mkdir(mode=0o700)
    seen = part.lstat()
    if not stat.S_ISDIR(seen.st_mode) or not files.is_ours(seen):
        raise Damaged("the folder of the unfinished files is not the one that was made; receive it again")


def store(path: Path, data: memoryview, offset: int) -> None:
    handle = files.open_file(path, _FLAGS, 0o600)
    try:
        files.write_all(handle, data, offset)
    finally:
        os.close(handle)


def read_at(path: str | Path, offset: int, size: int) -> memoryview:
    """EOFError: the file has not so much. OSError: it is not there, or it is a link."""
    handle = files.open_file(path, os.O_RDONLY | files.NOFOLLOW)
    try:
        into = memoryview(bytearray(size))
        done = 0
        while done < size:
            got = files.read_into(handle, into[done:], offset + done)
            if not got:
                raise EOFError
            done += got
        return into
    finally:
        os.close(handle)
