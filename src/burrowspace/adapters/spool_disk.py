"""The Spool port on a folder of this machine: one file per key, its size is the offset.

Disk work runs on threads, so a slow disk stalls no socket. Proven by tests/contracts/test_spool.py.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

from burrowspace.core.errors import NoSpace, NotFound, WrongOffset

T = TypeVar("T")
Args = TypeVarTuple("Args")

_KEY = re.compile(r"[0-9a-f]{32}(-[a-z]{1,8})?\Z")
_READ = 256 * 1024  # bytes a reader takes at once
_FULL = {errno.ENOSPC, errno.EDQUOT}


class DiskSpool:
    """Spool over `folder`; keeps `floor_bytes` of its disk free."""

    def __init__(self, folder: Path, *, floor_bytes: int = 0) -> None:
        self._folder = folder
        self._floor = floor_bytes
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="spool")
        self._folder.mkdir(parents=True, exist_ok=True)

    async def size(self, key: str) -> int:
        return await self._run(self._size, self._path(key))

    async def append(self, key: str, offset: int, data: bytes) -> int:
        return await self._run(self._append, self._path(key), offset, data)

    async def sync(self, key: str) -> int:
        return await self._run(self._sync, self._path(key))

    async def cut(self, key: str, size: int) -> None:
        await self._run(self._cut, self._path(key), size)

    async def read(self, key: str, offset: int = 0, limit: int | None = None) -> AsyncIterator[bytes]:
        file = await self._run(self._open, self._path(key))
        left = limit
        try:
            while left is None or left > 0:
                want = _READ if left is None else min(_READ, left)
                piece = await self._run(os.pread, file, want, offset)
                if not piece:
                    return
                yield piece
                offset += len(piece)
                left = None if left is None else left - len(piece)
        finally:
            os.close(file)

    async def drop(self, key: str) -> bool:
        return await self._run(self._drop, self._path(key))

    async def keys(self) -> list[str]:
        return await self._run(lambda: sorted(p.name for p in self._folder.glob("??/*") if _KEY.match(p.name)))

    async def close(self) -> None:
        """Waits for the threads. Nothing that was acknowledged depends on it."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _run(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _path(self, key: str) -> Path:
        """The file of a key. The only place where a key becomes a path, so nothing but our own ids passes."""
        if not _KEY.match(key):
            raise NotFound("no such key")
        return self._folder / key[:2] / key

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            raise NotFound("nothing is stored under this id") from None

    def _append(self, path: Path, offset: int, data: bytes) -> int:
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize - len(data) < self._floor:
            raise NoSpace("the server's disk is full; nothing of this was kept, try again later")
        path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            held = os.fstat(file).st_size
            if held != offset:
                raise WrongOffset(held, offset)
            view = memoryview(data)
            while view:
                written = os.pwrite(file, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            os.ftruncate(file, held)
            if error.errno in _FULL:
                raise NoSpace("the server's disk is full; nothing of this was kept, try again later") from error
            raise
        finally:
            os.close(file)
        return offset

    def _sync(self, path: Path) -> int:
        file = self._open(path)
        try:
            size = os.fstat(file).st_size
            os.fsync(file)
        finally:
            os.close(file)
        for folder in (path.parent, self._folder):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return size

    def _cut(self, path: Path, size: int) -> None:
        if size < self._size(path):
            file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(file, size)
                os.fsync(file)
            finally:
                os.close(file)

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound("nothing is stored under this id") from None

    def _drop(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True
