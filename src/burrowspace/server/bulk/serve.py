"""What becomes of a bulk request: decided on the main loop, moved by a mover, answered on the main loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from functools import partial

import structlog

from burrowspace.config import Settings
from burrowspace.core.errors import BadRequest, BurrowError
from burrowspace.core.networks import counted, neighbourhood
from burrowspace.core.upload import Asked, Forget, Repeat, Write
from burrowspace.core.upload_answers import INTEROP, Answer, Style, lifetime
from burrowspace.server.body import FORM_S, Body, answer_form, take_body, throw_away
from burrowspace.server.bulk import form
from burrowspace.server.bulk.connection import Connection
from burrowspace.server.bulk.flows import Receive, Send
from burrowspace.server.bulk.job import BIG, Job, JobFront
from burrowspace.server.bulk.mover import Flow, Mover
from burrowspace.server.driver.downloads import Download
from burrowspace.server.driver.driver import Driver
from burrowspace.server.driver.tokens import Tokenless, Voice
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.driver.upload_writer import UploadWriter
from burrowspace.server.headers import bearer
from burrowspace.server.multipart import read_form
from burrowspace.server.reachability import Reachability
from burrowspace.server.request_guard import cors, foreign
from burrowspace.system import moving

log = structlog.get_logger("bulk")


_TELL_S = 1.0  # seconds between two words about an upload's progress


class Bulk:
    """One per process: the movers, and what a job needs."""

    def __init__(self, settings: Settings, driver: Driver, reach: Reachability) -> None:
        self.settings, self._driver, self._reach = settings, driver, reach
        count = settings.bulk_threads if moving.HERE else 0
        limits = settings.stall_s, settings.min_bytes_per_s, settings.follow_wait_s
        self.movers = [Mover(f"bulk-{number}", *limits) for number in range(count)]
        self._jobs: set[asyncio.Task[None]] = set()
        for mover in self.movers:
            mover.start()

    def start(self, front: JobFront, job: Job) -> asyncio.Task[None]:
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

    async def run(self, front: JobFront, job: Job) -> None:
        """Everything from the head to the answer. Raises nothing."""
        length = int(job.headers.get("content-length", "0"))
        connection = Connection(front, job, length, self.settings.min_bytes_per_s)
        try:
            origin = job.headers.get("origin")
            allowed = self._reach.origin_allowed(origin, job.headers.get("host"))
            if origin is not None and allowed:
                connection.extra = [(name.decode(), value.decode("latin-1")) for name, value in cors(origin)]
            if job.verb == "download":
                await self._download(connection)
                return
            if not allowed:
                raise foreign()
            with self._driver.uploads.claims.open(job.key, counted(job.address)) as claim:
                connection.answer(await self._upload(connection, claim))
        except BurrowError as error:
            connection.refuse(error)
        except (ConnectionError, TimeoutError):
            front.transport.abort()
        except asyncio.CancelledError:
            front.transport.abort()
        except Exception as error:
            log.error("a bulk request failed unexpectedly", error=repr(error), exc_info=error)
            connection.reply(500, {}, {"error": "the server failed at this; its log says why", "code": "internal"})
        finally:
            connection.close()

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

    async def _upload(self, connection: Connection, claim: UploadClaim) -> Answer:
        job, uploads = connection.job, self._driver.uploads
        token = self._voice(job)
        decided = await uploads.decide(claim, Asked(job.method, job.headers), token)
        if isinstance(decided, Forget):
            raise BadRequest("this call has no body")
        if isinstance(decided, Answer):
            return decided
        if isinstance(decided, Repeat):
            connection.invite(None)
            await throw_away(connection.body(FORM_S), self.settings.max_file_bytes)
            return await uploads.told_again(claim)
        connection.invite(self._promise(decided, job))
        if decided.style is Style.FORM:
            return await self._form(connection, claim, decided, token)
        if decided.checksum is not None:
            return await take_body(uploads, claim, decided, "", self._body(connection), token)
        async with await uploads.begin(claim, decided, token) as writer:
            await writer.take(connection.early())
            telling = None
            if _speaks_draft(decided, job):
                telling = asyncio.get_running_loop().create_task(self._tell_progress(connection, writer))
            try:
                await self._receive(connection, writer, connection.left)
            finally:
                if telling is not None:
                    telling.cancel()
            return await writer.ended()

    def _promise(self, write: Write, job: Job) -> dict[str, str] | None:
        """The headers of the draft's 104: where an upload that breaks off can be resumed. Only to a client of the same
        version of the draft: it forbids others."""
        if not write.fresh or not _speaks_draft(write, job):
            return None
        now = self._driver.now()
        life = lifetime(now + self.settings.unfinished_days * 86_400, now, self.settings.max_file_bytes)
        return {"location": job.key, "upload-limit": life["upload-limit"]}

    async def _tell_progress(self, connection: Connection, writer: UploadWriter) -> None:
        """The draft's other 104s: so far the server has it, and its client may forget it."""
        told = writer.lane.size
        while True:
            await asyncio.sleep(_TELL_S)
            size = writer.lane.size
            if size > told:
                told = size
                connection.interim({"upload-offset": str(size)})

    async def _receive(self, connection: Connection, writer: UploadWriter, count: int) -> None:
        if not count:
            return
        file = await writer.descriptor()
        if file is None:
            async for piece in connection.body(self.settings.stall_s, count):
                await writer.take(piece)
            return
        flow = None
        try:
            flow = Receive(connection.sock, writer.lane, file, count)
            await self.move(writer.transfer_id, flow)
        finally:
            os.close(file)
            if flow is not None:
                connection.left -= count - flow.left
            if flow is not None and flow.passed:
                await writer.give_back()

    def _body(self, connection: Connection) -> Body:
        return lambda: connection.body(self.settings.stall_s)

    async def _form(self, connection: Connection, claim: UploadClaim, write: Write, token: Voice) -> Answer:
        """The file of a form, spliced unscanned where its head can be read and its end be told."""
        job, uploads = connection.job, self._driver.uploads
        kind = job.headers.get("content-type", "")
        boundary = form.boundary_of(kind)
        part = None
        if boundary is not None:
            reading = form.FormHead(boundary)
            part = reading.feed(job.early)
            while part is None and not reading.over and connection.left:
                part = reading.feed(await connection.read(self.settings.stall_s))
            job.early = bytes(reading.data)
        if part is None or connection.left < len(part.trailer):
            rest = partial(connection.body, FORM_S)
            return await take_body(uploads, claim, write, kind, self._body(connection), token, rest)
        taken = self._spliced(connection, claim, write, token, part)
        return await answer_form(uploads, claim, taken, partial(connection.body, FORM_S), write.at_most)

    async def _spliced(
        self, connection: Connection, claim: UploadClaim, write: Write, token: Voice, part: form.FilePart
    ) -> Answer:
        job, uploads = connection.job, self._driver.uploads
        kind = job.headers.get("content-type", "")
        head, file = job.early[: part.start], job.early[part.start :]
        job.early = b""
        async with await uploads.begin(claim, write, token) as writer:
            await writer.take(file)
            await self._receive(connection, writer, connection.left - len(part.trailer))
            tail = b""
            while connection.left:
                tail += await connection.read(self.settings.stall_s)
            more = form.ends_as_it_must(tail, part.trailer)
            if more is None or await self._more_parts(writer, part):  # a second file may be of any size
                await self._rescan(writer, kind, head, tail)
            else:
                await writer.take(tail[:more])
            return await writer.ended(part.name)

    async def _more_parts(self, writer: UploadWriter, part: form.FilePart) -> bool:
        """Whether another part of the form lies in what was taken for the file."""
        needle = part.trailer[:-4]
        file = await writer.descriptor()
        if file is not None:
            try:
                return await asyncio.to_thread(form.holds, file, needle)
            finally:
                os.close(file)
        seen = b""
        async for piece in writer.held():
            seen = seen[-form.OVERLAP :] + piece
            if needle in seen:
                return True
        return False

    async def _rescan(self, writer: UploadWriter, kind: str, head: bytes, tail: bytes) -> None:
        """The form did not end with the file: it is read again, from the disk, and the file cut where it ends."""

        async def whole() -> AsyncIterator[bytes]:
            yield head
            async for piece in writer.held():
                yield piece
            yield tail

        parts = read_form(kind, whole())
        await parts.file("file")
        size = 0
        async for piece in parts:
            size += len(piece)
        held = writer.lane.size
        if size > held:  # the tail has more of it
            await writer.take(tail[: size - held])
        await writer.cut(size)

    # Down

    async def _download(self, connection: Connection) -> None:
        job = connection.job
        token = self._voice(job)
        follow = "follow=1" in job.query.split("&")
        download = await self._driver.downloads.open(job.key, job.headers, token, follow=follow)
        try:
            stop = download.part.stop
            if (
                stop is None
                or "content-length" not in download.headers
                or (download.reader is None and stop - download.part.start < BIG)
            ):
                connection.hand_back()
                return
            await self._send(connection, download, stop)
        finally:
            download.close()
        connection.front.go_on(clean=True)

    async def _send(self, connection: Connection, download: Download, stop: int) -> None:
        file = await self._driver.downloads.descriptor(download)
        if file is None:
            connection.hand_back()
            return
        head = connection.head(download.part.status, download.headers)
        try:
            await self.move(download.key, Send(connection.sock, file, head, download.part.start, stop, download.reader))
        except (BurrowError, OSError) as error:
            log.info("a download broke off", error=str(error))
            raise ConnectionAbortedError from error
        finally:
            os.close(file)


def _speaks_draft(write: Write, job: Job) -> bool:
    return write.style is Style.DRAFT and job.headers.get("upload-draft-interop-version", "").strip() == INTEROP
