"""One running upload, writing into the spool: from the first byte to the answer. Made by Uploads.begin.

An asynchronous context: however it is left, the next upload is let in; what arrived stays or goes as the protocol says.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import structlog

from burrowspace.core.errors import BadRequest, BurrowError, Damaged, NoSpace, TooLarge, WrongChecksum
from burrowspace.core.records import Transfer, Upload
from burrowspace.core.upload import Write, is_done
from burrowspace.core.upload_answers import Answer, Style, lifetime, written
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.lane import Lane

log = structlog.get_logger("uploads")


class Keeper(Protocol):
    """Whoever made the writer and keeps its row: Uploads."""

    async def reserve_more(self, writer: "UploadWriter", beside: int = 0) -> None:
        """More for an upload that runs and has taken what was reserved; `beside` bytes lie beside its lane. NoSpace."""

    async def progress(self, upload: Upload, size: int) -> None:
        """Writes down how far it is."""

    async def complete(self, writer: "UploadWriter", name: str | None) -> Transfer:
        """All bytes are here: they are made durable, then the transfer is complete, then everybody is told."""

    async def end(self, writer: "UploadWriter", *, complete: bool, keeps: bool) -> None:
        """Lets the next upload in; what was not kept leaves nothing behind."""


class UploadWriter:
    """Whoever moves the bytes calls `take`, or tells the lane itself; then `ended`."""

    def __init__(self, keeper: Keeper, context: DriverContext, write: Write, transfer_id: str) -> None:
        self._keeper, self._context, self.write, self.transfer_id = keeper, context, write, transfer_id
        self.lane: Lane = None  # type: ignore[assignment]  # set by Uploads.begin before anybody sees this
        self.upload: Upload = None  # type: ignore[assignment]
        self.closed = asyncio.Event()
        self.ready = False  # the lane and the row are there
        self.wants = 0  # bytes that are about to be reserved for it
        self._growing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[object] | None = None
        self._stopped: BurrowError | None = None
        self._complete = False
        self._keeps = write.keeps
        self.received: Callable[[], int] | None = None  # bytes of the body so far, where more come than lie here yet

    # Bytes

    async def take(self, data: bytes) -> None:
        """Appends. TooLarge past what was declared; NoSpace past the quotas."""
        self.check()
        end = self.lane.size + len(data)
        if end - self.write.at > self.write.at_most:
            raise TooLarge(f"the body goes beyond the {self.write.at_most} bytes that were announced")
        await self.lane.append(data, self._context.settings.follow_wait_s)

    def grow(self) -> None:
        """The lane is out of what was reserved: more is, or the upload ends with why not. What arrived is kept."""
        self._growing = asyncio.get_running_loop().create_task(self._grow())

    async def _grow(self) -> None:
        try:
            await self._keeper.reserve_more(self)
        except BurrowError as error:
            await self.stop(error)
        except Exception as error:
            log.error("no more could be reserved for an upload", error=repr(error), exc_info=error)
            await self.stop(NoSpace("the server could not reserve room for this; go on later"))

    async def take_verified(self, checksum: tuple[str, bytes], body: AsyncIterator[bytes]) -> None:
        """Appends a whole body with this checksum (its algorithm, its value). Until it is verified it lies
        aside: no follower may see what is then taken back."""
        spool, aside = self._context.spool, self.transfer_id + "-part"
        digest, size = hashlib.new(checksum[0], usedforsecurity=False), 0
        try:
            await spool.begin(aside)
            async for piece in body:
                digest.update(piece)
                await self._set_aside(size + len(piece))
                size = await spool.append(aside, size, piece)
            if digest.digest() != checksum[1]:
                raise WrongChecksum("the body is not what its checksum says; send it again")
            async for piece in spool.read(aside):
                await self.take(piece)
        finally:
            await spool.drop(aside)

    async def _set_aside(self, size: int) -> None:
        """Room for `size` bytes that lie beside the lane until it takes them. NoSpace."""
        ledger = self.lane.ledger
        if ledger.reserved is not None and ledger.rest + 2 * size > ledger.reserved:
            await self._keeper.reserve_more(self, 2 * size)

    @property
    def rest(self) -> int:
        """Bytes of it that lie here."""
        return 0 if self.lane is None else self.lane.ledger.rest

    @property
    def percent(self) -> float:
        """How much of what was announced is here, 0 to 99; 0 where nothing was announced."""
        if not self.ready:
            return 0.0
        came = self.lane.size - self.write.at
        if self.received is not None:
            came = max(came, self.received())
        length = self.upload.length
        here, whole = (came, self.write.exactly) if length is None else (self.write.at + came, length)
        return float(min(99, 100 * here // whole)) if whole else 0.0

    @property
    def promised(self) -> int:
        """Bytes that may still come on the disk for it."""
        if not self.ready:
            return self.wants
        return max(0, max(self.wants, self.upload.reserved) - self.lane.ledger.rest)

    async def ended(self, name: str | None = None) -> Answer:
        """The body came to its end: the upload is complete, or what arrived waits for the rest."""
        size, write = self.lane.size, self.write
        if write.exactly is not None and write.style is not Style.FORM and size != write.at + write.exactly:
            raise BadRequest("the body ended before its length")
        done = is_done(write, size, self.upload.length)
        if done and self.upload.length not in (None, size):
            raise BadRequest(f"the upload is complete at {size} bytes, and {self.upload.length} were declared")
        told = {"status": "completed", "transfer_id": self.transfer_id, "filename": self.upload.filename or ""}
        if done:
            told["filename"] = (await self._finish(name)).filename
        else:
            await self._keeper.progress(self.upload, size)
        location = self.transfer_id if write.fresh else None  # beside this one, whatever path a proxy puts in front
        settings, now = self._context.settings, self._context.now()
        life = lifetime(None if done else self.upload.expires_at, now, settings.max_file_bytes)
        return written(write.style, size, done, told, location, life)

    async def _finish(self, name: str | None) -> Transfer:
        try:
            done = await self._keeper.complete(self, name)
        except (Damaged, OSError):
            self.write_off()
            raise
        return done

    def committed(self) -> None:
        """The upload is complete, whatever comes now: its sender will be told so."""
        self._complete = True
        self.lane.finish()

    def write_off(self) -> None:
        """What is here cannot be trusted, or is not wanted: it goes when the writer is closed."""
        self._keeps = False

    # The spool, for whoever moves the bytes without Python

    async def descriptor(self) -> int | None:
        """The file that takes the bytes, open: the caller closes it. None: this spool has none."""
        return await self._context.spool.descriptor(self.transfer_id)

    async def give_back(self) -> None:
        """The disk gets back what followers have taken and nobody needs."""
        await self._context.spool.give_back(self.transfer_id, self.lane.ledger.given)

    def held(self) -> AsyncIterator[bytes]:
        """What lies here, in pieces."""
        return self._context.spool.read(self.transfer_id)

    async def cut(self, size: int) -> None:
        """Keeps the first `size` bytes."""
        await self._context.spool.cut(self.transfer_id, size)
        self.lane.cut(size)

    # Being stopped

    async def stop(self, why: BurrowError, *, keep: bool = True) -> None:
        """Ends the upload with that error and waits until nothing of it runs; not for itself, where it is called by
        the very task that uploads: that one learns it from its next `take`."""
        if self._stopped is None and not self.closed.is_set():
            self._stopped = why
            if not keep:
                self.write_off()
            if self._task is not None and self._task is not asyncio.current_task() and not self._complete:
                self._task.cancel()
        if self._task is not asyncio.current_task():
            await self.closed.wait()

    def check(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def __aenter__(self) -> "UploadWriter":
        if self._stopped is not None:
            await self._keeper.end(self, complete=False, keeps=self._keeps)
            self.closed.set()
            raise self._stopped
        self._task = asyncio.current_task()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._stopped is not None and kind is asyncio.CancelledError and self._task is not None:
            self._task.uncancel()
        try:
            await self._keeper.end(self, complete=self._complete, keeps=self._keeps)
        finally:
            self.closed.set()
        if self._stopped is not None and kind is asyncio.CancelledError:
            raise self._stopped from None
