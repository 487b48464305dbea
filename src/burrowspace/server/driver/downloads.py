"""Downloads: a file at rest or one that still arrives, whole or in part; and deliveries, which a receiver counts.

Nothing here is changed by a GET or a HEAD.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

from burrowspace.core.download import Part, part_headers, which
from burrowspace.core.errors import Forbidden, Gone, NotFound, NotReady
from burrowspace.core.names import attachment
from burrowspace.core.records import Delivery, Peer, Transfer, Upload
from burrowspace.core.transfer import TransferState
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.lane import Lane, Reader
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.lookup import find_transfer
from burrowspace.server.driver.tokens import Voice, speak_for_one_of

_COUNTED = 1000  # deliveries of one transfer
AT_ONCE = {"x-accel-buffering": "no"}  # nginx passes on what comes, whatever its proxy_buffering says
_OVER = (TransferState.CANCELLED, TransferState.EXPIRED, TransferState.FAILED)


@dataclass(slots=True)
class Download:
    """What to send: the answer's status and headers, and the bytes of `part`; followed by `reader` where one is set."""

    key: str
    part: Part
    headers: dict[str, str]
    reader: Reader | None = None
    ended: Callable[[], None] | None = None

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()


class Downloads:
    """All downloads of this node."""

    def __init__(self, context: DriverContext, lanes: Lanes) -> None:
        self._context, self._lanes = context, lanes

    async def open(
        self,
        transfer_id: str,
        headers: Mapping[str, str],
        token: Voice,
        *,
        follow: bool = False,
    ) -> Download:
        """The bytes that a GET asks for. NotReady before they are all here, unless they are followed; Gone once they
        are not any more. Close the download."""
        transfer, upload = await self._look(transfer_id, token)
        if transfer.completed_at is None and follow:
            download = await self._follow(transfer, upload, headers)
            if download is not None:
                return download
            transfer, upload = await self._look(transfer_id, None)  # it was completed meanwhile
        key = transfer.transfer_id
        try:
            size, first = await self._context.spool.size(key), await self._context.spool.first(key)
        except NotFound:
            size, first = -1, 0
        if transfer.completed_at is None or size != transfer.stored:
            raise NotReady("the file is not ready to be downloaded", state=transfer.state)
        tag = _tag(transfer, upload)
        part = which(headers, size, tag, first)
        more = {**_headers(transfer), **part_headers(part, size, tag)}
        return Download(key, part, more, ended=self._lanes.reads_whole(key))

    async def descriptor(self, download: Download) -> int | None:
        """The file that holds the bytes, open: the caller closes it. None: this spool has none."""
        return await self._context.spool.descriptor(download.key)

    async def _look(self, transfer_id: str, token: Voice) -> tuple[Transfer, Upload | None]:
        def ask(rows: Rows) -> tuple[Transfer, Upload | None]:
            transfer = find_transfer(rows, transfer_id)
            if transfer.state in _OVER:
                raise Gone(f"this file is not here any more: the transfer is {transfer.state}")
            return transfer, rows.get(Upload, transfer_id)

        transfer, upload = await self._context.state.read(ask)
        if isinstance(token, str) and not transfer.sealed:
            users = [transfer.sender_id, transfer.receiver_id]
            await self._context.state.write(lambda rows: speak_for_one_of(rows, users, token))
        return transfer, upload

    async def _follow(self, transfer: Transfer, upload: Upload | None, headers: Mapping[str, str]) -> Download | None:
        """The running or resumable upload; waits for one that has not begun. None when it was complete meanwhile."""
        key, patience = transfer.transfer_id, self._context.settings.follow_wait_s
        lane = self._lanes.find(key)
        if lane is None and upload is not None and not upload.complete:
            lane = await self._resumed(key, upload)
        else:
            if lane is None and not await self._lanes.opened(key, patience):
                raise NotReady("the sender has not begun to upload", state=transfer.state)
            lane = self._lanes.find(key)
            if lane is not None:
                lane.enter()
        if lane is None:
            return None
        try:
            _, upload = await self._look(key, None)
            if lane.over:
                return None
            tag = _tag(transfer, upload)
            part = which(headers, lane.length, tag, lane.ledger.given, lane.size)
            more = {**_headers(transfer), **AT_ONCE, **part_headers(part, lane.length, tag)}
            return Download(key, part, more, lane.reader(part.start))
        finally:
            lane.leave()

    async def _resumed(self, key: str, upload: Upload) -> Lane | None:
        try:
            return await self._lanes.resume(key, upload.policy, upload.length, upload.window)
        except NotFound:
            return None

    def pieces(self, download: Download) -> AsyncGenerator[bytes, None]:
        """The download's bytes, for whoever cannot have the kernel move them."""
        start, stop = download.part.start, download.part.stop
        if download.reader is not None:
            return download.reader.pieces(stop, self._context.settings.follow_wait_s)
        return self._context.spool.read(download.key, start, None if stop is None else stop - start)

    async def delivered(self, transfer_id: str, peer_id: str | None, token: Voice) -> int:
        """A receiver says that it holds the file, verified; how many have said so. Saying it again changes nothing."""
        now = self._context.now()

        def change(rows: Rows) -> int:
            transfer = find_transfer(rows, transfer_id)
            if not transfer.sealed:
                speak_for_one_of(rows, [transfer.receiver_id], token)
            if transfer.completed_at is None:
                raise NotReady("the file is not complete; nobody can have verified it", state=transfer.state)
            receiver = transfer.receiver_id
            if transfer.sealed:
                receiver = peer_id or ""  # whatever the receiver calls itself
            elif peer_id is not None:
                peer = rows.get(Peer, peer_id)
                if peer is None:
                    raise NotFound("no such peer")
                if peer.user_id != transfer.receiver_id:
                    raise Forbidden("this file was not for that peer")
                receiver = peer_id
            key = f"{transfer_id}:{receiver}"
            if rows.get(Delivery, key) is None and rows.count(Delivery, transfer_id=transfer_id) < _COUNTED:
                rows.put(Delivery(key, transfer_id, receiver, now))
            return rows.count(Delivery, transfer_id=transfer_id)

        return await self._context.state.write(change)


def _tag(transfer: Transfer, upload: Upload | None) -> str:
    """A strong tag: an upload that starts over gets another."""
    begun = upload.created_at if upload is not None else transfer.completed_at or 0.0
    return f'"{transfer.transfer_id}-{int(begun * 1000):x}"'


def _headers(transfer: Transfer) -> dict[str, str]:
    return {
        "content-type": "application/octet-stream",
        "content-disposition": attachment(transfer.filename),
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-store",
    }
