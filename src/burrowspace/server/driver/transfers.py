"""Requests and transfers: asked, answered, reported on, stored, taken, called off, expired."""

from typing import Any

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import NotFound, TooMany
from burrowspace.core.names import safe_name, user_id
from burrowspace.core.records import Delivery, Notice, Request, Sealed, Transfer
from burrowspace.core.transfer import (
    NEXT,
    Mode,
    RequestState,
    Step,
    TransferState,
    after_report,
    answer,
    reported,
    walk,
)
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.lookup import find_request, find_transfer
from burrowspace.server.driver.notices import Postman, write_notice
from burrowspace.server.driver.tokens import Voice, may_send, speak_for_one_of
from burrowspace.server.driver.uploads import Uploads

_DAY_S = 86_400.0
_ALIVE = (TransferState.READY, TransferState.TRANSFERRING, TransferState.COMPLETED)
_OVER = (TransferState.CANCELLED, TransferState.EXPIRED, TransferState.FAILED)


class Transfers:
    """What people and their devices do with transfers."""

    def __init__(self, context: DriverContext, postman: Postman, uploads: Uploads) -> None:
        self._context, self._postman, self._uploads = context, postman, uploads

    async def request(
        self, sender: str, receiver: str, filename: str, token: Voice, address: str | None = None
    ) -> Request:
        """A sender asks a receiver to take a file; the receiver's devices hear of it now or when they come."""
        context, now = self._context, self._context.now()
        sender, receiver, name = user_id(sender), user_id(receiver), safe_name(filename)
        expires = now + context.settings.request_days * _DAY_S

        def change(rows: Rows) -> Request:
            speak_for_one_of(rows, [sender], token)
            self._check_room(rows, sender, receiver, address, now)
            asked = Request(context.new_id(), sender, receiver, name, RequestState.PENDING, None, now, expires, address)
            write_notice(
                rows, receiver, messages.TransferRequest(asked.request_id, sender, name), asked.request_id, now
            )
            return rows.put(asked)

        asked = await context.state.write(change)
        await self._postman.wake([receiver])
        return asked

    def _check_room(self, rows: Rows, sender: str, receiver: str, address: str | None, now: float) -> None:
        """TooMany at the bounds of requests. Anyone may name any user: an address fills only half of a user's bound."""
        settings, own = self._context.settings, {"address": address}
        pending = {"state": RequestState.PENDING}
        if address is not None:
            if rows.count(Request, **own) >= settings.max_requests_per_address:
                first_s = _first_expiry(rows, own) + self._old_s() - now
                raise TooMany(f"{settings.max_requests_per_address} requests came from your address already", first_s)
            if rows.count(Request, **pending, **own) >= settings.max_pending_per_address:
                words = f"{settings.max_pending_per_address} requests from your address wait for an answer already"
                raise TooMany(words, _first_expiry(rows, {**pending, **own}) - now)
        for user, named in ((receiver, {"receiver_id": receiver}), (sender, {"sender_id": sender})):
            for where, most in ((named, settings.max_pending), ({**named, **own}, max(1, settings.max_pending // 2))):
                if address is None and where is not named:
                    continue
                if rows.count(Request, **pending, **where) >= most:
                    words = f"{most} requests wait for an answer already"
                    raise TooMany(words, _first_expiry(rows, {**pending, **where}) - now, user_id=user)

    def _old_s(self) -> float:
        """Seconds from their expiry until requests and transfers that are over are forgotten."""
        settings = self._context.settings
        return max(settings.request_days, settings.transfer_days) * _DAY_S

    async def approve(self, request_id: str, token: Voice) -> Transfer:
        """The receiver says yes. Saying it twice gives the same transfer."""
        context, now = self._context, self._context.now()

        def change(rows: Rows) -> Transfer:
            asked = find_request(rows, request_id)
            speak_for_one_of(rows, [asked.receiver_id], token)
            state = answer(asked.state, "approve")
            if asked.transfer_id is not None:
                return find_transfer(rows, asked.transfer_id)
            made = Transfer(
                transfer_id=context.new_id(),
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
                expires_at=now + context.settings.transfer_days * _DAY_S,
            )
            rows.put(msgspec.structs.replace(asked, state=state, transfer_id=made.transfer_id))
            rows.drop(Notice, subject=asked.request_id)
            approved = messages.TransferApproved(asked.request_id, made.transfer_id)
            write_notice(rows, asked.sender_id, approved, made.transfer_id, now)
            return rows.put(made)

        made = await context.state.write(change)
        await self._postman.wake([made.sender_id])
        return made

    async def reject(self, request_id: str, token: Voice) -> Request:
        """The receiver says no."""
        now = self._context.now()

        def change(rows: Rows) -> tuple[Request, bool]:
            asked = find_request(rows, request_id)
            speak_for_one_of(rows, [asked.receiver_id], token)
            after = msgspec.structs.replace(asked, state=answer(asked.state, "reject"))
            if after.state is asked.state:
                return asked, False
            rows.drop(Notice, subject=asked.request_id)
            write_notice(rows, asked.sender_id, messages.TransferRejected(asked.request_id), asked.request_id, now)
            return rows.put(after), True

        asked, changed = await self._context.state.write(change)
        if changed:
            await self._postman.wake([asked.sender_id])
        return asked

    async def report(self, transfer_id: str, status: str, progress: float, token: Voice) -> Transfer:
        """An end says how far it is. Progress never goes back, and a report that comes late changes nothing."""
        now = self._context.now()

        def change(rows: Rows) -> tuple[Transfer, bool]:
            before = _between_users(find_transfer(rows, transfer_id))
            speak_for_one_of(rows, [before.sender_id, before.receiver_id], token)
            if reported(before.state, status, progress) is Step.CANCEL:
                return _cancelled(rows, before, now) if Step.CANCEL in NEXT[before.state] else (before, False)
            state, percent = after_report(before.state, before.progress, status, progress)
            if (state, percent) == (before.state, before.progress):
                return before, False
            after = msgspec.structs.replace(before, state=state, progress=percent)
            first = state is TransferState.COMPLETED and before.state is not state
            if first:
                after = msgspec.structs.replace(after, completed_at=now)
                _completed(rows, after, messages.TransferCompleted(after.transfer_id, after.mode), now)
            return rows.put(after), first

        after, told = await self._context.state.write(change)
        await self._after(after, told)
        return after

    async def cancel(self, transfer_id: str, token: Voice) -> Transfer:
        """Either side calls it off; what was stored goes with it."""
        now = self._context.now()

        def change(rows: Rows) -> tuple[Transfer, bool]:
            before = find_transfer(rows, transfer_id)
            if before.sealed:
                may_send(rows, before, token)
            else:
                speak_for_one_of(rows, [before.sender_id, before.receiver_id], token)
            return _cancelled(rows, before, now)

        after, told = await self._context.state.write(change)
        await self._after(after, told)
        return after

    async def status(self, transfer_id: str, token: Voice = None) -> Transfer:
        """Where it stands now: an upload that runs is further than its last report."""
        held = await self._context.state.read(lambda rows: _between_users(find_transfer(rows, transfer_id)))
        percent = self._uploads.percent(transfer_id)
        if held.state is not TransferState.TRANSFERRING or percent <= held.progress:
            return held
        return msgspec.structs.replace(held, progress=percent)

    async def relayed(self, transfer_id: str) -> None:
        """Bytes of the transfer went through the server."""

        def change(rows: Rows) -> None:
            before = rows.get(Transfer, transfer_id)
            if before is not None and before.mode is not Mode.RELAY:
                rows.put(msgspec.structs.replace(before, mode=Mode.RELAY))

        await self._context.state.write(change)

    async def active(self) -> int:
        """Transfers that are agreed or under way."""
        under_way = [TransferState.READY, TransferState.TRANSFERRING]
        return await self._context.state.read(lambda rows: rows.count(Transfer, state__in=under_way))

    async def sweep(self) -> None:
        """Expires what is over its time and removes what nobody can reach any more. May run twice."""
        context, now = self._context, self._context.now()

        def change(rows: Rows) -> list[Transfer]:
            for asked in rows.find(Request, state=RequestState.PENDING, expires_at__lt=now, limit=1000):
                rows.put(msgspec.structs.replace(asked, state=answer(asked.state, "expire")))
                rows.drop(Notice, subject=asked.request_id)
            over = rows.find(Transfer, expires_at__lt=now, state__in=list(_ALIVE), limit=1000)
            expired = [t for t in over if not self._uploads.is_running(t.transfer_id)]
            for transfer in expired:
                rows.put(msgspec.structs.replace(transfer, state=walk(transfer.state, Step.EXPIRE), stored=0))
            old = now - self._old_s()
            rows.drop(Notice, created_at__lt=old)
            rows.drop(Request, expires_at__lt=old)
            gone = [t.transfer_id for t in rows.find(Transfer, expires_at__lt=old, state__in=list(_OVER), limit=1000)]
            rows.drop(Transfer, transfer_id__in=gone)
            rows.drop(Delivery, transfer_id__in=gone)
            rows.drop(Sealed, transfer_id__in=gone)
            return expired

        for transfer in await context.state.write(change):
            await self._uploads.forget(transfer.transfer_id, transfer.state)

    async def _after(self, transfer: Transfer, told: bool) -> None:
        if transfer.state is TransferState.CANCELLED:
            await self._uploads.forget(transfer.transfer_id, transfer.state)
        if told:
            await self._postman.wake([transfer.sender_id, transfer.receiver_id])


def _first_expiry(rows: Rows, where: dict[str, Any]) -> float:
    return rows.find(Request, order="expires_at", limit=1, **where)[0].expires_at


def _between_users(transfer: Transfer) -> Transfer:
    """NotFound for a spool of sealed bytes: its state is of its bytes, and its address is nobody's business."""
    if transfer.sealed:
        raise NotFound("no such transfer")
    return transfer


def _cancelled(rows: Rows, before: Transfer, now: float) -> tuple[Transfer, bool]:
    after = msgspec.structs.replace(before, state=walk(before.state, Step.CANCEL), stored=0)
    if after.state is before.state:
        return before, False
    if after.sealed:  # there is nobody whom its memory would serve
        for kind in (Transfer, Sealed, Delivery):
            rows.drop(kind, transfer_id=after.transfer_id)
        return after, False
    for user in {after.sender_id, after.receiver_id}:
        write_notice(rows, user, messages.TransferCancelled(after.transfer_id), after.transfer_id, now)
    return rows.put(after), True


def _completed(rows: Rows, transfer: Transfer, told: messages.TransferCompleted, now: float) -> None:
    for user in {transfer.sender_id, transfer.receiver_id}:
        write_notice(rows, user, told, transfer.transfer_id, now)
