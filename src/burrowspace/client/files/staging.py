"""Where a receiver writes: beside the target, in order, checked as it goes, and put in place only when all is verified.

A staging keeps a folder of its own for what it must know after a kill: `landing.json`, `manifest`, `digests`, `blocks`.
Where the files lie meanwhile: placing.py. Spec: docs/spec/staging.md.
"""

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from burrowspace.client.errors import Mismatch
from burrowspace.client.files.blocks import Blocks
from burrowspace.client.files.keeping import keeps
from burrowspace.client.files.moving import move_into, sync_all
from burrowspace.client.files.placing import Places, make_part, read_at, store, texts
from burrowspace.client.files.plan import Plan, read_plan, write_plan
from burrowspace.client.files.space import make_sure_of_room
from burrowspace.client.files.sparse import keeps_holes
from burrowspace.client.files.spelling import lying_at, native, told, written_down
from burrowspace.core.consent import WINDOW
from burrowspace.core.errors import BadRequest, BurrowError, Damaged, NoSpace, TooLarge, WrongState
from burrowspace.core.holes import Holes
from burrowspace.core.layout import MANIFEST_BYTES, blocks_of
from burrowspace.core.left_out import compare
from burrowspace.core.manifest import Manifest, parse
from burrowspace.core.names import safe_name, safe_path
from burrowspace.core.notes import Note, note
from burrowspace.core.pack import DIGEST, UNKNOWN, Digests, Row, total
from burrowspace.core.sealing import BLOCK
from burrowspace.faults import is_full, why
from burrowspace.system.long_paths import BEYOND, reaching

_ZEROS = memoryview(bytes(16 * BLOCK))
_BATCH = 256  # blocks of a hole that are passed over at once
_HOLE = b"\0"  # the fingerprint of a block that did not travel: it is as short as none of a sealed one
Check = Callable[[int, int, bool, memoryview, bytes], bool]  # BlockKey.check: file, index, end, plain, fingerprint


class Staging:
    """`begin` or `reopen` one, `take` blocks, `accept` when `manifest` is there, `finish` when `complete`.

    All calls may come from any thread; they block. `held`: contiguous positions that are written. `texts` and `landed`:
    what `finish` gave (texts to show, paths that were made).
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
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
        self._places: Places | None = None  # once it is accepted
        self._holes = Holes((), ())

    @classmethod
    def begin(cls, folder: Path, manifest_size: int, pack_size: int | None) -> "Staging":
        """A new one; `folder` is its own and is there. Sizes as offered: bytes of plaintext, None if not known."""
        if not 0 < manifest_size <= MANIFEST_BYTES:
            raise TooLarge("the list of files is longer than this program takes")
        if pack_size is not None and not 0 <= pack_size < UNKNOWN:
            raise BadRequest("the size that is offered cannot be")
        plan = Plan(manifest_size=manifest_size, pack_size=pack_size)
        write_plan(folder, plan)
        return cls(folder, plan)

    @classmethod
    def reopen(cls, folder: Path, check: Check) -> "Staging":
        """One that was begun before: reads what lies there again, hashes it, and holds what is what was sealed.

        It takes as long as reading takes. WrongState: nothing was begun here. What is not there is not held.
        """
        plan = read_plan(folder)
        if plan is None:
            raise WrongState("there is nothing to go on with; receive it again", "new")
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
    def renamed(self) -> list[tuple[str, str]]:
        """Paths that cannot be written as they were offered, and what they become; known once it is accepted."""
        return [] if self._places is None else self._places.renamed

    @property
    def undated(self) -> list[str]:
        """Paths as offered whose date this disk cannot keep."""
        return [] if self._places is None else self._places.undated

    @property
    def lost(self) -> list[Note]:
        """Files that the sender could not send to the end, and why; known once it is finished."""
        files = () if self.manifest is None else self.manifest.files
        return [note(files[file].path, why) for file, why in self._plan.lost]

    @property
    def lost_bytes(self) -> int:
        """Their content."""
        return sum(self._row.sizes[file] for file, _ in self._plan.lost)

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
                part = target / f".burrow-{secrets.token_hex(6)}.part"
                plan.target, plan.part = written_down(target), written_down(part)
                make_part(part)
                try:
                    make_sure_of_room(target, self._sizes(manifest, part))
                except NoSpace:
                    part.rmdir()
                    raise
                plan.keeps = keeps(part)
            self._write(plan)
            self._prepare()
            self._drain()

    def accept_into(self, into: Path | BinaryIO, *, overwrite: bool) -> None:
        """`into`: an open file; a folder; or, if it is one file or folder, the new name that it gets."""
        if not isinstance(into, Path):
            self.accept_stream(into)
            return
        target, name = aimed(self._known(), into)
        self.accept(target, name, overwrite=overwrite)

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
            if self._places is not None:
                self._places.close()
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
            store(self._folder / "manifest", plain, position * BLOCK)
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
            self._skip()
            waiting = self._window.get(self.held)
            if waiting is None:
                return
            end, plain, fingerprint = waiting
            position = self.held
            self._put(position, end, memoryview(plain), fingerprint)
            del self._window[position]

    def _skip(self) -> None:
        """Blocks that lie in holes are here without travelling. Hashing them takes its time; others may look at this
        staging, and give it blocks, between two batches."""
        while self._plan.accepted and self._first <= (position := self.held) and self._positions is not None:
            at = (position - self._first) * BLOCK
            count = min(self._holes.run(at) // BLOCK, self._positions - 1 - position, _BATCH)
            if count < 1:
                return
            if self._sink is None:
                self._placed.skip(at, at + count * BLOCK)
                self._log.write_many(position, count, _HOLE)
            for start in range(0, count * BLOCK, len(_ZEROS)):
                zeros = _ZEROS[: count * BLOCK - start]
                if self._sink is not None:
                    self._sink.write(zeros)
                self._digests.add(zeros)
            for each in range(position, position + count):
                self._window.pop(each, None)
            self.held = position + count
            self._lock.release()
            time.sleep(0)
            self._lock.acquire()

    def _read_manifest(self) -> None:
        data = (self._folder / "manifest").read_bytes()[: self._plan.manifest_size]
        manifest = parse(data)
        files = manifest.files
        if manifest.pack_size != self._plan.pack_size:
            raise BadRequest("the list of files and the size that was offered do not agree")
        self.manifest = manifest
        self._row = Row([UNKNOWN if entry.size is None else entry.size for entry in files])
        self._digests = Digests(self._row)
        self._holes = Holes(manifest.holes or (), self._row.starts)
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
        self._placed.write(at, plain[:inside])
        if inside < len(plain):
            store(self._folder / "digests", plain[inside:], at + inside - self._row.content)

    # where files lie

    def _write(self, plan: Plan) -> None:
        write_plan(self._folder, plan)
        self._plan = plan

    def _sizes(self, manifest: Manifest, part: Path) -> list[int | None]:
        """What each entry takes on the disk, where it can keep holes."""
        sizes = [entry.size for entry in manifest.entries if entry.kind != "folder"]
        if self._holes.of and keeps_holes(part):
            sizes = [size and size - self._holes.of.get(number, 0) for number, size in enumerate(sizes)]
        return [*sizes, *(0 for entry in manifest.entries if entry.kind == "folder")]

    def _prepare(self) -> None:
        part = None if self._plan.part is None else Path(lying_at(self._plan.part))
        self._places = Places(self._folder, self._known(), self._row, part, self._plan.keeps)

    @property
    def _placed(self) -> Places:
        assert self._places is not None, "it was not accepted"
        return self._places

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
            if fingerprint == _HOLE:
                if self._holes.run(index * BLOCK) < BLOCK or bytes(plain) != bytes(BLOCK):
                    break
            elif not check(int(position >= self._first), index, end, plain, fingerprint):
                break
            if position >= self._first:
                self._count((position - self._first) * BLOCK, end, plain)
            self._step(position, end)
        if self.held == self._first and self._plan.accepted:
            self._prepare()
        self._log.cut(self.held)
        with self._lock:
            self._skip()

    def _stored(self, position: int, end: bool) -> memoryview | None:
        """The plaintext of a block as it lies on the disk; None if it is not there."""
        try:
            if position < self._first:
                size = min(BLOCK, self._plan.manifest_size - position * BLOCK)
                return read_at(self._folder / "manifest", position * BLOCK, size)
            at = (position - self._first) * BLOCK
            if self._plan.pack_size is None:
                return self._placed.read_stream(at, end)
            size = min(BLOCK, self._row.size - at)
            plain = memoryview(bytearray(size))
            inside = max(0, min(size, self._row.content - at))
            self._placed.read(at, plain[:inside])
            if inside < size:
                plain[inside:] = read_at(self._folder / "digests", at + inside - self._row.content, size - inside)
            return plain
        except (OSError, EOFError):
            return None

    # the end

    def _verify(self) -> None:
        if not self.complete:
            raise WrongState("not all of it is here yet", "transferring")
        given, lost = self._area, self._compare()
        digest = total(given).hex()
        if self._sink is not None:
            self._plan = msgspec.structs.replace(self._plan, moves=[], digest=digest)
            return
        if self._plan.pack_size is None:
            self._placed.end_stream()
        for file, _ in lost:
            self._placed.remove(file)
        files = self._placed.finish({file for file, _ in lost})
        moves = []
        if self._plan.part is not None and self._plan.target is not None:
            part = Path(lying_at(self._plan.part))
            sync_all(part, files)
            single = self._plan.name
            for top in sorted(told(each.name) for each in part.iterdir()):
                moves.append((top, safe_name(single) if single is not None else top))
        self._write(msgspec.structs.replace(self._plan, moves=moves, digest=digest, lost=lost))

    def _compare(self) -> list[tuple[int, str]]:
        """The files that the sender could not send to the end. Mismatch: others differ, or no other is there."""
        entries = self._known().files
        lost, wrong = compare(self._digests.area, self._area)
        if wrong:
            raise Mismatch(["/".join(safe_path(entries[file].path)) for file in wrong])
        return lost

    def _put_in_place(self) -> bytes:
        plan = self._plan
        assert plan.moves is not None
        if self._sink is None and self.manifest is not None:
            self.texts = tuple(texts(self._folder, self.manifest))
        if plan.part is not None and plan.target is not None:
            part, target = Path(lying_at(plan.part)), Path(lying_at(plan.target))
            landed = []
            for number, (top, wish) in enumerate(plan.moves):
                name, source = native(wish), part / native(top)
                if os.path.lexists(source):
                    name = move_into(source, target, name, overwrite=plan.overwrite)
                    plan.moves[number] = (top, told(name))
                landed.append(target / name)
            self.landed = tuple(landed)
            with contextlib.suppress(FileNotFoundError):
                part.rmdir()
            sync_all(target, [])
            self._write(plan)
        self._log.close()
        return bytes.fromhex(plan.digest)

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # of an output that nobody reads any more
            raise
        except OSError as error:
            if is_full(error):
                raise NoSpace(
                    "the disk is full; what arrived is kept: free some space and go on with `burrow resume`"
                ) from error
            raise Damaged(
                f"the disk refused: {why(error)}; what arrived before is kept: "
                "check the folder, or choose another one with -o"
            ) from error


def aimed(manifest: Manifest, into: Path) -> tuple[Path | None, str | None]:
    """The folder to write into, and the new name of the one thing that comes, if `into` is one. (None, None): only
    texts come."""
    tops = {entry.path[0] for entry in manifest.entries if entry.kind != "text"}
    if not tops:
        return None, None
    if len(tops) == 1 and not into.is_dir():
        return into.parent, told(into.name)
    return into, None


def discard(folder: Path) -> None:
    """Removes what the staging of `folder` wrote beside its target and did not put in place, without opening it."""
    if (plan := read_plan(folder)) is not None:
        _remove(plan)


def _remove(plan: Plan) -> None:
    if plan.part is not None and (part := Path(lying_at(plan.part))).name.startswith(".burrow-"):
        shutil.rmtree(reaching(str(part), BEYOND), ignore_errors=True)
