"""A code becomes a secret: the number finds a mailbox, SPAKE2 and its confirmation run in it, the secret changes hands.

The sender's side answers any number of claims, one after the other is wrong: then the code is burnt. Spec:
docs/spec/meeting.md.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from burrowspace.client.api import Missing, Nameplate, Refused, Server, Unreachable
from burrowspace.client.log import Log
from burrowspace.core import codes
from burrowspace.core.codes import Agreed, Code, Confirmation, Handover, Meeting, Opening, Pake
from burrowspace.core.errors import BadCode, BurrowError, WrongCode
from burrowspace.core.signals import Role

log = Log("client")

MEETING_S = 30.0  # that one meeting may take
POLL_S = 20.0

M = TypeVar("M", bound=Meeting)


class CodeBurnt(BurrowError):
    """Somebody used a wrong code: the right one is worth nothing any more."""

    code, status = "code-burnt", 410


async def offer_code(server: Server) -> tuple[Nameplate, Code]:
    """A fresh code. Unreachable, Refused."""
    plate = await server.offer_nameplate()
    return plate, codes.make_code(plate.number, secrets.token_bytes(4))


async def hand_over(server: Server, plate: Nameplate, code: Code, secret: bytes, handed: Callable[[], None]) -> None:
    """Gives the secret to everyone who comes with the code, until it is cancelled. `handed` is called for each.

    CodeBurnt after a wrong guess (the nameplate is released), or when its time is up.
    """
    after = -1
    try:
        while True:
            try:
                claims = await server.claims(plate, after, POLL_S)
            except Unreachable:
                await asyncio.sleep(1.0)
                continue
            except Missing:
                raise CodeBurnt("the code's time is up") from None
            for number, mailbox in claims:
                after = max(after, number)
                try:
                    async with asyncio.timeout(MEETING_S):
                        await _give(server, mailbox, code, secret)
                except TimeoutError:
                    log.info("somebody said the number and no more")
                    continue
                except Unreachable:
                    log.info("the server went away in the middle of a meeting")
                    continue
                handed()
    except WrongCode:
        raise CodeBurnt("somebody tried a wrong code, so the old one is burnt") from None
    finally:
        await _quietly(server.burn(plate))


async def _give(server: Server, mailbox: str, code: Code, secret: bytes) -> None:
    async with _Talk(server, mailbox, Role.SENDER) as talk:
        agreed = await _agree(talk, code, Role.SENDER)
        handover = agreed.hand_over(secret, secrets.token_bytes(12))
        await talk.say(handover)


async def take_over(server: Server, code: Code) -> bytes:
    """The secret of whoever offered the code. WrongCode, BadCode (nobody waits under the number), Unreachable."""
    try:
        mailbox = await server.claim(code.nameplate)
    except Missing:
        raise BadCode(
            f"nobody waits under the number {code.nameplate}: the code is used up, too old or wrong; ask for a new one"
        ) from None
    try:
        async with asyncio.timeout(MEETING_S), _Talk(server, mailbox, Role.RECEIVER) as talk:
            agreed = await _agree(talk, code, Role.RECEIVER)
            return agreed.take_over(await talk.next(Handover))
    except TimeoutError:
        raise WrongCode("the other side does not answer; is the sender still running? ask for a new code") from None


async def _agree(talk: "_Talk", code: Code, role: Role) -> Agreed:
    pake = Pake(code, role, secrets.token_bytes)
    await talk.say(pake.opening)
    agreed = pake.finish(await talk.next(Opening))
    if role is Role.RECEIVER:
        await talk.say(agreed.confirmation)
    proof = await talk.next(Confirmation)
    if (
        role is Role.SENDER
    ):  # second, so that nobody tries a guess on this proof and falls silent; a bad guess hears of it
        await talk.say(agreed.confirmation)
    agreed.check(proof)
    return agreed


class _Talk:
    """The messages of one meeting; the own ones are told from the other's by their role."""

    def __init__(self, server: Server, mailbox: str, role: Role) -> None:
        self._server, self._mailbox, self._role = server, mailbox, role
        self._heard: AsyncIterator[Meeting] = self._listen()

    async def __aenter__(self) -> "_Talk":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._heard.aclose()  # type: ignore[attr-defined]
        if self._role is Role.RECEIVER:
            await _quietly(self._server.remove_mailbox(self._mailbox))

    async def say(self, message: Meeting) -> None:
        await self._server.post(self._mailbox, codes.encode_meeting(message))

    async def next(self, kind: type[M]) -> M:
        """The other's next message. WrongCode if it is of another kind."""
        async for message in self._heard:
            if not isinstance(message, kind):
                break
            return message
        raise WrongCode("the other side does not follow the rules of a meeting; ask for a new code")

    async def _listen(self) -> AsyncIterator[Meeting]:
        after = -1
        while True:
            for number, body in await self._server.messages(self._mailbox, after, POLL_S):
                after = max(after, number)
                message = codes.parse_meeting(body)
                if isinstance(message, Handover):
                    if self._role is Role.RECEIVER:
                        yield message
                elif message.role is not self._role:
                    yield message


async def _quietly(work: Awaitable[None]) -> None:
    """What is only tidiness may fail."""
    try:
        async with asyncio.timeout(2.0):
            await work
    except (TimeoutError, Refused, Unreachable) as error:
        log.debug("not tidied up", why=str(error))
