"""The one gate of the quotas: what uploads reserve, of whose share, and whether the disk has room for it.

Quotas are counted in the rows, so that a restart forgets nothing. Room on the disk is this node's own: what is free,
less what has been promised to the uploads that run here. How much is asked for: core/reserving.py.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from burrowspace.core.errors import NoSpace
from burrowspace.core.records import Upload
from burrowspace.core.reserving import Need
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.upload_writer import UploadWriter

_TOTAL, _ADDRESS = 0.9, 0.5  # of the disk space that is free at the start, what is kept here already included


class Quotas(NamedTuple):
    """Bytes that may be reserved."""

    address: int
    user: int | None
    total: int


class Room(NamedTuple):
    """What an upload may have at most: by the quotas, and on the disk, its own bytes there included."""

    quotas: Quotas
    disk: int


class Reserve:
    """Of this node. `running` are the uploads at work."""

    def __init__(self, context: DriverContext, running: Mapping[str, UploadWriter]) -> None:
        self._context, self._running = context, running
        self._quotas: Quotas | None = None

    async def quotas(self) -> Quotas:
        """As the settings say, else a share of what was free when this was asked first: at the start."""
        if self._quotas is None:
            settings, context = self._context.settings, self._context
            kept = await context.state.read(lambda rows: rows.total(Upload, "reserved"))
            space = max(0, await context.spool.room()) + kept
            total = settings.total_quota_bytes or int(space * _TOTAL)
            address = settings.address_quota_bytes or min(total, int(space * _ADDRESS))
            self._quotas = Quotas(address, settings.user_quota_bytes, total)
        return self._quotas

    async def room(self, writer: UploadWriter | None = None) -> Room:
        """For this upload, or for one that has nothing yet."""
        quotas, free = await self.quotas(), await self._context.spool.room()
        promised = sum(each.promised for each in self._running.values() if each is not writer)
        rest = writer.rest if writer is not None else 0
        return Room(quotas, rest + free - promised)

    def take(self, rows: Rows, upload: Upload, need: Need, room: Room) -> Upload:
        """Reserves up to `need.most` for the upload, which is not among the rows now; all of them or what is left.

        NoSpace where `need.fits` is more than there is; nothing is then reserved."""
        address, user, total = room.quotas
        bounds = [
            (room.disk, "the server's disk has no room for a file of this size; go on later"),
            (
                total - rows.total(Upload, "reserved"),
                "the server keeps as many bytes as it may; go on when others have been taken",
            ),
        ]
        if upload.address is not None:
            words = f"your address may keep {address} bytes on this server; this is more than is left"
            bounds.append((address - rows.total(Upload, "reserved", address=upload.address), words))
        if user is not None:
            words = f"one user may keep {user} bytes on this server; this is more than is left"
            bounds.append((user - rows.total(Upload, "reserved", user_id=upload.user_id), words))
        for left, words in bounds:
            if need.fits > left:
                raise NoSpace(words)
        return rows.put(msgspec.structs.replace(upload, reserved=max(0, min(need.most, *(left for left, _ in bounds)))))
