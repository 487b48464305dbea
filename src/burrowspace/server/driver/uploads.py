"""Uploads into the spool: who may, how much is reserved for them, what stays, what is complete.

The decision about a request is core/upload.py; this reads what it needs, and does what it says.
"""

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import Busy, Damaged, NotFound, WrongOffset, WrongState, WrongType
from burrowspace.core.names import is_our_id, safe_name
from burrowspace.core.records import Transfer, Upload
from burrowspace.core.reserving import LEAST, Need, enough, need
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, Step, TransferState, walk
from burrowspace.core.upload import Asked, Forget, Repeat, UploadFacts, Write, decide, style_of
from burrowspace.core.upload_answers import Answer, Problem, Style
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.lane import Lane
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.lookup import find_transfer
from burrowspace.server.driver.notices import Postman, write_notice
from burrowspace.server.driver.pace import Kind, Pace
from burrowspace.server.driver.reserve import Reserve
from burrowspace.server.driver.tokens import Voice, may_send, speak_for_one_of
from burrowspace.server.driver.uncancellable import uncancellable
from burrowspace.server.driver.upload_claims import UploadClaim, UploadClaims
from burrowspace.server.driver.upload_writer import UploadWriter

_DAY_S = 86_400.0
_OPEN = (TransferState.READY, TransferState.TRANSFERRING, TransferState.FAILED)
_FREER = (Policy.LIVE, Policy.LIVE_THEN_REST, Policy.REST)
_TAKEN_OVER = "another request of this upload took over"


class Uploads:
    """All uploads of this node."""

    def __init__(self, context: DriverContext, postman: Postman, lanes: Lanes, pace: Pace | None = None) -> None:
        self._context, self._postman, self.lanes = context, postman, lanes
        self.pace = pace or Pace(context)
        self._running: dict[str, UploadWriter] = {}
        self._ended: dict[str, None] = {}  # unfinished ones, which may have more reserved than lies here
        self.reserve = Reserve(context, self._running)
        self.claims = UploadClaims()

    # Deciding

    async def decide(self, claim: UploadClaim, asked: Asked, token: Voice) -> Answer | Write | Repeat | Forget:
        """What the request means. A resumable request takes over: an upload that still runs, or was asked for earlier
        and has not begun, ends; its connection is taken for dead, as the IETF draft recommends. The offset told is then
        one that will be taken. A form takes over when it begins."""
        transfer_id = claim.transfer_id
        transfer = await self._context.state.read(lambda rows: find_transfer(rows, transfer_id))
        if asked.method == "OPTIONS":
            return decide(asked, self._held(transfer, None, None))
        if transfer.sealed:
            await self._context.state.read(lambda rows: may_send(rows, transfer, token))
            if style_of(asked) is Style.FORM:
                raise WrongType("sealed bytes come by PUT, by tus 1.0 or by the draft of resumable uploads")
        elif isinstance(token, str) or asked.method != "POST":
            await self._context.state.write(lambda rows: speak_for_one_of(rows, [transfer.sender_id], token))
        if style_of(asked) in (Style.TUS, Style.DRAFT) or asked.method in ("HEAD", "DELETE"):
            await self._take_over(claim)
        transfer, upload = await self._look(transfer_id)
        size = None
        if upload is not None and (upload.complete or upload.keeps):
            size = await self._size(upload)
            asks = asked.method == "HEAD" and style_of(asked) is Style.TUS
            if asks and size is not None and not upload.complete and size == upload.length:
                transfer, upload = await self._finished(claim, upload, size, token)
        return decide(asked, self._held(transfer, upload, size))

    async def outcome(self, claim: UploadClaim) -> Answer:
        """How the latest request of the upload ends, for one that it took over. Busy where it does not complete."""
        await self.claims.settled(claim)
        return await self.told_again(claim)

    async def told_again(self, claim: UploadClaim) -> Answer:
        """The answer of a form whose file is here. Busy where it is not."""
        transfer, upload = await self._look(claim.transfer_id)
        if not _is_stored(transfer, upload):
            walk(transfer.state, Step.STORE)
            raise Busy("another request of this upload took over and has not completed it; send the file again")
        told = {"status": "completed", "transfer_id": claim.transfer_id, "filename": transfer.filename}
        return Answer(200, {}, told)

    async def _look(self, transfer_id: str) -> tuple[Transfer, Upload | None]:
        return await self._context.state.read(
            lambda rows: (find_transfer(rows, transfer_id), rows.get(Upload, transfer_id))
        )

    async def _take_over(self, claim: UploadClaim) -> None:
        """Returns when no request that came before moves a byte any more: at once, or when the disk has taken what was
        being written."""
        self.claims.take_over(claim)
        running = self._running.get(claim.transfer_id)
        if running is not None and not claim.lost:
            await running.stop(Busy(_TAKEN_OVER))

    async def _finished(
        self, claim: UploadClaim, upload: Upload, size: int, token: Voice
    ) -> tuple[Transfer, Upload | None]:
        """The server died between the last byte and the commit. A tus client that finds the offset at the length takes
        the upload for complete and sends no more, so it is made complete before it hears of that offset."""
        key = upload.transfer_id
        write = Write(Style.TUS, size, 0, 0, length=size)
        async with await self.begin(claim, write, token) as writer:
            await writer.ended()
        return await self._look(key)

    def _held(self, transfer: Transfer, upload: Upload | None, size: int | None) -> UploadFacts:
        held = UploadFacts(transfer.state, self._context.settings.max_file_bytes, self._context.now())
        if upload is None or size is None:
            return held
        complete = _is_stored(transfer, upload)
        return UploadFacts(
            transfer.state,
            held.max_bytes,
            held.now,
            size,
            length=size if complete else upload.length,
            complete=complete,
            expires_at=None if complete else upload.expires_at,
        )

    async def _size(self, upload: Upload) -> int | None:
        lane = self.lanes.find(upload.transfer_id)
        if lane is not None:
            return lane.size
        try:
            return await self._context.spool.size(upload.transfer_id)
        except NotFound:
            return upload.length if upload.complete else None

    # Beginning

    async def begin(self, claim: UploadClaim, write: Write, token: Voice, *, paced: bool = False) -> UploadWriter:
        """Opens a writer, its bytes reserved. Busy while another upload of the transfer runs, and for one taken over,
        then or while it writes; WrongOffset where the upload stands elsewhere by now; WrongState once it is over. A
        form takes over from whatever runs, whose connection may hang; so Busy says to a form that a later request, or
        one that completed, has its place: see `outcome`. `paced`: it was counted."""
        transfer_id = claim.transfer_id
        is_form = write.style is Style.FORM
        if is_form and not claim.lost and len(self.claims.of(transfer_id)) > 1:
            await self._context.state.write(lambda rows: may_send(rows, find_transfer(rows, transfer_id), token))
            await self._take_over(claim)
        if claim.lost or (is_form and transfer_id in self._running):
            raise Busy(_TAKEN_OVER)
        if transfer_id in self._running:
            raise Busy("another upload of this transfer is running")
        if write.fresh and not paced:
            self.pace.check(Kind.WRITE, claim.address)
        writer = self._running[transfer_id] = UploadWriter(self, self._context, write, transfer_id)
        try:
            if not write.fresh:
                writer.lane = await self.lanes.resume(transfer_id, Policy.REST, write.length)
                _stands_at(write, writer.lane)
            upload = writer.upload = await self._reserved(writer, claim.address, token)
            if write.fresh:
                writer.lane = await self.lanes.begin(transfer_id, write.at, upload.policy, write.length, upload.window)
            writer.lane.on_out = writer.grow
            writer.lane.allow(upload.policy, _bound(upload), upload.window)
            writer.ready, writer.wants = True, 0
            claim.begun = True
        except BaseException:
            if writer.lane is not None:
                writer.lane.on_out = None
                writer.lane.leave()
            del self._running[transfer_id]
            writer.closed.set()
            raise
        return writer

    async def _reserved(self, writer: UploadWriter, address: str | None, token: Voice) -> Upload:
        """The upload's row, with bytes reserved for what comes next; in most cases it lasts and nothing is written."""
        key, write = writer.transfer_id, writer.write
        rest = writer.rest
        whole = None if write.length is None else rest + write.length - write.at
        wants = need(rest, whole, write.exactly)
        writer.wants = wants.most
        room = await self.reserve.room(writer)

        def change(rows: Rows) -> Upload:
            transfer = find_transfer(rows, key)
            may_send(rows, transfer, token)
            before = rows.get(Upload, key)
            if before is not None and _is_stored(transfer, before):
                if not write.fresh:
                    return before
                raise Busy(_TAKEN_OVER) if write.style is Style.FORM else _complete_already(transfer)
            after = msgspec.structs.replace(transfer, state=walk(transfer.state, Step.STORE), mode=Mode.RELAY)
            if transfer.state is TransferState.COMPLETED:  # without bytes here: it only seemed to be
                after = msgspec.structs.replace(after, progress=0.0, completed_at=None)
            if after != transfer:
                rows.put(after)
            asked = self._asked(write, transfer, before, address)
            wanted = wants if asked.policy is not Policy.LIVE else self._live(asked, write, whole)
            lasts = enough(asked.reserved, rest, write.exactly, wanted.most) and asked.reserved <= room.disk
            if asked == before and lasts:
                return before
            rows.drop(Upload, transfer_id=key)
            most = max(wanted.most, asked.reserved if lasts else 0)
            return self.reserve.take(rows, asked, Need(wanted.fits, most), room)

        return await self._context.state.write(change)

    def _asked(self, write: Write, transfer: Transfer, before: Upload | None, address: str | None) -> Upload:
        """The row of an upload that goes on or, where it is fresh, begins."""
        now = self._context.now()
        if before is not None and not write.fresh:
            return msgspec.structs.replace(before, length=write.length)
        policy, window = write.policy, write.window
        if before is not None and transfer.sealed:
            policy, window, address = before.policy, before.window, before.address
        return Upload(
            transfer.transfer_id,
            transfer.sender_id,
            write.length,
            0,
            safe_name(write.name) if write.name and not transfer.sealed else None,
            policy,
            write.keeps,
            False,
            now,
            transfer.expires_at if transfer.sealed else now + self._context.settings.unfinished_days * _DAY_S,
            window,
            address,
        )

    def _live(self, upload: Upload, write: Write, whole: int | None) -> Need:
        """Two windows, as soon as a byte may come."""
        most = 2 * (upload.window or self._context.settings.live_window_bytes)
        most = most if whole is None else min(whole, most)
        return Need(most, 0 if write.exactly == 0 else most)

    async def reserve_more(self, writer: UploadWriter, beside: int = 0) -> None:
        """More for an upload that runs and has taken what was reserved; `beside` bytes lie beside its lane. NoSpace."""
        rest, key = writer.lane.ledger.rest + beside, writer.transfer_id
        length, size = writer.upload.length, writer.lane.size
        wants = need(rest, None if length is None else rest + length - size, None)
        writer.wants = wants.most
        room = await self.reserve.room(writer)

        def change(rows: Rows) -> Upload | None:
            before = rows.get(Upload, key)
            if before is None or before.complete or before.policy is Policy.LIVE:
                return before
            rows.drop(Upload, transfer_id=key)
            most = max(before.reserved, wants.most)
            return self.reserve.take(rows, before, Need(min(wants.most, rest + LEAST), most), room)

        try:
            after = await self._context.state.write(change)
            if after is not None:
                writer.upload = after
                writer.lane.reserve(_bound(after))
        finally:
            writer.wants = 0

    async def allow(self, transfer_id: str, policy: Policy, token: Voice) -> None:
        """The bytes may lie here in a freer way, also those of an upload that runs. NoSpace where there is no room for
        all of them; WrongState for a narrower way."""
        running, lane = self._running.get(transfer_id), self.lanes.find(transfer_id)
        room = await self.reserve.room(running)
        held = await self._context.state.read(lambda rows: rows.get(Upload, transfer_id))
        size = 0 if held is None else await self._size(held) or 0
        rest = size - (lane.ledger.given if lane is not None else await self._first(transfer_id))

        def change(rows: Rows) -> tuple[Upload, Upload]:
            may_send(rows, find_transfer(rows, transfer_id), token)
            before = rows.get(Upload, transfer_id)
            if before is None:
                raise NotFound("no upload was begun on this transfer")
            if policy is before.policy:
                return before, before
            if _FREER.index(policy) < _FREER.index(before.policy):
                raise WrongState(f"this spool is to {before.policy}; that is not taken back", before.policy)
            if before.complete:  # all of it is here and paid for; a slow reader may still be at it
                rows.drop(Upload, transfer_id=transfer_id)
                return before, rows.put(msgspec.structs.replace(before, policy=policy))
            whole = None if before.length is None else rest + before.length - size
            wants = need(rest, whole, None if running is not None else 0)
            rows.drop(Upload, transfer_id=transfer_id)
            after = msgspec.structs.replace(before, policy=policy)
            return before, self.reserve.take(rows, after, Need(wants.fits, max(before.reserved, wants.most)), room)

        before, after = await self._context.state.write(change)
        running, lane = self._running.get(transfer_id), self.lanes.find(transfer_id)
        if running is not None:
            running.upload = after
        if lane is not None and before is not after:
            lane.allow(policy, _bound(after), after.window)
            await self._context.spool.give_back(transfer_id, lane.ledger.given)

    async def _first(self, key: str) -> int:
        try:
            return await self._context.spool.first(key)
        except NotFound:
            return 0

    # Ending

    async def progress(self, upload: Upload, size: int) -> None:
        """Keeps the percentage that the transfer's status shows; only a whole step is written."""
        if not upload.length:
            return
        percent = float(min(99, 100 * size // upload.length))

        def ask(rows: Rows) -> Transfer | None:
            return rows.get(Transfer, upload.transfer_id)

        def change(rows: Rows) -> None:
            transfer = ask(rows)
            if transfer is not None and transfer.progress < percent and transfer.state is TransferState.TRANSFERRING:
                rows.put(msgspec.structs.replace(transfer, progress=percent))

        transfer = await self._context.state.read(ask)
        if transfer is not None and transfer.progress + 1 <= percent:
            await self._context.state.write(change)

    async def complete(self, writer: UploadWriter, name: str | None) -> Transfer:
        """All bytes are here: they are made durable, then the transfer is complete, then everybody is told."""
        writer.check()
        return await uncancellable(self._complete(writer, name))

    async def _complete(self, writer: UploadWriter, name: str | None) -> Transfer:
        context, now, key = self._context, self._context.now(), writer.transfer_id
        size = await context.spool.sync(key)
        if size != writer.lane.size:
            raise Damaged("the file on the disk is not what was sent; start it over")

        def change(rows: Rows) -> Transfer:
            upload = rows.get(Upload, key) or writer.upload  # its owner may have let it rest meanwhile
            before = find_transfer(rows, key)
            offered = None if before.sealed else name or upload.filename
            life = context.settings.store_hours * 3600 if before.sealed else context.settings.transfer_days * _DAY_S
            after = msgspec.structs.replace(
                before,
                state=walk(walk(before.state, Step.STORE), Step.COMPLETE),
                filename=safe_name(offered) if offered else before.filename,
                progress=100.0,
                stored=size,
                completed_at=now,
                expires_at=now + life,
            )
            kept = min(upload.reserved, size) if upload.policy is Policy.LIVE else size - writer.lane.ledger.given
            rows.put(msgspec.structs.replace(upload, length=size, reserved=kept, complete=True))
            told = messages.TransferCompleted(key, after.mode, after.filename)
            for user in {after.sender_id, after.receiver_id} if not after.sealed else ():
                write_notice(rows, user, told, key, now)
            return rows.put(after)

        after = await context.state.write(change)
        writer.committed()
        await self._postman.wake([after.sender_id, after.receiver_id])
        return after

    async def end(self, writer: UploadWriter, *, complete: bool, keeps: bool) -> None:
        """Lets the next upload in; what was not kept leaves nothing behind."""
        try:
            if not complete and not keeps:
                await self._drop(writer.transfer_id)
        finally:
            self._running.pop(writer.transfer_id, None)
            self._ended[writer.transfer_id] = None
            writer.lane.on_out = None
            writer.lane.leave()

    async def _drop(self, key: str) -> None:
        """The bytes first: a crash between the two leaves a row that the sweep finds."""
        self.lanes.drop(key)
        await self._context.spool.drop(key)
        await self._context.state.write(lambda rows: rows.drop(Upload, transfer_id=key))

    async def forget(self, transfer_id: str, state: TransferState) -> None:
        """The transfer was called off or has expired: whoever still writes is stopped, the bytes go."""
        running = self._running.get(transfer_id)
        if running is not None:
            await running.stop(WrongState(f"the transfer is {state}; its upload has ended", state), keep=False)
        await self._drop(transfer_id)

    def percent(self, transfer_id: str) -> float:
        """How far an upload is that runs, of what it announced; 0 where none does. Never 100: that is for the end."""
        running = self._running.get(transfer_id)
        return 0.0 if running is None else running.percent

    def is_running(self, transfer_id: str) -> bool:
        return transfer_id in self._running

    # Upkeep

    async def recover(self) -> None:
        """After a start: unfinished uploads that may be resumed stay; other bytes that no transfer owns go."""
        for key in await self._context.spool.keys():
            if not is_our_id(key):
                continue
            transfer, upload = await self._context.state.read(
                lambda rows, k=key: (rows.get(Transfer, k), rows.get(Upload, k))  # type: ignore[misc]
            )
            state = None if transfer is None else transfer.state
            resumable = upload is not None and upload.keeps and not upload.complete and state in _OPEN
            if not resumable and state is not TransferState.COMPLETED:
                await self._drop(key)
            elif resumable:
                await self._settle(key)

    async def _settle(self, key: str) -> None:
        """An unfinished upload that does not run counts with what lies here, and nothing more."""
        if key in self._running:
            return
        try:
            rest = await self._context.spool.size(key) - await self._context.spool.first(key)
        except NotFound:
            return

        def change(rows: Rows) -> None:
            held = rows.get(Upload, key)
            if held is not None and not held.complete and held.reserved > rest and key not in self._running:
                rows.put(msgspec.structs.replace(held, reserved=rest))

        await self._context.state.write(change)

    async def sweep(self) -> None:
        """Removes unfinished uploads whose time has come. A crash in between changes nothing: the row goes last."""
        now = self._context.now()
        ended, self._ended = self._ended, {}
        for key in ended:
            await self._settle(key)
        old = await self._context.state.read(
            lambda rows: rows.find(Upload, complete=False, expires_at__lt=now, limit=1000)
        )
        for upload in old:
            if upload.transfer_id not in self._running:
                await self._drop(upload.transfer_id)


def _is_stored(transfer: Transfer, upload: Upload | None) -> bool:
    """Whether all bytes are here. A transfer may be completed without any: by a direct way."""
    return upload is not None and upload.complete and transfer.state is TransferState.COMPLETED


def _complete_already(transfer: Transfer) -> WrongState:
    return WrongState("this upload is complete", transfer.state)


def _bound(upload: Upload) -> int | None:
    """What may lie in the lane; a live one is bounded by its window."""
    return None if upload.policy is Policy.LIVE else upload.reserved


def _stands_at(write: Write, lane: Lane) -> None:
    """Between the decision and now another upload may have begun and ended."""
    if lane.size != write.at:
        style = Problem.wrong_offset if write.style is Style.DRAFT else WrongOffset
        raise style(lane.size, write.at)
