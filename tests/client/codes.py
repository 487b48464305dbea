"""Those who sit between the two ends of a code, and ends of earlier versions."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from burrowspace.client.errors import Refused, Unreachable
from burrowspace.client.server.api import Nameplate, News, Server
from burrowspace.core.codes import (
    Agreed,
    Code,
    Confirmation,
    Handover,
    Meeting,
    Opening,
    Pake,
    encode_meeting,
    parse_meeting,
)
from burrowspace.core.signals import Role

M = TypeVar("M", bound=Meeting)


def another(code: Code) -> Code:
    """The same number with another word."""
    *words, last = code.words
    return replace(code, words=(*words, "zebra" if last != "zebra" else "zodiac"))


class Between(Server):
    """A server that somebody else controls: it does what `does` says with each message of ours, and with each look."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.posted: list[Meeting] = []
        self.asked = 0  # claims and looks into a mailbox
        self.fault: BaseException | None = None  # what became of whoever used it
        self.busy = 0  # looks for claims that are refused
        self.does: Callable[[Meeting], Awaitable[None]] = self.nothing
        self.after: Callable[[Meeting], Awaitable[None]] = self.nothing

    async def nothing(self, message: Meeting) -> None:
        """Carries it on."""

    async def claim(self, number: int) -> str:
        self.asked += 1
        return await super().claim(number)

    async def claims(self, plate: Nameplate, after: int, wait: float = 25.0) -> list[tuple[int, str]]:
        if self.busy:
            self.busy -= 1
            raise Refused(429, "too-many", "wait a minute")
        return await super().claims(plate, after, wait)

    async def letters(self, mailbox: str, after: int, wait: float = 0.0) -> News:
        self.asked += 1
        return await super().letters(mailbox, after, wait)

    async def post(self, mailbox: str, message: bytes) -> int:
        said = parse_meeting(message)
        self.posted.append(said)
        await self.does(said)
        number = await super().post(mailbox, message)
        await self.after(said)
        return number


def cuts(kind: type[Meeting]) -> Callable[[Meeting], Awaitable[None]]:
    """Breaks the connection at the first message of this kind."""

    async def cut(message: Meeting) -> None:
        if isinstance(message, kind):
            raise Unreachable("the connection broke")

    return cut


class Guest:
    """Somebody who says a number and speaks by hand."""

    def __init__(self, server: Server, code: Code, role: Role = Role.RECEIVER) -> None:
        self._server, self._role = server, role
        self.pake = Pake(code, role, secrets.token_bytes)
        self.mailbox = ""
        self._after = -1
        self._heard: list[Meeting] = []

    async def claim(self, number: int) -> "Guest":
        self.mailbox = await self._server.claim(number)
        return self

    async def say(self, message: Meeting | bytes) -> None:
        await self._server.post(self.mailbox, message if isinstance(message, bytes) else encode_meeting(message))

    async def next(self, kind: type[M]) -> M:
        """The other end's next message, of this kind; every other message of theirs is passed over."""
        while True:
            while self._heard:
                found = self._heard.pop(0)
                if isinstance(found, kind) and getattr(found, "role", self._role.other) is not self._role:
                    return found
            for number, body in await self._server.messages(self.mailbox, self._after, 5):
                self._after = number
                self._heard.append(parse_meeting(body))

    async def agree(self) -> Agreed:
        await self.say(self.pake.opening)
        return self.pake.finish(await self.next(Opening))

    async def prove(self) -> Agreed:
        agreed = await self.agree()
        await self.say(agreed.confirmation)
        return agreed


async def old_receiver(server: Server, code: Code) -> bytes:
    """As a receiver up to 2026-11 spoke."""
    guest = await Guest(server, code).claim(code.nameplate)
    agreed = await guest.prove()
    agreed.check(await guest.next(Confirmation))
    secret = agreed.take_over(await guest.next(Handover))
    await server.remove_mailbox(guest.mailbox)
    return secret


async def old_sender(server: Server, token: str, code: Code, secret: bytes) -> None:
    """As a sender up to 2026-11 spoke: its opening first, and its proof before it looked at the other's."""
    while not (claims := await server.claims(Nameplate(code.nameplate, token), -1, 5)):
        await asyncio.sleep(0)
    guest = Guest(server, code, Role.SENDER)
    guest.mailbox = claims[0][1]
    agreed = await guest.agree()
    proof = await guest.next(Confirmation)
    await guest.say(agreed.confirmation)
    agreed.check(proof)
    await guest.say(agreed.hand_over(secret, secrets.token_bytes(12)))
