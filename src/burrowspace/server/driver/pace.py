"""What every call that writes a row has to pass: how often one address may write, and whether the disk has room for it.

Which call passes what stands in server/api/limits.py; the events of a socket ask here too.
"""

from enum import StrEnum

from burrowspace.core.errors import NoSpace, TooMany
from burrowspace.core.rates import Rate
from burrowspace.server.driver.context import DriverContext

_LOOK_S = 1.0  # between two looks at the disk


class Kind(StrEnum):
    """Calls that are counted together."""

    CONNECT = "new devices"
    REQUEST = "requests"
    WRITE = "calls that change something"


class Pace:
    """One per process. Used on the loop only."""

    def __init__(self, context: DriverContext) -> None:
        self._context, settings = context, context.settings
        self._rates = {
            Kind.CONNECT: Rate(settings.max_connects_per_minute),
            Kind.REQUEST: Rate(settings.max_requests_per_minute),
            Kind.WRITE: Rate(settings.max_writes_per_minute),
        }
        self._room, self._looked_at = 0, -_LOOK_S

    def check(self, kind: Kind, address: str | None) -> None:
        """Counts one more for the address. TooMany, with the seconds until it would pass; None has no limit."""
        if address is None:
            return
        rate = self._rates[kind]
        if wait_s := rate.wait(address, self._context.now()):
            words = f"your address may make {rate.per_minute} {kind.value} a minute; try again in {wait_s:.0f} s"
            raise TooMany(words, wait_s)

    async def may_grow(self) -> None:
        """NoSpace below the floor of free disk space: the database grows there too, and what it holds must not be lost
        to a full disk. Reads, deletes and what ends a transfer go on."""
        now = self._context.now()
        if not 0 <= now - self._looked_at < _LOOK_S:
            self._room, self._looked_at = await self._context.spool.room(), now
        if self._room <= 0:
            raise NoSpace("the server's disk is full; nothing new is taken until there is room again")
