"""Where a receiver writes: beside the target, in order, checked as it goes, and put in place only when all is verified.

A staging keeps a folder of its own for what it must know after a kill: `landing.json`, `manifest`, `digests`, `blocks`.
It writes the files into a hidden folder in the target, `.burrow-….part`, that it made itself and nobody else may enter,
so no link that lies in the target is ever followed. Spec: docs/spec/landing.md.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from burrowspace.client.errors import Mismatch
from burrowspace.client.files.blocks import Blocks
from burrowspace.client.files.moving import move_into, sync_all, writeback
from burrowspace.client.files.pack import DIGEST, UNKNOWN, Digests, Row, total
from burrowspace.client.files.space import make_sure_of_room
from burrowspace.client.files.writing import write_atomically
from burrowspace.core.consent import WINDOW
from burrowspace.core.errors import BadRequest, BurrowError, Damaged, NoSpace, TooLarge, WrongState
from burrowspace.core.layout import MANIFEST_BYTES, blocks_of
from burrowspace.core.manifest import Entry, Manifest, parse
from burrowspace.core.names import safe_name, safe_path, safe_paths
from burrowspace.core.sealing import BLOCK

_WRITEBACK = 64 << 20  # bytes after which the disk is asked to begin
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_UMASK = os.umask(0o077)
os.umask(_UMASK)

Check = Callable[[int, int, bool, memoryview, bytes], bool]  # BlockKey.check: file, index, end, plain, fingerprint


class _Plan(msgspec.Struct, kw_only=True):
    """What is written down of a staging; sizes in bytes."""

    manifest_size: int
    pack_size: int | None
    accepted: bool = False
    target: str | None = None
    part: str | None = None
    name: str | None = None
    overwrite: bool = False
    moves: list[tuple[str, str]] | None = None  # once verified: name in the part folder, name in the target
    digest: str = ""


class Staging:
    """`begin` or `reopen` one, `take` blocks, `accept` when `manifest` is there, `finish` when `complete`.

    All calls may come from any thread; they block. `held`: contiguous positions that are written. `texts` and `landed`:
    what `finish` gave (texts to show, paths that were made).
    """

    def __init__(self, folder: Path, plan: _Plan) -> None:
        self.held = 0
        self.manifest: Manifest | None = None
        self.texts: tuple[str, ...] = ()
        self.landed: tuple[Path, ...] = ()
        self._folder = folder
        self._plan = plan
        self._lock = threading.RLock()
        self._log = Blocks(folder / "blocks")
        self._first = blocks_of(plan.manifest_size)  # the first position of the pack
        self._positions = None if plan.pack_size is None else self._first + blocks_of(plan.pack_size)
        self._window: dict[int, tuple[bool, bytes, bytes]] = {}
        self._row = Row([])
        self._digests = Digests(self._row)
        self._area = bytearray()  # the digests that the sender gives
        self._tail = b""  # of a stream: the last bytes that arrived, content or digest
        self._sink: BinaryIO | None = None
        self._places: list[str] = []  # of each file or text, where it is written
        self._folders: list[tuple[str, Entry]] = []
        self._entries: tuple[Entry, ...] = ()
        self._current: tuple[int, int] | None = None  # the file that is half written, and its descriptor
        self._dirty = 0

    @classmethod
    def begin(cls, folder: Path, manifest_size: int, pack_size: int | None) -> "Staging":
        """A new one; `folder` is its own and is there. Sizes as offered: bytes of plaintext, None if not known."""
        if not 0 < manifest_size <= MANIFEST_BYTES:
            raise TooLarge("the list of files is longer than this program takes")
        if pack_size is not None and not 0 <= pack_size < UNKNOWN:
            raise BadRequest("the size that is offered cannot be")
        plan = _Plan(manifest_size=manifest_size, pack_size=pack_size)
        write_atomically(folder / "landing.json", msgspec.json.encode(plan))
        return cls(folder, plan)

    @classmethod
    def reopen(cls, folder: Path, check: Check) -> "Staging":
        """One that was begun before: reads what lies there again, hashes it, and holds what is what was sealed.

        It takes as long as reading takes. WrongState: nothing was begun here. What is not there is not held.
        """
        try:
            plan = msgspec.json.decode((folder / "landing.json").read_bytes(), type=_Plan)
        except (OSError, msgspec.MsgspecError):
            raise WrongState("there is nothing to go on with; receive it again", "new") from None
        staging = cls(folder, plan)
        with staging._mapped():
            staging._go_on(check)
        return staging

    @property
    def positions(self) -> int | None:
        """Blocks of the whole transfer; None until a stream has ended."""
        return self._positions

    @property
    def here(self) -> int:
        """Positions in a row that have come: held, or waiting in memory for the person's yes."""
        with self._lock:
            here = self.held
            while here in self._window:
                here += 1
            return here

    @property
    def complete(self) -> bool:
        return self.held == self._positions

    @property
    def accepted(self) -> bool:
        return self._plan.accepted

    def accept(self, target: Path | None, name: str | None = None, *, overwrite: bool = False) -> None:
        """Where to: `target` is a folder (made if it is not there), None if there are only texts. `name`: what to call
        it, if it is one file or folder. NoSpace: it does not fit; nothing was made then.
        """
        with self._lock, self._mapped():
            manifest = self._known()
            if self._plan.accepted:
                raise WrongState("it was accepted before", "transferring")
            tops = {entry.path[0] for entry in manifest.entries if entry.kind != "text"}
            if name is not None and len(tops) != 1:
                raise BadRequest(f"{len(tops)} files and folders are offered: one name is not enough for them")
            if target is None and tops:
                raise BadRequest("say which folder to receive into")
            plan = msgspec.structs.replace(self._plan, accepted=True, name=name, overwrite=overwrite)
            if target is not None and tops:
                target.mkdir(parents=True, exist_ok=True)
                target = target.resolve()
                make_sure_of_room(target, (entry.size for entry in manifest.entries))
                plan.target, plan.part = str(target), str(target / f".burrow-{secrets.token_hex(6)}.part")
            self._write(plan)
            self._prepare()
            self._drain()

    def accept_stream(self, into: BinaryIO) -> None:
        """Into an open file instead, in order, if it is one file or text: nothing of it can be gone on with later, and
        the reader has bytes before they are verified as a whole (each block was)."""
        with self._lock:
            if len(self._known().files) != 1 or self._plan.accepted:
                raise BadRequest("only a single file can be written to an output; choose a folder to receive into")
            self._sink = into
            self._plan = msgspec.structs.replace(
                self._plan, accepted=True
            )  # not written down: it ends with the process
            self._drain()

    def take(self, position: int, end: bool, plain: memoryview, fingerprint: bytes) -> bool:
        """One opened block. In order it is written at once; out of order it is copied and waits, up to WINDOW blocks.

        False: it was not kept (held already, or too far ahead). `held` says what is never needed again. NoSpace,
        Damaged: the disk; what was held stays, and the block may be given again.
        """
        with self._lock:
            if position < self.held or position >= self.held + WINDOW:
                return False
            if position in self._window and not (position == self.held and self._plan.accepted):
                return False  # one that is next lies there only after the disk failed: it is tried again
            self._fits(position, end, len(plain))
            if position > self.held or (position >= self._first and not self._plan.accepted):
                self._window[position] = (end, bytes(plain), fingerprint)
                return True
            with self._mapped():
                self._put(position, end, plain, fingerprint)
                self._window.pop(position, None)
                self._drain()
            return True

    def finish(self) -> bytes:
        """Verifies, makes durable, puts in place: the digest of the transfer. May be called again after a kill.

        WrongState: not complete. Mismatch: nothing is in place. Never overwrites, unless `accept` was told to.
        """
        with self._lock, self._mapped():
            if self._plan.moves is None:
                self._verify()
            return self._put_in_place()

    def discard(self) -> None:
        """Removes what was written and is not in place."""
        with self._lock:
            self.close()
            _remove(self._plan)

    def close(self) -> None:
        with self._lock:
            if self._current is not None:
                os.close(self._current[1])
                self._current = None
            self._log.close()

    # one block

    def _fits(self, position: int, end: bool, size: int) -> None:
        if self._positions is not None and position >= self._positions:
            raise BadRequest(f"block {position} lies behind the end")
        if position < self._first:
            last, rest = position == self._first - 1, self._plan.manifest_size % BLOCK
        elif self._plan.pack_size is None:
            last, rest = end, min(size, BLOCK - 1)
        else:
            last, rest = position + 1 == self._positions, self._plan.pack_size % BLOCK
        if end != last or size != (rest if last else BLOCK):
            raise BadRequest(f"block {position} has not the length that was offered")

    def _put(self, position: int, end: bool, plain: memoryview, fingerprint: bytes) -> None:
        """Data, then the journal, then the hash: a failure on the way leaves the block to be given again."""
        if position < self._first:
            self._store("manifest", plain, position * BLOCK)
            self._log.write(position, end, fingerprint)
        else:
            at = (position - self._first) * BLOCK
            if self._sink is None:
                self._write_content(at, plain)
                self._log.write(position, end, fingerprint)
            self._count(at, end, plain, sink=self._sink)
        self._step(position, end)

    def _step(self, position: int, end: bool) -> None:
        self.held = position + 1
        if self.held == self._first:
            self._read_manifest()
        elif end:
            self._positions = self.held

    def _drain(self) -> None:
        while self._plan.accepted or self.held < self._first:
            waiting = self._window.get(self.held)
            if waiting is None:
                return
            end, plain, fingerprint = waiting
            position = self.held
            self._put(position, end, memoryview(plain), fingerprint)
            del self._window[position]

    def _read_manifest(self) -> None:
        data = (self._folder / "manifest").read_bytes()[: self._plan.manifest_size]
        manifest = parse(data)
        files = manifest.files
        if manifest.pack_size != self._plan.pack_size:
            raise BadRequest("the list of files and the size that was offered do not agree")
        self.manifest = manifest
        self._entries = tuple(files)
        self._row = Row([UNKNOWN if entry.size is None else entry.size for entry in files])
        self._digests = Digests(self._row)
        if not self._row.content:
            self._digests.add(memoryview(b""))

    def _known(self) -> Manifest:
        if self.manifest is None:
            raise WrongState("the list of files is not here yet", "waiting")
        return self.manifest

    def _count(self, at: int, end: bool, plain: memoryview, sink: BinaryIO | None = None) -> None:
        """Hashes (and passes on) the content of a block, and keeps what lies behind the content."""
        if self._plan.pack_size is not None:
            inside = max(0, min(len(plain), self._row.content - at))
            pieces, behind = [plain[:inside]], plain[inside:]
            self._area += behind
        else:  # the last bytes may be the digest: they are known to be content when more has come
            if len(plain) < DIGEST:
                joined = memoryview(self._tail + bytes(plain))
                pieces, self._tail = [joined[:-DIGEST]], bytes(joined[-DIGEST:])
            else:
                pieces, self._tail = [memoryview(self._tail), plain[:-DIGEST]], bytes(plain[-DIGEST:])
            if end and at + len(plain) < DIGEST:
                raise BadRequest("the stream ends before its digest")
        for piece in pieces:
            if sink is not None:
                sink.write(piece)
            self._digests.add(piece)
        if end and self._plan.pack_size is None:
            self._row.end(at + len(plain) - DIGEST)
            self._digests.end()
            self._area = bytearray(self._tail)
        if end and sink is not None:
            sink.flush()

    def _write_content(self, at: int, plain: memoryview) -> None:
        inside = max(0, min(len(plain), self._row.content - at))
        for file, offset, begin, end in self._row.pieces(at, at + inside):
            if end - begin == self._row.sizes[file] and self._current is None:
                self._write_whole(file, plain[begin:end])
                continue
            handle = self._handle(file)
            _write_at(handle, plain[begin:end], offset)
            self._dirty += end - begin
            if self._dirty >= _WRITEBACK:
                self._dirty = 0
                writeback(handle)
            if offset + end - begin == self._row.sizes[file]:
                self._complete(file, handle)
        if inside < len(plain):
            self._store("digests", plain[inside:], at + inside - self._row.content)

    def _write_whole(self, file: int, data: memoryview) -> None:
        place, entry = self._places[file], self._entries[file]
        mode = entry.mode & 0o777 | 0o400
        try:
            handle = os.open(place, _FLAGS | os.O_TRUNC, mode)
        except PermissionError:  # a read-only one of before a kill
            Path(place).unlink()
            handle = os.open(place, _FLAGS | os.O_TRUNC, mode)
        try:
            _write_at(handle, data, 0)
            os.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(handle)

    def _handle(self, file: int) -> int:
        if self._current is not None and self._current[0] == file:
            return self._current[1]
        if self._current is not None:
            os.close(self._current[1])
            self._current = None
        place = self._places[file]
        try:
            handle = os.open(place, _FLAGS, 0o600)
        except PermissionError:
            Path(place).chmod(0o600)
            handle = os.open(place, _FLAGS, 0o600)
        self._current = (file, handle)
        return handle

    def _complete(self, file: int, handle: int) -> None:
        entry = self._entries[file]
        os.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))
        os.fchmod(handle, (entry.mode & 0o777 | 0o400) & ~_UMASK)
        os.close(handle)
        self._current = None

    def _store(self, name: str, data: memoryview, offset: int) -> None:
        handle = os.open(self._folder / name, _FLAGS, 0o600)
        try:
            _write_at(handle, data, offset)
        finally:
            os.close(handle)

    # where files lie

    def _write(self, plan: _Plan) -> None:
        write_atomically(self._folder / "landing.json", msgspec.json.encode(plan))
        self._plan = plan

    def _prepare(self) -> None:
        """The part folder and the folders in it; for each file its place."""
        manifest = self._known()
        part = None if self._plan.part is None else Path(self._plan.part)
        disk = [entry for entry in manifest.entries if entry.kind != "text"]
        paths = iter(safe_paths((entry.path, entry.kind == "folder") for entry in disk))
        self._places, self._folders, folders = [], [], set()
        for number, entry in enumerate(manifest.entries):
            if entry.kind == "text":
                self._places.append(self._text_place(number))
                continue
            parts = next(paths)
            place = os.path.join(os.fspath(part or ""), *parts)  # noqa: PTH118  # a million of them, and quick
            if entry.kind == "folder":
                self._folders.append((place, entry))
                folders.add(parts)
            else:
                self._places.append(place)
                folders.add(parts[:-1])
        if part is None:
            return
        if not part.parent.is_dir():
            name = safe_name(part.parent.name)
            raise Damaged(f"the folder to receive into, {name}, is gone; bring it back, or receive it again")
        with contextlib.suppress(FileExistsError):
            part.mkdir(mode=0o700)
        seen = part.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
            raise Damaged("the folder of the unfinished files is not the one that was made; receive it again")
        for parts in sorted(folders, key=len):
            part.joinpath(*parts).mkdir(mode=0o700, parents=True, exist_ok=True)

    # going on

    def _go_on(self, check: Check) -> None:
        if self._plan.moves is not None:
            self._positions = self.held = self._positions or self._log.count()
            with contextlib.suppress(OSError, BurrowError):
                self._read_manifest()
            return
        for position, end, fingerprint in self._log.read():
            if position == self._first:
                if not self._plan.accepted:
                    break
                self._prepare()
            plain = self._stored(position, end)
            if plain is None:
                break
            index = position if position < self._first else position - self._first
            if not check(int(position >= self._first), index, end, plain, fingerprint):
                break
            if position >= self._first:
                self._count((position - self._first) * BLOCK, end, plain)
            self._step(position, end)
        if self.held == self._first and self._plan.accepted:
            self._prepare()
        self._log.cut(self.held)

    def _text_place(self, number: int) -> str:
        return os.fspath(self._folder / f"text-{number}")

    def _stored(self, position: int, end: bool) -> memoryview | None:
        """The plaintext of a block as it lies on the disk; None if it is not there."""
        try:
            if position < self._first:
                size = min(BLOCK, self._plan.manifest_size - position * BLOCK)
                return _read_at(self._folder / "manifest", position * BLOCK, size)
            at = (position - self._first) * BLOCK
            if self._plan.pack_size is None:
                there = Path(self._places[0]).stat().st_size - at
                return _read_at(self._places[0], at, min(there, BLOCK - 1) if end else BLOCK)
            size = min(BLOCK, self._row.size - at)
            plain = memoryview(bytearray(size))
            inside = max(0, min(size, self._row.content - at))
            for file, offset, begin, stop in self._row.pieces(at, at + inside):
                plain[begin:stop] = _read_at(self._places[file], offset, stop - begin)
            if inside < size:
                plain[inside:] = _read_at(self._folder / "digests", at + inside - self._row.content, size - inside)
            return plain
        except (OSError, EOFError):
            return None

    # the end

    def _verify(self) -> None:
        if not self.complete:
            raise WrongState("not all of it is here yet", "transferring")
        got, told = self._digests.area, self._area
        if got != told:
            wrong = [
                "/".join(safe_path(entry.path))
                for at, entry in zip(range(0, len(told), DIGEST), self._entries, strict=False)
                if got[at : at + DIGEST] != told[at : at + DIGEST]
            ]
            raise Mismatch(wrong)
        digest = total(told).hex()
        if self._sink is not None:
            self._plan = msgspec.structs.replace(self._plan, moves=[], digest=digest)
            return
        if self._plan.pack_size is None:
            handle = self._handle(0)
            os.ftruncate(handle, self._row.content)
            self._complete(0, handle)
        for folder, entry in reversed(self._folders):
            Path(folder).chmod((entry.mode & 0o777 | 0o700) & ~_UMASK)
            os.utime(folder, ns=(entry.mtime_ns, entry.mtime_ns))
        moves = []
        if self._plan.part is not None and self._plan.target is not None:
            part = Path(self._plan.part)
            pairs = zip(self._places, self._entries, strict=True)
            sync_all(part, [place for place, entry in pairs if entry.kind == "file"])
            single = self._plan.name
            for top in sorted(each.name for each in part.iterdir()):
                moves.append((top, safe_name(single) if single is not None else top))
        self._write(msgspec.structs.replace(self._plan, moves=moves, digest=digest))

    def _put_in_place(self) -> bytes:
        plan = self._plan
        assert plan.moves is not None
        self.texts = tuple(self._texts())
        if plan.part is not None and plan.target is not None:
            part, target = Path(plan.part), Path(plan.target)
            landed = []
            for number, (top, wish) in enumerate(plan.moves):
                name = wish
                if os.path.lexists(part / top):
                    name = move_into(part / top, target, wish, overwrite=plan.overwrite)
                    plan.moves[number] = (top, name)
                landed.append(target / name)
            self.landed = tuple(landed)
            with contextlib.suppress(FileNotFoundError):
                part.rmdir()
            sync_all(target, [])
            self._write(plan)
        self._log.close()
        return bytes.fromhex(plan.digest)

    def _texts(self) -> Iterator[str]:
        for number, entry in enumerate(self.manifest.entries if self.manifest else ()):
            if entry.kind == "text" and self._sink is None:
                yield Path(self._text_place(number)).read_bytes().decode(errors="replace")

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # of an output that nobody reads any more
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise NoSpace(
                    "the disk is full; what arrived is kept: free some space and go on with `burrow resume`"
                ) from error
            raise Damaged(
                f"the disk refused: {(error.strerror or 'error').lower()}; what arrived before is kept"
            ) from error


def discard(folder: Path) -> None:
    """Removes what the staging of `folder` wrote beside its target and did not put in place, without opening it."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        _remove(msgspec.json.decode((folder / "landing.json").read_bytes(), type=_Plan))


def _remove(plan: _Plan) -> None:
    if plan.part is not None and Path(plan.part).name.startswith(".burrow-"):
        shutil.rmtree(plan.part, ignore_errors=True)


def _write_at(handle: int, data: memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(handle, data, offset)
        offset += written
        data = data[written:]


def _read_at(path: str | Path, offset: int, size: int) -> memoryview:
    """EOFError: the file has not so much. OSError: it is not there, or it is a link."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    try:
        into = memoryview(bytearray(size))
        done = 0
        while done < size:
            got = os.preadv(handle, [into[done:]], offset + done)
            if not got:
                raise EOFError
            done += got
        return into
    finally:
        os.close(handle)
