"""Who may write an upload, of the requests that came for it: the latest that takes over.

A request is many steps from its head to its first byte. A client whose line has died asks over a new one meanwhile,
and what it is told (the offset) must not be changed by what the old line brought.
"""

import asyncio
import contextlib
from collections.abc import Iterator


class UploadClaim:
    """One request on one upload, from its head to its answer."""

    __slots__ = ("address", "begun", "lost", "over", "transfer_id")

    def __init__(self, transfer_id: str, address: str | None) -> None:
        self.transfer_id = transfer_id
        self.address = address  # whose bounds it counts against
        self.lost = False  # a later request took over: this one begins nothing any more
        self.begun = False  # its bytes are taken, or were
        self.over = asyncio.Event()  # it is answered, or its line is gone


class UploadClaims:
    """All requests on uploads that are not answered yet. Used on the loop only."""

    def __init__(self) -> None:
        self._open: dict[str, dict[UploadClaim, None]] = {}

    @contextlib.contextmanager
    def open(self, transfer_id: str, address: str | None = None) -> Iterator[UploadClaim]:
        """Entered as soon as the head is here: the order of the claims is that of the requests."""
        claim = UploadClaim(transfer_id, address)
        there = self._open.setdefault(transfer_id, {})
        there[claim] = None
        try:
            yield claim
        finally:
            claim.over.set()
            del there[claim]
            if not there:
                del self._open[transfer_id]

    async def settled(self, claim: UploadClaim) -> None:
        """Returns when every request that came after it is over."""
        while later := self._after(claim):
            await later[0].over.wait()

    def _after(self, claim: UploadClaim) -> list[UploadClaim]:
        there = self.of(claim.transfer_id)
        return there[there.index(claim) + 1 :]

    def of(self, transfer_id: str) -> list[UploadClaim]:
        """The requests of an upload that are not over, in the order in which they came."""
        return list(self._open.get(transfer_id, ()))

    def take_over(self, claim: UploadClaim) -> None:
        """All that came before it are lost. Only once the request is known to be its sender's."""
        for older in self._open[claim.transfer_id]:
            if older is claim:
                return
            older.lost = True
