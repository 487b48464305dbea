"""Changes: everything that one browser waits for, in one call.

A browser opens six connections to a host over HTTP/1.1, for all its pages together. So one of them waits for
everything: messages, claims and devices nearby. Each is read where it is kept; nothing is kept here.
Spec: docs/spec/changes.md.
"""

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from burrowspace.server.driver.change_notifier import ChangeNotifier
from burrowspace.server.driver.mailboxes import Found, Mailboxes
from burrowspace.server.driver.nameplates import ClaimsOfNumber, Nameplates, OwnedPlate
from burrowspace.server.driver.nearby import Nearby, NearbyView, OwnDevice, Where


class Wanted(NamedTuple):
    """What the caller knows of each thing already."""

    mailboxes: Mapping[str, int]  # the number of the last message, by id
    nameplates: Mapping[int, OwnedPlate]
    nearby: Mapping[str, OwnDevice]  # by handle


class Changed(NamedTuple):
    """What there is beyond that, and None for what is not there, or not the caller's."""

    mailboxes: dict[str, Found | None]
    nameplates: dict[int, ClaimsOfNumber | None]
    nearby: dict[str, NearbyView | None]


class Changes:
    """Asks those who know. Used on the loop only."""

    def __init__(self, notifier: ChangeNotifier, mailboxes: Mailboxes, nameplates: Nameplates, nearby: Nearby) -> None:
        self._notifier, self._mailboxes, self._nameplates, self._nearby = notifier, mailboxes, nameplates, nearby

    async def read(self, wanted: Wanted, seconds: float, where: Where) -> Changed:
        """What has changed, as soon as something has, or nothing once `seconds` are over. TooMany where too many calls
        wait already, or a device comes and goes too often."""

        async def ask() -> Changed:
            return Changed(
                await self._mailboxes.look_many(wanted.mailboxes) if wanted.mailboxes else {},
                await self._nameplates.look_many(wanted.nameplates) if wanted.nameplates else {},
                {handle: each.view() for handle, each in watched.items() if each.changed()},
            )

        with contextlib.ExitStack() as stack:
            watched = {
                handle: stack.enter_context(self._nearby.watching(handle, own.token, where, own.version))
                for handle, own in wanted.nearby.items()
            }
            keys = [
                *wanted.mailboxes,
                *map(self._nameplates.change_key, wanted.nameplates),
                *[each.key for each in watched.values() if each.key is not None],
            ]
            return await self._notifier.until(keys, where.address, seconds, ask, any)
