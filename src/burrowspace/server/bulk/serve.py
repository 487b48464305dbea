"""What becomes of a bulk request: decided on the main loop, moved by a mover, answered on the main loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

import structlog

from burrowspace.config import Settings
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.networks import counted, neighbourhood
from burrowspace.core.upload import Asked, Forget, Write
from burrowspace.core.upload_answers import INTEROP, Answer, Style, lifetime
from burrowspace.server.bulk import form
from burrowspace.server.bulk.flows import Receive, Send
from burrowspace.server.bulk.job import BIG, Connection, Job
from burrowspace.server.bulk.mover import Flow, Mover
from burrowspace.server.bulk.taken import Taken
from burrowspace.server.door import cors, foreign
from burrowspace.server.driver.claims import Claim
from burrowspace.server.driver.downloads import Source
from burrowspace.server.driver.driver import Driver
from burrowspace.server.driver.place import Place
from burrowspace.server.driver.tokens import Tokenless, Voice
from burrowspace.server.heads import bearer
from burrowspace.server.intake import take_body
from burrowspace.server.multipart import read_form
from burrowspace.server.reach import Reach

log = structlog.get_logger("bulk")


_TELL_S = 1.0  # seconds between two words about an upload's progress


class Bulk:
    """One per process: the movers, and what a job needs."""

    def __init__(self, settings: Settings, driver: Driver, reach: Reach) -> None:
        self.settings, self._driver, self._reach = settings, driver, reach
        count = settings.bulk_threads if sys.platform == "linux" else 0
        limits = settings.stall_s, settings.min_bytes_per_s, settings.follow_wait_s
        self.movers = [Mover(f"bulk-{number}", *limits) for number in range(count)]
        self._jobs: set[asyncio.Task[None]] = set()
        for mover in self.movers:
            mover.start()

    def start(self, front: Connection, job: Job) -> asyncio.Task[None]:
        """Begins the job's task."""
        task = asyncio.get_running_loop().create_task(self.run(front, job))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def close(self) -> None:
        """Ends what still moves; what arrived is kept where its protocol says so."""
        for mover in self.movers:
            mover.close()
        for mover in self.movers:
            await asyncio.to_thread(mover.join)
        if self._jobs:
            await asyncio.wait(self._jobs)

    async def run(self, front: Connection, job: Job) -> None:
        """Everything from the head to the answer. Raises nothing."""
        length = int(job.headers.get("content-length", "0"))
        taken = Taken(front, job, length, self.settings.min_bytes_per_s)
        try:
            origin = job.headers.get("origin")
            allowed = self._reach.origin_allowed(origin, job.headers.get("host"))
            if origin is not None and allowed:
                taken.extra = [(name.decode(), value.decode("latin-1")) for name, value in cors(origin)]
            if job.verb == "download":
                await self._download(taken)
                return
            if not allowed:
                raise foreign()
            with self._driver.uploads.claims.open(job.key, counted(job.address)) as claim:
                taken.answer(await self._upload(taken, claim))
        except BurrowError as error:
            taken.refuse(error)
        except (ConnectionError, TimeoutError):
            front.transport.abort()
        except asyncio.CancelledError:
            front.transport.abort()
        except Exception as error:
            log.error("a bulk request failed unexpectedly", error=repr(error), exc_info=error)
            taken.reply(500, {}, {"error": "the server failed at this; its log says why", "code": "internal"})
        finally:
            taken.close()

    async def move(self, key: str, flow: Flow) -> None:
        """Has the flow moved to its end; when this returns or raises, nothing of it moves any more."""
        mover = self.movers[int(key[:8], 16) % len(self.movers)]
        mover.add(flow)
        try:
            await asyncio.shield(flow.done)
        except asyncio.CancelledError:
            if not flow.done.done():
                mover.stop(flow, ConnectionAbortedError("the request was ended"))
            while not flow.done.done():  # its line may be lost and its upload taken over: cancelled twice
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([flow.done])
            if not flow.done.cancelled():
                flow.done.exception()
            raise

    def _voice(self, job: Job) -> Voice:
        """The token of a request, or where it came from without one."""
        token = bearer(job.headers.get("authorization"))
        return Tokenless(neighbourhood(job.address), self._driver.now()) if token is None else token

    # Up

    async def _upload(self, taken: Taken, claim: Claim) -> Answer:
        job, uploads = taken.job, self._driver.uploads
        token = self._voice(job)
        decided = await uploads.decide(claim, Asked(job.method, job.headers), token)
        if isinstance(decided, Forget):
            raise BadRequest("this call has no body")
        if isinstance(decided, Answer):
            return decided
        taken.invite(self._promise(decided, job))
        if decided.style is Style.FORM:
            return await self._form(taken, claim, decided, token)
        if decided.checksum is not None:
            return await take_body(uploads, claim, decided, "", taken.body(self.settings.stall_s), token)
        async with await uploads.begin(claim, decided, token) as place:
            await place.take(taken.early())
            telling = None
            if _speaks_draft(decided, job):
                telling = asyncio.get_running_loop().create_task(self._tell_progress(taken, place))
            try:
                await self._receive(taken, place, taken.left)
            finally:
                if telling is not None:
                    telling.cancel()
            return await place.ended()

    def _promise(self, write: Write, job: Job) -> dict[str, str] | None:
        """The headers of the draft's 104: where an upload that breaks off can be resumed. Only to a client of the same
        version of the draft: it forbids others."""
        if not write.fresh or not _speaks_draft(write, job):
            return None
        now = self._driver.now()
        life = lifetime(now + self.settings.unfinished_days * 86_400, now, self.settings.max_file_bytes)
        return {"location": f"/upload/{job.key}", "upload-limit": life["upload-limit"]}

    async def _tell_progress(self, taken: Taken, place: Place) -> None:
        """The draft's other 104s: so far the server has it, and its client may forget it."""
        told = place.lane.size
        while True:
            await asyncio.sleep(_TELL_S)
            size = place.lane.size
            if size > told:
                told = size
                taken.interim({"upload-offset": str(size)})

    async def _receive(self, taken: Taken, place: Place, count: int) -> None:
        if not count:
            return
        file = await place.descriptor()
        if file is None:
            async for piece in taken.body(self.settings.stall_s, count):
                await place.take(piece)
            return
        flow = None
        try:
            flow = Receive(taken.sock, place.lane, file, count)
            await self.move(place.transfer_id, flow)
            taken.left -= count
        finally:
            os.close(file)
            if flow is not None and flow.passed:
                await place.give_back()

    async def _form(self, taken: Taken, claim: Claim, write: Write, token: Voice) -> Answer:
        """The file of a form, spliced unscanned where its head can be read and its end be told."""
        job, uploads = taken.job, self._driver.uploads
        kind = job.headers.get("content-type", "")
        boundary = form.boundary_of(kind)
        part = None
        if boundary is not None:
            reading = form.FormHead(boundary)
            part = reading.feed(job.early)
            while part is None and not reading.over and taken.left:
                part = reading.feed(await taken.read(self.settings.stall_s))
            job.early = bytes(reading.data)
        if part is None or taken.left < len(part.trailer):
            return await take_body(uploads, claim, write, kind, taken.body(self.settings.stall_s), token)
        head, file = job.early[: part.start], job.early[part.start :]
        async with await uploads.begin(claim, write, token) as place:
            await place.take(file)
            await self._receive(taken, place, taken.left - len(part.trailer))
            tail = b""
            while taken.left:
                tail += await taken.read(self.settings.stall_s)
            more = form.ends_as_it_must(tail, part.trailer)
            if more is None or await self._more_parts(place, part):  # a second file may be of any size
                await self._rescan(place, kind, head, tail)
            else:
                await place.take(tail[:more])
            return await place.ended(part.name)

    async def _more_parts(self, place: Place, part: form.FilePart) -> bool:
        """Whether another part of the form lies in what was taken for the file."""
        needle = part.trailer[:-4]
        file = await place.descriptor()
        if file is not None:
            try:
                return await asyncio.to_thread(form.holds, file, needle)
            finally:
                os.close(file)
        seen = b""
        async for piece in place.held():
            seen = seen[-form.OVERLAP :] + piece
            if needle in seen:
                return True
        return False

    async def _rescan(self, place: Place, kind: str, head: bytes, tail: bytes) -> None:
        """The form did not end with the file: it is read again, from the disk, and the file cut where it ends."""

        async def whole() -> AsyncIterator[bytes]:
            yield head
            async for piece in place.held():
                yield piece
            yield tail

        parts = read_form(kind, whole())
        await parts.file("file")
        size = 0
        async for piece in parts:
            size += len(piece)
        held = place.lane.size
        if size > held:  # the tail has more of it
            await place.take(tail[: size - held])
        await place.cut(size)

    # Down

    async def _download(self, taken: Taken) -> None:
        job = taken.job
        token = self._voice(job)
        follow = "follow=1" in job.query.split("&")
        source = await self._driver.downloads.open(job.key, job.headers, token, follow=follow)
        try:
            stop = source.part.stop
            if (
                stop is None
                or "content-length" not in source.headers
                or (source.reader is None and stop - source.part.start < BIG)
            ):
                taken.hand_back()
                return
            await self._send(taken, source, stop)
        finally:
            source.close()
        taken.front.go_on(clean=True)

    async def _send(self, taken: Taken, source: Source, stop: int) -> None:
        file = await self._driver.downloads.descriptor(source)
        if file is None:
            taken.hand_back()
            return
        head = taken.head(source.part.status, source.headers)
        try:
            await self.move(source.key, Send(taken.sock, file, head, source.part.start, stop, source.reader))
        except (BurrowError, OSError) as error:
            log.info("a download broke off", error=str(error))
            raise ConnectionAbortedError from error
        finally:
            os.close(file)


def _speaks_draft(write: Write, job: Job) -> bool:
    return write.style is Style.DRAFT and job.headers.get("upload-draft-interop-version", "").strip() == INTEROP
