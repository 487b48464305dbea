"""Spools of sealed bytes: transfers without users. Whoever has the write token writes, whoever has the id reads.

The bytes go the way of all transfers, /upload and /download; here they are made, looked at and let rest.
Spec: docs/spec/bytes.md.
"""

from typing import Any, NamedTuple

from burrowspace.core.errors import Gone, NotFound, TooLarge, TooMany
from burrowspace.core.records import Delivery, Sealed, Transfer, Upload
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, TransferState
from burrowspace.core.upload import Write
from burrowspace.core.upload_answers import Style, limits
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.lookup import find_transfer
from burrowspace.server.driver.tokens import digest
from burrowspace.server.driver.uploads import Uploads

FILENAME = "sealed.bin"  # what the bytes are called, here and in a browser that is led to them
_HOUR_S = 3600.0
_SWEPT = 1000  # untouched ones that go in one transaction
_HERE = (TransferState.READY, TransferState.TRANSFERRING, TransferState.COMPLETED)


class Made(NamedTuple):
    transfer: Transfer
    token: str


class Standing(NamedTuple):
    """How a spool is. Sizes are bytes."""

    transfer: Transfer
    upload: Upload
    offset: int  # where the next byte goes
    first: int  # the first byte that is still here
    window: int
    readers: int  # who follow it at this node now
    deliveries: int


def _first_expiry(rows: Rows, **where: Any) -> float:
    return rows.find(Transfer, order="expires_at", limit=1, **where)[0].expires_at


class Spools:
    """All spools of sealed bytes of this node."""

    def __init__(self, context: DriverContext, uploads: Uploads, lanes: Lanes) -> None:
        self._context, self._uploads, self._lanes = context, uploads, lanes

    async def make(self, length: int | None, policy: Policy, window: int | None, address: str | None) -> Made:
        """A new spool, its upload begun. TooMany, TooLarge and NoSpace at the bounds; then nothing stays."""
        context, key, token = self._context, self._context.new_id(), self._context.new_token()
        settings, now = context.settings, context.now()
        owner = f"address\t{address or 'loopback'}"  # whose quota it is; no user has a tab in the name
        if length is not None and length > settings.max_file_bytes:
            most = settings.max_file_bytes
            raise TooLarge(f"a spool may have {most} bytes here", **limits(most))

        def change(rows: Rows) -> Transfer:
            most, here = settings.max_spools_per_address, {"state__in": list(_HERE)}
            if address is not None and rows.count(Transfer, sender_id=owner, **here) >= most:
                words = f"your address has {most} spools already; delete one first, or wait for one to expire"
                raise TooMany(words, _first_expiry(rows, sender_id=owner, **here) - now)
            if rows.count(Transfer, receiver_id="", **here) >= settings.max_spools:
                words = "this server has as many spools as it may; try again later"
                raise TooMany(words, _first_expiry(rows, receiver_id="", **here) - now)
            rows.put(Sealed(key, digest(token)))
            return rows.put(
                Transfer(
                    transfer_id=key,
                    request_id=key,  # nobody asked for it
                    sender_id=owner,
                    receiver_id="",
                    filename=FILENAME,
                    state=TransferState.READY,
                    progress=0.0,
                    mode=Mode.RELAY,
                    stored=0,
                    created_at=now,
                    completed_at=None,
                    expires_at=now + settings.store_hours * _HOUR_S,
                )
            )

        made = await context.state.write(change)
        most = settings.max_file_bytes if length is None else length
        begun = Write(Style.TUS, 0, 0, most, fresh=True, length=length, policy=policy, window=window)
        try:
            with self._uploads.claims.open(key, address) as claim:
                async with await self._uploads.begin(claim, begun, token, paced=True) as writer:
                    await writer.ended()
        except BaseException:
            await context.state.write(
                lambda rows: [rows.drop(kind, transfer_id=key) for kind in (Sealed, Transfer, Upload)]
            )
            raise
        return Made(made, token)

    async def look(self, spool_id: str) -> Standing:
        """NotFound for what is no spool, Gone for one that is over."""

        def ask(rows: Rows) -> tuple[Transfer, Upload | None, int]:
            transfer = find_transfer(rows, spool_id)
            if not transfer.sealed:
                raise NotFound("no such spool")
            if transfer.state not in _HERE:
                raise Gone(f"this spool is not here any more: it is {transfer.state}")
            return transfer, rows.get(Upload, spool_id), rows.count(Delivery, transfer_id=spool_id)

        transfer, upload, deliveries = await self._context.state.read(ask)
        if upload is None:
            raise Gone("the bytes of this spool are not here any more")
        window, lane = upload.window or self._context.settings.live_window_bytes, self._lanes.find(spool_id)
        readers = self._lanes.readers(spool_id)
        if lane is not None and not upload.complete:
            ledger = lane.ledger
            return Standing(transfer, upload, ledger.size, ledger.given, window, readers, deliveries)
        try:
            first, size = await self._context.spool.first(spool_id), await self._context.spool.size(spool_id)
        except NotFound:
            first = size = 0
        return Standing(transfer, upload, size, first, window, readers, deliveries)

    async def sweep(self) -> None:
        """Drops spools to which nothing was written for a while: they are free to make, so they do not last."""
        old, context = self._context.now() - self._context.settings.untouched_s, self._context

        def ask(rows: Rows) -> list[Transfer]:
            begun = rows.find(Upload, complete=False, reserved=0, created_at__lt=old, limit=_SWEPT)
            kept = rows.find(Transfer, transfer_id__in=[upload.transfer_id for upload in begun], receiver_id="")
            return [transfer for transfer in kept if transfer.stored == 0]

        untouched = []
        for transfer in await context.state.read(ask):
            key = transfer.transfer_id
            if not self._uploads.is_running(key) and self._lanes.find(key) is None and await self._is_empty(key):
                untouched.append(key)

        def drop(rows: Rows) -> None:
            for kind in (Sealed, Transfer, Delivery):
                rows.drop(kind, transfer_id__in=untouched)

        if untouched:
            await context.state.write(drop)
        for key in untouched:
            await self._uploads.forget(key, TransferState.EXPIRED)

    async def _is_empty(self, key: str) -> bool:
        try:
            return await self._context.spool.size(key) == 0
        except NotFound:
            return True

    async def allow(self, spool_id: str, policy: Policy, token: str | None) -> Standing:
        """Its owner lets it rest, from now on and for what still runs. WrongState for the other direction."""
        await self.look(spool_id)
        await self._uploads.allow(spool_id, policy, token)
        return await self.look(spool_id)
