"""Requests and transfers: asked, answered, reported on, stored, taken, called off, expired."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import Busy, Gone, NotFound, NotReady, TooLarge, TooMany
from burrowspace.core.names import is_our_id, safe_name, user_id
from burrowspace.core.records import Notice, Request, Transfer
from burrowspace.core.transfer import (
    Mode,
    RequestState,
    Step,
    TransferState,
    advance,
    answer,
    reported,
    walk,
)
from burrowspace.ports import Rows
from burrowspace.server.driver.kit import Kit
from burrowspace.server.driver.notices import Postman, write_notice
from burrowspace.server.driver.tokens import speak_for_one_of

_DAY_S = 86_400.0
_ALIVE = (TransferState.READY, TransferState.TRANSFERRING, TransferState.COMPLETED)
_OVER = (TransferState.CANCELLED, TransferState.EXPIRED, TransferState.FAILED)


class Stored(NamedTuple):
    """A file at rest, ready to be taken."""

    transfer: Transfer
    pieces: AsyncIterator[bytes]


class Transfers:
    """What people and their devices do with transfers."""

    def __init__(self, kit: Kit, postman: Postman) -> None:
        self._kit, self._postman = kit, postman
        self._writing: dict[str, Upload] = {}  # the running uploads, by transfer

    async def request(self, sender: str, receiver: str, filename: str, token: str | None) -> Request:
        """A sender asks a receiver to take a file; the receiver's devices hear of it now or when they come."""
        kit, now = self._kit, self._kit.now()
        sender, receiver, name = user_id(sender), user_id(receiver), safe_name(filename)
        expires = now + kit.settings.request_days * _DAY_S

        def change(rows: Rows) -> Request:
            speak_for_one_of(rows, [sender], token)
            for user, where in ((receiver, {"receiver_id": receiver}), (sender, {"sender_id": sender})):
                if rows.count(Request, state=RequestState.PENDING, **where) >= kit.settings.max_pending:
                    raise TooMany(f"{kit.settings.max_pending} requests wait for an answer already", user_id=user)
            asked = Request(kit.new_id(), sender, receiver, name, RequestState.PENDING, None, now, expires)
            write_notice(
                rows, receiver, messages.TransferRequest(asked.request_id, sender, name), asked.request_id, now
            )
            return rows.put(asked)

        asked = await kit.state.write(change)
        await self._postman.wake([receiver])
        return asked

    async def approve(self, request_id: str, token: str | None) -> Transfer:
        """The receiver says yes. Saying it twice gives the same transfer."""
        kit, now = self._kit, self._kit.now()

        def change(rows: Rows) -> Transfer:
            asked = _request(rows, request_id)
            speak_for_one_of(rows, [asked.receiver_id], token)
            state = answer(asked.state, "approve")
            if asked.transfer_id is not None:
                return _transfer(rows, asked.transfer_id)
            made = Transfer(
                transfer_id=kit.new_id(),
                request_id=asked.request_id,
                sender_id=asked.sender_id,
                receiver_id=asked.receiver_id,
                filename=asked.filename,
                state=TransferState.READY,
                progress=0.0,
                mode=Mode.P2P,
                stored=0,
                created_at=now,
                completed_at=None,
                expires_at=now + kit.settings.transfer_days * _DAY_S,
            )
            rows.put(msgspec.structs.replace(asked, state=state, transfer_id=made.transfer_id))
            rows.drop(Notice, subject=asked.request_id)
            approved = messages.TransferApproved(asked.request_id, made.transfer_id)
            write_notice(rows, asked.sender_id, approved, made.transfer_id, now)
            return rows.put(made)

        made = await kit.state.write(change)
        await self._postman.wake([made.sender_id])
        return made

    async def reject(self, request_id: str, token: str | None) -> Request:
        """The receiver says no."""
        now = self._kit.now()

        def change(rows: Rows) -> tuple[Request, bool]:
            asked = _request(rows, request_id)
            speak_for_one_of(rows, [asked.receiver_id], token)
            after = msgspec.structs.replace(asked, state=answer(asked.state, "reject"))
            if after.state is asked.state:
                return asked, False
            rows.drop(Notice, subject=asked.request_id)
            write_notice(rows, asked.sender_id, messages.TransferRejected(asked.request_id), asked.request_id, now)
            return rows.put(after), True

        asked, changed = await self._kit.state.write(change)
        if changed:
            await self._postman.wake([asked.sender_id])
        return asked

    async def report(self, transfer_id: str, status: str, progress: float, token: str | None) -> Transfer:
        """An end says how far it is. Progress never goes back; a step that the state does not allow is WrongState."""
        step, now = reported(status), self._kit.now()

        def change(rows: Rows) -> tuple[Transfer, bool]:
            before = _transfer(rows, transfer_id)
            speak_for_one_of(rows, [before.sender_id, before.receiver_id], token)
            if step is Step.CANCEL:
                return _cancelled(rows, before, now)
            state = walk(before.state, step)
            again = 0.0 if step is Step.RETRY and before.state is not state else before.progress
            done = step is Step.COMPLETE
            after = msgspec.structs.replace(
                before, state=state, progress=advance(again, progress if not done else max(progress, 100.0))
            )
            first = done and before.state is not state
            if first:
                after = msgspec.structs.replace(after, completed_at=now)
                _completed(rows, after, messages.TransferCompleted(after.transfer_id, after.mode), now)
            return rows.put(after), first

        after, told = await self._kit.state.write(change)
        await self._after(after, told)
        return after

    async def cancel(self, transfer_id: str, token: str | None) -> Transfer:
        """Either side calls it off; what was stored goes with it."""
        now = self._kit.now()

        def change(rows: Rows) -> tuple[Transfer, bool]:
            before = _transfer(rows, transfer_id)
            speak_for_one_of(rows, [before.sender_id, before.receiver_id], token)
            return _cancelled(rows, before, now)

        after, told = await self._kit.state.write(change)
        await self._after(after, told)
        return after

    async def status(self, transfer_id: str, token: str | None = None) -> Transfer:
        return await self._kit.state.read(lambda rows: _transfer(rows, transfer_id))

    async def relayed(self, transfer_id: str) -> None:
        """Bytes of the transfer went through the server."""

        def change(rows: Rows) -> None:
            before = rows.get(Transfer, transfer_id)
            if before is not None and before.mode is not Mode.RELAY:
                rows.put(msgspec.structs.replace(before, mode=Mode.RELAY))

        await self._kit.state.write(change)

    async def may_upload(self, transfer_id: str) -> None:
        """Refuses before a byte of the body is read what could not be finished anyway."""
        transfer = await self._kit.state.read(lambda rows: _transfer(rows, transfer_id))
        _open_for_bytes(transfer)

    async def begin_upload(self, transfer_id: str, token: str | None) -> "Upload":
        """Opens the transfer's place in the spool. Busy while another upload fills it; WrongState once it is over."""

        def change(rows: Rows) -> Transfer:
            before = _transfer(rows, transfer_id)
            speak_for_one_of(rows, [before.sender_id], token)
            return rows.put(msgspec.structs.replace(before, state=_open_for_bytes(before), mode=Mode.RELAY))

        if transfer_id in self._writing:
            raise Busy("another upload of this transfer is running")
        upload = self._writing[transfer_id] = Upload(self, self._kit, transfer_id)
        try:
            await self._kit.state.write(change)
            await self._kit.spool.drop(transfer_id)
        except BaseException:
            del self._writing[transfer_id]
            raise
        return upload

    async def finish_upload(self, upload: "Upload", filename: str | None) -> Transfer:
        """All bytes are here: they are made durable, then the transfer is complete, then everybody is told."""
        kit, now = self._kit, self._kit.now()
        transfer_id = upload.transfer_id
        if upload.size == 0:
            await kit.spool.append(transfer_id, 0, b"")
        size = await kit.spool.sync(transfer_id)

        def change(rows: Rows) -> Transfer:
            before = _transfer(rows, transfer_id)
            after = msgspec.structs.replace(
                before,
                state=walk(before.state, Step.COMPLETE),
                filename=safe_name(filename) if filename else before.filename,
                progress=100.0,
                stored=size,
                completed_at=now,
                expires_at=now + kit.settings.transfer_days * _DAY_S,
            )
            told = messages.TransferCompleted(transfer_id, after.mode, after.filename)
            _completed(rows, after, told, now)
            return rows.put(after)

        after = await kit.state.write(change)
        await self._postman.wake([after.sender_id, after.receiver_id])
        return after

    async def end_upload(self, upload: "Upload", *, complete: bool) -> None:
        """Lets the next upload in; an incomplete one leaves nothing behind, nor one that was called off as it ended."""
        try:
            if not complete or upload.called_off:
                await self._kit.spool.drop(upload.transfer_id)
        finally:
            self._writing.pop(upload.transfer_id, None)

    async def take(self, transfer_id: str, token: str | None) -> Stored:
        """The stored file. NotReady before it is all here, Gone once it is not any more."""

        def ask(rows: Rows) -> Transfer:
            transfer = _transfer(rows, transfer_id)
            if transfer.state in _OVER:
                raise Gone(f"this file is not here any more: the transfer is {transfer.state}")
            return transfer

        transfer = await self._kit.state.read(ask)
        if token is not None:
            await self._kit.state.write(
                lambda rows: speak_for_one_of(rows, [transfer.sender_id, transfer.receiver_id], token)
            )
        if transfer.completed_at is None or not await self._is_stored(transfer):
            raise NotReady("the file is not ready to be downloaded", state=transfer.state)
        return Stored(transfer, self._kit.spool.read(transfer_id))

    async def active(self) -> int:
        """Transfers that are agreed or under way."""
        under_way = [TransferState.READY, TransferState.TRANSFERRING]
        return await self._kit.state.read(lambda rows: rows.count(Transfer, state__in=under_way))

    async def recover(self) -> None:
        """After a start: bytes in the spool that no finished transfer owns were never acknowledged, and go."""
        for key in await self._kit.spool.keys():
            if is_our_id(key):
                transfer = await self._kit.state.read(lambda rows, k=key: rows.get(Transfer, k))  # type: ignore[misc]
                if transfer is None or transfer.state is not TransferState.COMPLETED:
                    await self._kit.spool.drop(key)

    async def sweep(self) -> None:
        """Expires what is over its time and removes what nobody can reach any more. May run twice."""
        kit, now = self._kit, self._kit.now()

        def change(rows: Rows) -> list[Transfer]:
            for asked in rows.find(Request, state=RequestState.PENDING, expires_at__lt=now, limit=1000):
                rows.put(msgspec.structs.replace(asked, state=answer(asked.state, "expire")))
                rows.drop(Notice, subject=asked.request_id)
            over = rows.find(Transfer, expires_at__lt=now, state__in=list(_ALIVE), limit=1000)
            expired = [t for t in over if t.transfer_id not in self._writing]
            for transfer in expired:
                rows.put(msgspec.structs.replace(transfer, state=walk(transfer.state, Step.EXPIRE), stored=0))
            old = now - max(kit.settings.request_days, kit.settings.transfer_days) * _DAY_S
            rows.drop(Notice, created_at__lt=old)
            rows.drop(Request, expires_at__lt=old)
            rows.drop(Transfer, expires_at__lt=old, state__in=list(_OVER))
            return expired

        for transfer in await kit.state.write(change):
            await kit.spool.drop(transfer.transfer_id)

    async def _is_stored(self, transfer: Transfer) -> bool:
        try:
            return await self._kit.spool.size(transfer.transfer_id) == transfer.stored
        except NotFound:
            return False

    async def _after(self, transfer: Transfer, told: bool) -> None:
        if transfer.state is TransferState.CANCELLED:
            upload = self._writing.get(transfer.transfer_id)
            if upload is not None:
                upload.called_off = True
            else:
                await self._kit.spool.drop(transfer.transfer_id)
        if told:
            await self._postman.wake([transfer.sender_id, transfer.receiver_id])


class Upload:
    """One running upload into a transfer's place; use it as an async context, which cleans up after a broken one."""

    def __init__(self, transfers: Transfers, kit: Kit, transfer_id: str) -> None:
        self._transfers, self._kit, self.transfer_id = transfers, kit, transfer_id
        self.size = 0  # bytes that arrived
        self.called_off = False
        self._complete = False

    async def write(self, data: bytes) -> None:
        """Appends. TooLarge past the largest file; WrongState when the transfer was called off meanwhile."""
        if self.called_off:
            walk(TransferState.CANCELLED, Step.START)
        if self.size + len(data) > self._kit.settings.max_file_bytes:
            raise TooLarge(f"a file may have {self._kit.settings.max_file_bytes} bytes here")
        self.size = await self._kit.spool.append(self.transfer_id, self.size, data)

    async def finish(self, filename: str | None) -> Transfer:
        done = await self._transfers.finish_upload(self, filename)
        self._complete = True
        return done

    async def __aenter__(self) -> "Upload":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transfers.end_upload(self, complete=self._complete)


def _request(rows: Rows, request_id: str) -> Request:
    asked = rows.get(Request, request_id) if is_our_id(request_id) else None
    if asked is None:
        raise NotFound("no such request")
    return asked


def _transfer(rows: Rows, transfer_id: str) -> Transfer:
    transfer = rows.get(Transfer, transfer_id) if is_our_id(transfer_id) else None
    if transfer is None:
        raise NotFound("no such transfer")
    return transfer


def _open_for_bytes(transfer: Transfer) -> TransferState:
    return walk(transfer.state, Step.START)


def _cancelled(rows: Rows, before: Transfer, now: float) -> tuple[Transfer, bool]:
    after = msgspec.structs.replace(before, state=walk(before.state, Step.CANCEL), stored=0)
    if after.state is before.state:
        return before, False
    for user in {after.sender_id, after.receiver_id}:
        write_notice(rows, user, messages.TransferCancelled(after.transfer_id), after.transfer_id, now)
    return rows.put(after), True


def _completed(rows: Rows, transfer: Transfer, told: messages.TransferCompleted, now: float) -> None:
    for user in {transfer.sender_id, transfer.receiver_id}:
        write_notice(rows, user, told, transfer.transfer_id, now)
