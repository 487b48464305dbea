"""Uploads into the spool: who may, how much is reserved for them, what stays, what is complete.

The decision about a request is core/upload.py; this reads what it needs, and does what it says.
"""

from collections.abc import Callable

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import Busy, Damaged, NoSpace, NotFound, WrongOffset, WrongState, WrongType
from burrowspace.core.names import is_our_id, safe_name
from burrowspace.core.records import Transfer, Upload
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, Step, TransferState, walk
from burrowspace.core.upload import Asked, Forget, Held, Write, decide, style_of
from burrowspace.core.upload_answers import Answer, Problem, Style
from burrowspace.ports import Rows
from burrowspace.server.driver.claims import Claim, Claims
from burrowspace.server.driver.found import find_transfer
from burrowspace.server.driver.kit import Kit
from burrowspace.server.driver.lane import Lane
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.notices import Postman, write_notice
from burrowspace.server.driver.place import Place
from burrowspace.server.driver.tokens import Voice, may_send, speak_for_one_of

_DAY_S = 86_400.0
_OPEN = (TransferState.READY, TransferState.TRANSFERRING, TransferState.FAILED)
_FREER = (Policy.LIVE, Policy.LIVE_THEN_REST, Policy.REST)
_COMING = 64 << 20  # bytes reserved for what a body of unknown length may still bring
_TAKEN_OVER = "another request of this upload took over"
_LOOKED = 2000  # unfinished uploads whose size is looked at before a new one is let in


class Uploads:
    """All uploads of this node."""

    def __init__(self, kit: Kit, postman: Postman, lanes: Lanes) -> None:
        self.kit, self._postman, self.lanes = kit, postman, lanes
        self._running: dict[str, Place] = {}
        self.claims = Claims()

    # Deciding

    async def decide(self, claim: Claim, asked: Asked, token: Voice) -> Answer | Write | Forget:
        """What the request means. A resumable request takes over: an upload that still runs, or was asked for earlier
        and has not begun, ends; its connection is taken for dead, as the IETF draft recommends. The offset told is then
        one that will be taken."""
        transfer_id = claim.transfer_id
        transfer = await self.kit.state.read(lambda rows: find_transfer(rows, transfer_id))
        if asked.method == "OPTIONS":
            return decide(asked, self._held(transfer, None, None))
        if transfer.sealed:
            await self.kit.state.read(lambda rows: may_send(rows, transfer, token))
            if style_of(asked) is Style.FORM:
                raise WrongType("sealed bytes come by PUT, by tus 1.0 or by the draft of resumable uploads")
        elif isinstance(token, str) or asked.method != "POST":
            await self.kit.state.write(lambda rows: speak_for_one_of(rows, [transfer.sender_id], token))
        if style_of(asked) in (Style.TUS, Style.DRAFT) or asked.method in ("HEAD", "DELETE"):
            await self._take_over(claim)
        transfer, upload = await self.kit.state.read(
            lambda rows: (find_transfer(rows, transfer_id), rows.get(Upload, transfer_id))
        )
        size = None
        if upload is not None and (upload.complete or upload.keeps):
            size = await self._size(upload)
            asks = asked.method == "HEAD" and style_of(asked) is Style.TUS
            if asks and size is not None and not upload.complete and size == upload.length:
                transfer, upload = await self._finished(claim, upload, size, token)
        return decide(asked, self._held(transfer, upload, size))

    async def _take_over(self, claim: Claim) -> None:
        """Returns when no request that came before moves a byte any more: at once, or when the disk has taken what was
        being written."""
        self.claims.take_over(claim)
        running = self._running.get(claim.transfer_id)
        if running is not None and not claim.lost:
            await running.stop(Busy(_TAKEN_OVER))

    async def _finished(self, claim: Claim, upload: Upload, size: int, token: Voice) -> tuple[Transfer, Upload | None]:
        """The server died between the last byte and the commit. A tus client that finds the offset at the length takes
        the upload for complete and sends no more, so it is made complete before it hears of that offset."""
        key = upload.transfer_id
        write = Write(Style.TUS, size, 0, 0, length=size)
        async with await self.begin(claim, write, token) as place:
            await place.ended()
        return await self.kit.state.read(lambda rows: (find_transfer(rows, key), rows.get(Upload, key)))

    def _held(self, transfer: Transfer, upload: Upload | None, size: int | None) -> Held:
        held = Held(transfer.state, self.kit.settings.max_file_bytes, self.kit.now())
        if upload is None or size is None:
            return held
        complete = upload.complete and transfer.state is TransferState.COMPLETED
        return Held(
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
            return await self.kit.spool.size(upload.transfer_id)
        except NotFound:
            return upload.length if upload.complete else None

    # Beginning

    async def begin(self, claim: Claim, write: Write, token: Voice) -> Place:
        """Opens the place, its bytes reserved. Busy while another upload fills it, and for who was taken over;
        WrongOffset where the upload stands elsewhere by now; WrongState once it is over."""
        transfer_id = claim.transfer_id
        if claim.lost:
            raise Busy(_TAKEN_OVER)
        if transfer_id in self._running:
            raise Busy("another upload of this transfer is running")
        place = self._running[transfer_id] = Place(self, write, transfer_id)
        try:
            place.upload = await self._with_room(lambda rows, room: self._reserved(rows, place, token, room))
            if write.fresh:
                place.lane = await self.lanes.begin(
                    transfer_id, write.at, place.upload.policy, write.length, place.upload.window
                )
            else:
                place.lane = await self.lanes.resume(
                    transfer_id, place.upload.policy, write.length, place.upload.window
                )
                _stands_at(write, place.lane)
            if place.lane.ledger.policy is not place.upload.policy:  # its owner has changed it meanwhile
                place.lane.allow(place.upload.policy)
        except BaseException:
            del self._running[transfer_id]
            place.closed.set()
            raise
        return place

    def _reserved(self, rows: Rows, place: Place, token: Voice, room: int) -> Upload:
        write, now = place.write, self.kit.now()
        transfer = find_transfer(rows, place.transfer_id)
        may_send(rows, transfer, token)
        before = rows.get(Upload, place.transfer_id)
        if transfer.state is TransferState.COMPLETED and not write.fresh and before is not None:
            return before
        after = msgspec.structs.replace(transfer, state=walk(transfer.state, Step.START), mode=Mode.RELAY)
        if after != transfer:
            rows.put(after)
        begin = write.at if write.fresh else 0
        said = write.length if write.length is not None else write.at + (write.exactly or 0)
        wanted = said - begin
        policy, window = write.policy, write.window
        if before is not None and (transfer.sealed or not write.fresh):
            policy, window = before.policy, before.window
        if policy is Policy.LIVE:
            most = 2 * (window or self.kit.settings.live_window_bytes)
            wanted = most if write.length is None else min(wanted, most)
        if before is None or write.fresh:
            asked = Upload(
                transfer.transfer_id,
                transfer.sender_id,
                write.length,
                0,
                safe_name(write.name) if write.name and not transfer.sealed else None,
                policy,
                write.keeps,
                False,
                now,
                transfer.expires_at if transfer.sealed else now + self.kit.settings.unfinished_days * _DAY_S,
                window,
            )
        else:
            asked = msgspec.structs.replace(before, length=write.length)
            same = write.length is not None and write.length == before.length
            wanted = before.reserved if same else max(wanted, before.reserved)
        if asked == before and wanted == before.reserved:
            return before
        rows.drop(Upload, transfer_id=transfer.transfer_id)
        return self._reserve(rows, asked, wanted, room)

    def _reserve(self, rows: Rows, upload: Upload, wanted: int, room: int) -> Upload:
        """The one gate of the quotas; the upload itself is not among the rows when this asks."""
        settings = self.kit.settings
        if rows.total(Upload, "reserved", user_id=upload.user_id) + wanted > settings.user_quota_bytes:
            raise NoSpace(
                f"one user may keep {settings.user_quota_bytes} bytes on this server; this is more than is left"
            )
        if rows.total(Upload, "reserved") + wanted > settings.total_quota_bytes:
            raise NoSpace("the server keeps as many bytes as it may; try again when others have been taken")
        if rows.total(Upload, "reserved", complete=False) + wanted > room:
            raise NoSpace("the server's disk has no room for a file of this size; try again later")
        return rows.put(msgspec.structs.replace(upload, reserved=wanted))

    async def reserve_more(self, upload: Upload, wanted: int) -> Upload:
        """More for a body whose length nobody knew."""

        def change(rows: Rows, room: int) -> Upload:
            rows.drop(Upload, transfer_id=upload.transfer_id)
            return self._reserve(rows, upload, wanted, room)

        return await self._with_room(change)

    async def allow(self, transfer_id: str, policy: Policy, token: Voice) -> None:
        """The bytes may lie here in a freer way, also those of an upload that runs. NoSpace where there is no room for
        all of them; WrongState for a narrower way."""
        room = await self._room()
        held = await self.kit.state.read(lambda rows: rows.get(Upload, transfer_id))
        size = 0 if held is None else await self._size(held) or 0
        lane = self.lanes.find(transfer_id)
        first = lane.ledger.given if lane is not None else await self.kit.spool.first(transfer_id)

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
            running = self._running.get(transfer_id)
            coming = size + (running.write.exactly or 0 if running else 0) + _COMING
            wanted = coming if before.length is None else before.length - first
            rows.drop(Upload, transfer_id=transfer_id)
            after = msgspec.structs.replace(before, policy=policy)
            return before, self._reserve(rows, after, max(before.reserved, wanted), room)

        before, after = await self.kit.state.write(change)
        running, lane = self._running.get(transfer_id), self.lanes.find(transfer_id)
        if running is not None:
            running.upload = after
        if lane is not None and before is not after:
            lane.allow(policy)
            await self.kit.spool.give_back(transfer_id, lane.ledger.given)

    async def _with_room(self, change: Callable[[Rows, int], Upload]) -> Upload:
        """A change that needs room on the disk. What unfinished uploads have written counts twice at first, as theirs
        and as gone from the disk; only where that does not fit is each of them looked at."""
        free = await self.kit.spool.room()
        try:
            return await self.kit.state.write(lambda rows: change(rows, free))
        except NoSpace:
            room = await self._room()
        return await self.kit.state.write(lambda rows: change(rows, room))

    async def _room(self) -> int:
        """Free bytes as if no unfinished upload had written any yet: what they reserved is then counted once."""
        unfinished = await self.kit.state.read(lambda rows: rows.find(Upload, complete=False, limit=_LOOKED))
        room = await self.kit.spool.room()
        for upload in unfinished:
            size = await self._size(upload) or 0
            room += min(upload.reserved, size)
        return room

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

        transfer = await self.kit.state.read(ask)
        if transfer is not None and transfer.progress + 1 <= percent:
            await self.kit.state.write(change)

    async def complete(self, place: Place, name: str | None) -> Transfer:
        """All bytes are here: they are made durable, then the transfer is complete, then everybody is told."""
        kit, now, key = self.kit, self.kit.now(), place.transfer_id
        place.check()
        size = await kit.spool.sync(key)
        if size != place.lane.size:
            raise Damaged("the file on the disk is not what was sent; start it over")

        def change(rows: Rows) -> Transfer:
            upload = rows.get(Upload, key) or place.upload  # its owner may have let it rest meanwhile
            before = find_transfer(rows, key)
            offered = None if before.sealed else name or upload.filename
            life = kit.settings.store_hours * 3600 if before.sealed else kit.settings.transfer_days * _DAY_S
            after = msgspec.structs.replace(
                before,
                state=walk(before.state, Step.COMPLETE),
                filename=safe_name(offered) if offered else before.filename,
                progress=100.0,
                stored=size,
                completed_at=now,
                expires_at=now + life,
            )
            kept = min(upload.reserved, size) if upload.policy is Policy.LIVE else size - place.lane.ledger.given
            rows.put(msgspec.structs.replace(upload, length=size, reserved=kept, complete=True))
            told = messages.TransferCompleted(key, after.mode, after.filename)
            for user in {after.sender_id, after.receiver_id} if not after.sealed else ():
                write_notice(rows, user, told, key, now)
            return rows.put(after)

        after = await kit.state.write(change)
        place.committed()
        await self._postman.wake([after.sender_id, after.receiver_id])
        return after

    async def end(self, place: Place, *, complete: bool, keeps: bool) -> None:
        """Lets the next upload in; what was not kept leaves nothing behind."""
        try:
            if not complete and not keeps:
                await self._drop(place.transfer_id)
        finally:
            self._running.pop(place.transfer_id, None)
            place.lane.leave()

    async def _drop(self, key: str) -> None:
        """The bytes first: a crash between the two leaves a row that the sweep finds."""
        self.lanes.drop(key)
        await self.kit.spool.drop(key)
        await self.kit.state.write(lambda rows: rows.drop(Upload, transfer_id=key))

    async def forget(self, transfer_id: str, state: TransferState) -> None:
        """The transfer was called off or has expired: whoever still writes is stopped, the bytes go."""
        running = self._running.get(transfer_id)
        if running is not None:
            await running.stop(WrongState(f"the transfer is {state}; its upload has ended", state), keep=False)
        await self._drop(transfer_id)

    def is_running(self, transfer_id: str) -> bool:
        return transfer_id in self._running

    # Upkeep

    async def recover(self) -> None:
        """After a start: unfinished uploads that may be resumed stay; other bytes that no transfer owns go."""
        for key in await self.kit.spool.keys():
            if not is_our_id(key):
                continue
            transfer, upload = await self.kit.state.read(
                lambda rows, k=key: (rows.get(Transfer, k), rows.get(Upload, k))  # type: ignore[misc]
            )
            state = None if transfer is None else transfer.state
            resumable = upload is not None and upload.keeps and not upload.complete and state in _OPEN
            if not resumable and state is not TransferState.COMPLETED:
                await self._drop(key)

    async def sweep(self) -> None:
        """Removes unfinished uploads whose time has come. A crash in between changes nothing: the row goes last."""
        now = self.kit.now()
        old = await self.kit.state.read(lambda rows: rows.find(Upload, complete=False, expires_at__lt=now, limit=1000))
        for upload in old:
            if upload.transfer_id not in self._running:
                await self._drop(upload.transfer_id)


def _stands_at(write: Write, lane: Lane) -> None:
    """Between the decision and now another upload may have begun and ended."""
    if lane.size != write.at:
        lane.leave()
        style = Problem.wrong_offset if write.style is Style.DRAFT else WrongOffset
        raise style(lane.size, write.at)
