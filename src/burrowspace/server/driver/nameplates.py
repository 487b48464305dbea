"""Nameplates: the small number of a code such as 7-walnut-orbit, under which two ends find a mailbox of their own.

The words never come here. Whoever says the number gets a fresh mailbox, and the owner is told of it; whether the words
were right, the two find out there. Spec: docs/spec/mailboxes.md.
"""

import hmac
from collections.abc import Mapping, Set
from typing import NamedTuple

import msgspec

from burrowspace.core.errors import Forbidden, NotFound, TooMany, Unauthorized
from burrowspace.core.rates import Rate
from burrowspace.core.records import Claim, Mailbox, Message, Nameplate
from burrowspace.ports import Rows
from burrowspace.server.driver.change_notifier import ChangeNotifier
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.mailboxes import Mailboxes
from burrowspace.server.driver.tokens import digest

LAST = 9999  # the largest number
_RANGES = (9, 99, 999, LAST)
CLAIM_S = 60.0  # that a claim counts, and its mailbox lives if nobody writes: twice what a meeting may take
BRISK_S = 5.0  # that a meeting in which somebody speaks is left alone
_TUNNEL = 10  # times as many claims through a tunnel, where many stand behind loopback


class Offered(NamedTuple):
    nameplate: Nameplate
    token: str


class OwnedPlate(NamedTuple):
    """What the owner of a number knows: its token, and the number of the last claim."""

    token: str
    after: int


class ClaimsOfNumber(NamedTuple):
    nameplate: Nameplate
    claims: list[Claim]


class Nameplates:
    """All nameplates; the rows are the truth."""

    def __init__(self, context: DriverContext, notifier: ChangeNotifier, mailboxes: Mailboxes) -> None:
        self._context, self._notifier, self._mailboxes = context, notifier, mailboxes
        per_minute = context.settings.max_claims_per_minute
        self._rate, self._tunnel = Rate(per_minute), Rate(_TUNNEL * per_minute)

    async def offer(self, address: str | None) -> Offered:
        """A free number, small and not to be foreseen. TooMany at the bounds."""
        context, token, entropy = self._context, self._context.new_token(), int(self._context.new_id(), 16)
        settings, now = context.settings, context.now()

        def change(rows: Rows) -> Nameplate:
            held = rows.find(Nameplate, expires_at__gt=now)
            mine = [plate for plate in held if address is not None and plate.address == address]
            if len(mine) >= settings.max_nameplates_per_address:
                words = f"your address holds {settings.max_nameplates_per_address} codes already; end one first"
                raise TooMany(words, min((plate.expires_at for plate in mine), default=now) - now)
            number = pick({plate.number for plate in held}, entropy)
            if number is None:
                words = "all numbers for codes are taken; try again later"
                raise TooMany(words, min(plate.expires_at for plate in held) - now)
            rows.drop(Claim, nameplate_id=str(number))
            expires_at = now + settings.nameplate_s
            return rows.put(Nameplate(str(number), number, digest(token), address, 0, now, expires_at))

        return Offered(await context.state.write(change), token)

    async def claim(self, number: int, address: str | None) -> str:
        """Somebody says the number: the id of a fresh mailbox, made already. NotFound; TooMany for who guesses."""
        context, mailbox_id = self._context, self._context.new_id()
        now = context.now()
        self._paced(address, now)

        def change(rows: Rows) -> list[str]:
            plate = _known(rows, number, now)
            gone = self._make_room(rows, plate, address, now)
            self._mailboxes.made(rows, mailbox_id, address, now, now + CLAIM_S)
            rows.put(Claim(f"{number}:{plate.claims}", plate.nameplate_id, plate.claims, mailbox_id))
            rows.put(msgspec.structs.replace(plate, claims=plate.claims + 1))
            return gone

        gone = await context.state.write(change)
        for each in (*gone, self.change_key(number)):
            self._notifier.notify(each)
        return mailbox_id

    def _make_room(self, rows: Rows, plate: Nameplate, address: str | None, now: float) -> list[str]:
        """Drops claims that were abandoned; at a bound the oldest one gives way in which nobody has said anything, else
        the oldest one that is past BRISK_S. The mailboxes that are gone. TooMany."""
        settings = self._context.settings
        claims = rows.find(Claim, nameplate_id=plate.nameplate_id, order="number")
        boxes = {box.mailbox_id: box for box in rows.find(Mailbox, mailbox_id__in=[each.mailbox_id for each in claims])}
        live = [
            (claim, boxes[claim.mailbox_id])
            for claim in claims
            if claim.mailbox_id in boxes and boxes[claim.mailbox_id].created_at > now - CLAIM_S
        ]
        there = {claim.claim_id for claim, _ in live}
        dropped = [claim.claim_id for claim in claims if claim.claim_id not in there]
        gone: list[str] = []
        mine = [each for each in live if address is not None and each[1].address == address]
        for some, most in (
            (mine, settings.max_nameplate_claims_per_address),
            (live, settings.max_nameplate_claims),
        ):
            left = [each for each in some if each[1].mailbox_id not in gone]
            if len(left) < most:
                continue
            silent = [each for each in left if not each[1].next_number]
            slow = [each for each in left if each[1].created_at < now - BRISK_S]
            if not silent and not slow:
                words = "this code is being tried too often; wait a few seconds and try it again"
                raise TooMany(words, min(box.created_at for _, box in left) + BRISK_S - now)
            claim, box = (silent or slow)[0]
            dropped.append(claim.claim_id)
            gone.append(box.mailbox_id)
        if dropped:
            rows.drop(Claim, claim_id__in=dropped)
        if gone:
            rows.drop(Message, mailbox_id__in=gone)
            rows.drop(Mailbox, mailbox_id__in=gone)
        return gone

    async def is_held(self, number: int, address: str | None) -> None:
        """NotFound unless somebody waits under the number. Counts as a claim: who guesses is told no more by it."""
        now = self._context.now()
        self._paced(address, now)
        await self._context.state.read(lambda rows: _known(rows, number, now))

    async def claims(
        self, number: int, token: str | None, after: int, seconds: float, address: str | None
    ) -> ClaimsOfNumber:
        """Its claims beyond number `after`, for its owner; waits for one."""

        def ask(rows: Rows) -> ClaimsOfNumber:
            plate = _owned(rows, number, token, self._context.now())
            return ClaimsOfNumber(
                plate, rows.find(Claim, nameplate_id=plate.nameplate_id, number__gt=after, order="number")
            )

        return await self._notifier.until(
            [self.change_key(number)],
            address,
            seconds,
            lambda: self._context.state.read(ask),
            lambda found: bool(found.claims),
        )

    async def look_many(self, owned: Mapping[int, OwnedPlate]) -> dict[int, ClaimsOfNumber | None]:
        """Those with claims beyond the one that is known, and None for a number that is not there or another's."""

        def ask(rows: Rows) -> dict[int, ClaimsOfNumber | None]:
            found: dict[int, ClaimsOfNumber | None] = {}
            for number, own in owned.items():
                try:
                    plate = _owned(rows, number, own.token, self._context.now())
                except (NotFound, Forbidden):
                    found[number] = None
                    continue
                beyond = rows.find(Claim, nameplate_id=plate.nameplate_id, number__gt=own.after, order="number")
                if beyond:
                    found[number] = ClaimsOfNumber(plate, beyond)
            return found

        looked: dict[int, ClaimsOfNumber | None] = await self._context.state.read(ask)
        return looked

    @staticmethod
    def change_key(number: int) -> str:
        """What is notified when the number has a new claim, or is nobody's any more."""
        return f"nameplate {number}"

    async def release(self, number: int, token: str | None) -> None:
        """The number is nobody's any more: done, or burnt after a wrong guess."""
        now = self._context.now()

        def change(rows: Rows) -> None:
            _drop(rows, [_owned(rows, number, token, now).nameplate_id])

        await self._context.state.write(change)
        self._notifier.notify(self.change_key(number))

    async def sweep(self) -> None:
        """Removes what has expired. May run twice."""
        now = self._context.now()

        def change(rows: Rows) -> list[int]:
            old = rows.find(Nameplate, expires_at__lt=now)
            if old:
                _drop(rows, [plate.nameplate_id for plate in old])
            return [plate.number for plate in old]

        for number in await self._context.state.write(change):
            self._notifier.notify(self.change_key(number))

    def _paced(self, address: str | None, now: float) -> None:
        rate = self._tunnel if address is None else self._rate
        if wait_s := rate.wait(address or "", now):
            raise TooMany("too many codes were tried from your address; wait a minute", wait_s)


def pick(taken: Set[int], entropy: int) -> int | None:
    """A free number of the shortest kind that has one; None where all are taken.

    >>> pick({1, 2, 3, 5, 6, 7, 8, 9}, 12345), pick(set(range(1, 10)), 0), pick(set(range(1, 10_000)), 0)
    (4, 10, None)
    """
    for last in _RANGES:
        if free := [number for number in range(1, last + 1) if number not in taken]:
            return free[entropy % len(free)]
    return None


def _known(rows: Rows, number: int, now: float) -> Nameplate:
    plate = rows.get(Nameplate, str(number))
    if plate is None or plate.expires_at < now:
        raise NotFound("nobody waits under this number; it may have been used or have expired")
    return plate


def _owned(rows: Rows, number: int, token: str | None, now: float) -> Nameplate:
    plate = _known(rows, number, now)
    if token is None:
        raise Unauthorized("send the nameplate's token as `Authorization: Bearer <token>`")
    if not hmac.compare_digest(digest(token), plate.token_hash):
        raise Forbidden("this is not the token of that nameplate")
    return plate


def _drop(rows: Rows, nameplate_ids: list[str]) -> None:
    for start in range(0, len(nameplate_ids), 500):
        some = nameplate_ids[start : start + 500]
        rows.drop(Claim, nameplate_id__in=some)
        rows.drop(Nameplate, nameplate_id__in=some)
