"""The Spool port on a folder of this machine: one file per key, its size is the offset.

A key that begins at a later block, or has given bytes back, is a file with a hole in front; a small file beside it
(`.at`) says where the hole ends. Disk work runs on threads, so a slow disk stalls no socket. Proven by
tests/contracts/test_spool.py.
"""

import asyncio
import os
import re
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

import structlog

from burrowspace.core.errors import Damaged, NoSpace, NotFound, Unavailable, WrongOffset
from burrowspace.faults import Fault, fault, is_full
from burrowspace.private import private_folder
from burrowspace.system import disk, files

log = structlog.get_logger("spool")

T = TypeVar("T")
Args = TypeVarTuple("Args")

_KEY = re.compile(r"[0-9a-f]{32}(-[a-z]{1,8})?\Z")
_READ = 256 * 1024  # bytes a reader takes at once
_BLOCK = 1 << 16  # holes start and end at multiples of this, whatever the file system's own block is
_WORDS = "the server's disk failed under this file; what was sent may not be kept, start it over"


class DiskSpool:
    """Spool over `folder`; keeps `floor_bytes` of its disk free."""

    def __init__(self, folder: Path, *, floor_bytes: int = 0) -> None:
        self._folder = folder
        self._floor = floor_bytes
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="spool")
        self._poisoned: set[str] = set()
        self._leaving: set[str] = set()  # dropped, and still there because somebody reads them
        self._in_flight = _in_flight()
        self._marking = [threading.Lock() for _ in range(16)]  # a key's mark has one writer at a time
        self._failing: Fault | None = None  # what was said in the log
        private_folder(self._folder)

    async def begin(self, key: str, at: int = 0) -> None:
        await self._run(self._begin, self._path(key), at)

    async def first(self, key: str) -> int:
        return await self._run(self._first, self._known(key))

    async def give_back(self, key: str, upto: int) -> None:
        await self._run(self._give_back_alone, self._known(key), upto)

    async def descriptor(self, key: str) -> int | None:
        return await self._run(self._descriptor, self._known(key))

    async def room(self) -> int:
        return await self._run(self._room)

    async def size(self, key: str) -> int:
        return await self._run(self._size, self._known(key))

    async def append(self, key: str, offset: int, data: bytes) -> int:
        return await self._run(self._append, self._known(key), offset, data)

    async def sync(self, key: str) -> int:
        return await self._run(self._sync, self._known(key))

    async def cut(self, key: str, size: int) -> None:
        await self._run(self._cut, self._known(key), size)

    async def read(self, key: str, offset: int = 0, limit: int | None = None) -> AsyncGenerator[bytes, None]:
        file = await self._run(self._open, self._known(key))
        left = limit
        try:
            while left is None or left > 0:
                want = _READ if left is None else min(_READ, left)
                piece = await self._run(files.read_at, file, want, offset)
                if not piece:
                    return
                yield piece
                offset += len(piece)
                left = None if left is None else left - len(piece)
        finally:
            os.close(file)
            if key in self._leaving:
                self._threads.submit(self._drop, self._path(key))

    async def drop(self, key: str) -> bool:
        return await self._run(self._drop, self._known(key))

    async def keys(self) -> list[str]:
        return await self._run(self._keys)

    async def close(self) -> None:
        """Waits for the threads. Nothing that was acknowledged depends on it."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _run(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """On a thread. Unavailable: the folder or its disk does not work, which the log says once, with the cure."""
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        except OSError as error:
            found = fault(error)
            if self._failing != found:
                self._failing = found
                log.error(
                    "the folder for files does not work", folder=str(self._folder), why=found.words, todo=found.cure
                )
            if is_full(error):
                raise NoSpace("the server's disk is full; try again later") from error
            raise Unavailable(f"the server cannot use its disk ({found.words}); try again later") from error
        if self._failing is not None:
            self._failing = None
            log.info("the folder for files works again")
        return done

    def _path(self, key: str) -> Path:
        """The file of a key. The only place where a key becomes a path, so nothing but our own ids passes."""
        if not _KEY.match(key):
            raise NotFound("no such key")
        return self._folder / key[:2] / key

    def _known(self, key: str) -> Path:
        """The file of a key, unless that was dropped while somebody reads it."""
        if key in self._leaving:
            raise NotFound("nothing is stored under this id")
        return self._path(key)

    def _keys(self) -> list[str]:
        names = (path.name for path in self._folder.glob("??/*"))
        return sorted(name for name in names if _KEY.match(name) and name not in self._leaving)

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            raise NotFound("nothing is stored under this id") from None

    def _room(self) -> int:
        return disk.room(self._folder).free - self._floor

    def _begin(self, path: Path, at: int) -> None:
        self._drop(path)
        self._leaving.discard(path.name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if at:
            _write_mark(path, at)
        file = files.open_file(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, at)
        except OSError as error:
            raise NoSpace("the server cannot hold a file of this size") from error
        finally:
            os.close(file)

    def _first(self, path: Path) -> int:
        size = self._size(path)
        try:
            at = int(_mark(path).read_text() or "0")
        except (FileNotFoundError, ValueError):
            return 0
        return min(at, size)

    def _give_back_alone(self, path: Path, upto: int) -> None:
        with self._marking[hash(path.name) % len(self._marking)]:
            self._give_back(path, upto)

    def _give_back(self, path: Path, upto: int) -> None:
        """The mark first, and on the disk: a crash or a power cut between the two leaves bytes that nobody asks for,
        never a hole that one reads."""
        first = self._first(path)
        if upto <= first:
            return
        _write_mark(path, upto)
        start, stop = (max(0, place - self._in_flight) // _BLOCK * _BLOCK for place in (first, upto))
        if stop > start:
            file = files.open_file(path, os.O_WRONLY)
            try:
                disk.punch(file, start, stop - start)
            finally:
                os.close(file)

    def _descriptor(self, path: Path) -> int:
        self._check(path)
        try:
            return files.open_file(path, os.O_RDWR)
        except FileNotFoundError:
            raise NotFound("nothing is stored under this id") from None

    def _check(self, path: Path) -> None:
        if path.name in self._poisoned:
            raise Damaged(_WORDS)

    def _append(self, path: Path, offset: int, data: bytes) -> int:
        self._check(path)
        if self._room() < len(data):
            raise NoSpace("the server's disk is full; nothing of this was kept, try again later")
        path.parent.mkdir(mode=0o700, exist_ok=True)
        file = files.open_file(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            held = os.fstat(file).st_size
            if held != offset:
                raise WrongOffset(held, offset)
            view = memoryview(data)
            while view:
                written = files.write_at(file, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            os.ftruncate(file, held)
            if is_full(error):
                raise NoSpace("the server's disk is full; nothing of this was kept, try again later") from error
            raise
        finally:
            os.close(file)
        return offset

    def _sync(self, path: Path) -> int:
        self._check(path)
        try:
            file = self._open(path, os.O_RDWR)
            try:
                size = os.fstat(file).st_size
                files.sync(file)
            finally:
                os.close(file)
            for folder in (path.parent, self._folder):
                files.sync_folder(folder)
        except OSError as error:  # the kernel has marked the pages clean: a second fsync would lie
            self._poisoned.add(path.name)
            raise Damaged(_WORDS) from error
        return size

    def _cut(self, path: Path, size: int) -> None:
        if size < self._size(path):
            file = files.open_file(path, os.O_WRONLY)
            try:
                os.ftruncate(file, size)
                files.sync(file)
            finally:
                os.close(file)

    def _open(self, path: Path, flags: int = os.O_RDONLY) -> int:
        try:
            return files.open_file(path, flags)
        except FileNotFoundError:
            raise NotFound("nothing is stored under this id") from None

    def _drop(self, path: Path) -> bool:
        self._poisoned.discard(path.name)
        if files.KEEPS_OPEN_FILES:
            self._leaving.add(path.name)  # first: a reader who closes it just now looks here
        try:
            path.unlink()
        except FileNotFoundError:
            self._leaving.discard(path.name)
            return False
        except PermissionError:
            if not files.KEEPS_OPEN_FILES:
                raise
            return True  # somebody reads it: it goes behind the last of them, or at the next start
        self._leaving.discard(path.name)
        _mark(path).unlink(missing_ok=True)
        _mark(path).with_suffix(".new").unlink(missing_ok=True)
        return True


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".at")


def _write_mark(path: Path, at: int) -> None:
    """Whole or not at all, and there after a power cut."""
    fresh = _mark(path).with_suffix(".new")
    with os.fdopen(files.open_file(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(str(at))
        file.flush()
        files.sync(file.fileno())
    files.replace(fresh, _mark(path))
    files.sync_folder(path.parent)


def _in_flight() -> int:
    """Bytes that sockets may still hold of what was sent. `sendfile` queues the file's own pages, and a hole punched
    into part of a large folio zeroes them there: a receiver would get zeros. So holes stay this far behind."""
    try:
        limits = [Path(f"/proc/sys/net/ipv4/tcp_{way}mem").read_text().split()[2] for way in ("w", "r")]
    except (OSError, IndexError):
        return 64 << 20
    return max(16 << 20, sum(map(int, limits)))
