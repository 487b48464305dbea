"""The sender's side of a code: meetings side by side, one proof checked at a time, and none after a wrong one.

Who only says the number costs nothing but a waiting call. What the end of a meeting costs is decided by
core/meeting_rules.py. Spec: docs/spec/meeting.md.
"""

import asyncio
import secrets
from collections.abc import Callable

from burrowspace.client.errors import CodeBurnt, CodeExpired, Missing, Refused, Unreachable
from burrowspace.client.log import Log
from burrowspace.client.pause import Pause
from burrowspace.client.rendezvous.meeting import POLL_S, Talk, event_of, quietly
from burrowspace.client.server.api import Nameplate, Server
from burrowspace.core import codes
from burrowspace.core.codes import Code, Confirmation, Opening, Pake
from burrowspace.core.meeting_rules import MEETING_S, Stand, after, gives_way
from burrowspace.core.signals import Role

log = Log("client")

WRONG = "somebody tried a wrong code, so the old one no longer works"
BROKEN = "the connection broke while the code was being checked, so the old one no longer works"


async def offer_code(server: Server, words: int = 2) -> tuple[Nameplate, Code]:
    """A fresh code. Unreachable, Refused."""
    plate = await server.offer_nameplate()
    return plate, codes.make_code(plate.number, secrets.token_bytes(2 * words))


async def hand_over(
    server: Server,
    plate: Nameplate,
    code: Code,
    secret: bytes,
    handed: Callable[[], None],
    burnt: Callable[[], None] = lambda: None,
    once: str | None = None,
) -> None:
    """Gives the secret to everyone who comes with the code, until it is cancelled. `handed` is called for each, `burnt`
    at once when the code is burnt, before anything else is done about it. `once`: the code works once, and whoever
    comes with it later hears that it was used, and this name of the sender.

    CodeBurnt: it must not be used again. CodeExpired: its time is up, nobody guessed. The number is released.
    """
    host = _Host(server, code, secret, handed, burnt, once)
    try:
        await host.serve(plate)
    finally:
        await host.close()
        await quietly(server.burn(plate))


class _Guest:
    """One meeting that runs."""

    def __init__(self, mailbox: str) -> None:
        self.mailbox = mailbox
        self.stand = Stand.OPEN
        self.heard = False
        self.task: asyncio.Task[None] | None = None


class _Host:
    def __init__(
        self,
        server: Server,
        code: Code,
        secret: bytes,
        handed: Callable[[], None],
        burnt: Callable[[], None],
        once: str | None,
    ) -> None:
        self._server, self._code, self._secret = server, code, secret
        self._handed, self._told_burnt = handed, burnt
        self._once, self._used = once, False
        self._guests: list[_Guest] = []  # the oldest first
        self._checking = asyncio.Lock()
        self._burnt = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self, plate: Nameplate) -> None:
        claims = asyncio.ensure_future(self._receive(plate))
        try:
            await asyncio.wait({claims, self._over}, return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                self._over.result()
            claims.result()
        finally:
            claims.cancel()
            await asyncio.gather(claims, return_exceptions=True)

    async def close(self) -> None:
        tasks = [guest.task for guest in self._guests if guest.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._over.done() and not self._over.cancelled():
            self._over.exception()

    async def _receive(self, plate: Nameplate) -> None:
        """Starts a meeting for each claim."""
        last, pause = -1, Pause(first=1.0)
        while True:
            try:
                claims = await self._server.claims(plate, last, POLL_S)
            except (Unreachable, Refused) as error:
                if isinstance(error, Missing) or (isinstance(error, Refused) and error.http_status in (401, 403)):
                    raise CodeExpired("the code's time is up") from None
                await pause.wait()
                continue
            pause.over()
            for number, mailbox in claims:
                if number > last:
                    last = number
                    self._begin(mailbox)

    def _begin(self, mailbox: str) -> None:
        which = gives_way([(guest.stand, guest.heard) for guest in self._guests])
        if which is not None:
            log.info("a meeting gave way to another")
            yielded = self._guests.pop(which)
            assert yielded.task is not None
            yielded.task.cancel()
        guest = _Guest(mailbox)
        guest.task = asyncio.create_task(self._meet(guest))
        self._guests.append(guest)

    async def _meet(self, guest: _Guest) -> None:
        talk = Talk(self._server, guest.mailbox, Role.SENDER)
        try:
            async with asyncio.timeout(MEETING_S), talk:
                await self._give(guest, talk)
        except BaseException as error:  # a fault of ours included: after a proof nothing but success saves the code
            event = event_of(error)
            self._end(guest, event)
            if guest.stand is Stand.BURNT:
                if event == "wrong-proof":
                    # Receivers wait for a proof; this one is noise, so that nothing can be tested against it.
                    await quietly(talk.say(Confirmation(Role.SENDER, secrets.token_bytes(32))))
                if not self._over.done():
                    self._over.set_exception(CodeBurnt(WRONG if event == "wrong-proof" else BROKEN))
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            if guest in self._guests:
                self._guests.remove(guest)

    async def _give(self, guest: _Guest, talk: Talk) -> None:
        opening = await talk.next(Opening)
        guest.heard = True
        pake = Pake(self._code, Role.SENDER, secrets.token_bytes)
        agreed = pake.finish(opening)
        await talk.say(pake.opening)
        proof = await talk.next(Confirmation)
        async with self._checking:
            if self._burnt:
                return  # no proof of a burnt code is looked at
            guest.stand = after(guest.stand, "proof")
            try:
                agreed.check(proof)
                await talk.say(agreed.confirmation)
                if self._used and self._once is not None:
                    await talk.say(agreed.say_used(self._once, secrets.token_bytes(12)))
                    guest.stand = after(guest.stand, "done")
                    return
                await talk.say(agreed.hand_over(self._secret, secrets.token_bytes(12)))
                guest.stand = after(guest.stand, "done")
                self._used = True
            except BaseException as error:
                # Before the next one may be checked. A time limit arrives here as a cancellation.
                self._end(guest, event_of(error))
                raise
        self._handed()

    def _end(self, guest: _Guest, event: str) -> None:
        before, guest.stand = guest.stand, after(guest.stand, event)
        log.info("a meeting ended", why=event, stand=guest.stand)
        if guest.stand is Stand.BURNT and before is not Stand.BURNT:
            self._burnt = True
            self._told_burnt()
