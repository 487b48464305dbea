"""A code becomes a secret: the number finds a mailbox, SPAKE2 and its confirmation run in it, the secret changes hands.

Here is one meeting, and the receiver's side; the sender's many are hosting.py's. What the end of a meeting costs is
decided by core/meeting_rules.py. Spec: docs/spec/meeting.md.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any, TypeVar

from burrowspace.client.errors import CodeBurnt, GaveUp, Missing, Refused, Unreachable
from burrowspace.client.log import Log
from burrowspace.client.server.api import Server
from burrowspace.client.state.spent import Spent
from burrowspace.core import codes
from burrowspace.core.codes import Code, Confirmation, Handover, Meeting, Opening, Pake, Used
from burrowspace.core.errors import BadCode, BadRequest, BurrowError, Tampered, WrongCode
from burrowspace.core.meeting_rules import MEETING_S, Stand, after
from burrowspace.core.signals import Role
from burrowspace.faults import told

log = Log("client")

POLL_S = 20.0
LOST_S = 1.0  # between two looks whether the code is still good while the sender is silent
NO_MORE = "this code can't be used again. Ask the sender for a new one"

M = TypeVar("M", bound=Meeting)


async def take_over(server: Server, code: Code, spent: Spent | None = None) -> bytes:
    """The secret of whoever offered the code. `spent` remembers codes that were given up, over restarts.

    BadCode: nobody waits under the number, or somebody else has used the code. WrongCode, CodeBurnt: the code can't be
    used again. GaveUp, Tampered, BadRequest, Refused, Unreachable: it can.
    """
    if spent is not None and await asyncio.to_thread(spent.has, code):
        raise CodeBurnt(f"this code was tried here before; {NO_MORE}")
    try:
        mailbox = await server.claim(code.nameplate)
    except Missing:
        raise BadCode(
            f"nobody waits under the number {code.nameplate}: the code is used up, too old or wrong; ask for a new one"
        ) from None
    stand = Stand.OPEN
    try:
        async with asyncio.timeout(MEETING_S), Talk(server, mailbox, Role.RECEIVER) as talk:
            pake = Pake(code, Role.RECEIVER, secrets.token_bytes)
            await talk.say(pake.opening)
            agreed = pake.finish(await _unless_lost(talk.next(Opening), server, code))
            if spent is not None:  # before the proof leaves, so that even a kill cannot give away a second guess
                await asyncio.to_thread(spent.add, code)
            stand = after(stand, "proof")
            await talk.say(agreed.confirmation)
            agreed.check(await _unless_lost(talk.next(Confirmation), server, code))
            last = await _unless_lost(talk.next(Handover, Used), server, code)
            who = agreed.who_offers(last) if isinstance(last, Used) else ""
            secret = agreed.take_over(last) if isinstance(last, Handover) else None
    except BadCode:
        raise
    except (BurrowError, TimeoutError, ValueError, KeyError, TypeError) as error:
        event = event_of(error)
        if after(stand, event) is not Stand.BURNT:
            if event == "late":
                raise GaveUp("the other side does not answer; is the sender still there? try it again") from None
            raise
        if event == "wrong-proof":
            raise
        raise CodeBurnt(f"the connection broke while the code was being checked; {NO_MORE}") from error
    if spent is not None:
        await asyncio.to_thread(spent.drop, code)
    if secret is None:
        raise BadCode(f"{who or 'the sender'} is still there, but this code was used already. Ask them for a new one")
    await quietly(server.remove_mailbox(mailbox))  # only now: after a failure the sender must still find our proof
    return secret


async def _unless_lost(word: Coroutine[Any, Any, M], server: Server, code: Code) -> M:
    """The sender's next word. BadCode: somebody else was quicker, and the number stands for nothing any more."""
    hearing = asyncio.ensure_future(word)
    try:
        while not (await asyncio.wait({hearing}, timeout=LOST_S))[0]:
            with contextlib.suppress(Refused, Unreachable):
                known = await server.knows(code.nameplate)
                if not known and not (await asyncio.wait({hearing}, timeout=LOST_S / 2))[0]:
                    raise BadCode("somebody else used this code first; ask for a new one")
        return hearing.result()
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


def event_of(error: BaseException) -> str:
    """What went wrong, as the rules call it.

    >>> event_of(TimeoutError()), event_of(Unreachable("gone")), event_of(asyncio.CancelledError())
    ('late', 'unreachable', 'cut')
    """
    kinds: dict[str, type[BaseException] | tuple[type[BaseException], ...]] = {
        "wrong-proof": WrongCode,
        "no-point": Tampered,
        "malformed": (
            BadRequest,
            ValueError,
            KeyError,
            TypeError,
        ),  # the latter: what the server answers is not JSON of ours
        "refused": Refused,
        "unreachable": Unreachable,
        "late": TimeoutError,
    }
    return next((event for event, kind in kinds.items() if isinstance(error, kind)), "cut")


class Talk:
    """The messages of one meeting; the own ones are told from the other's by their role."""

    def __init__(self, server: Server, mailbox: str, role: Role) -> None:
        self._server, self._mailbox, self._role = server, mailbox, role
        self._heard: AsyncIterator[Meeting] = self._listen()

    async def __aenter__(self) -> "Talk":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._heard.aclose()  # type: ignore[attr-defined]

    async def say(self, message: Meeting) -> None:
        await self._server.post(self._mailbox, codes.encode_meeting(message))

    async def next(self, *kinds: type[M]) -> M:
        """The other's next message. BadRequest if it is of another kind, or none."""
        async for message in self._heard:
            if isinstance(message, kinds):
                return message
            break
        raise BadRequest("the other side does not follow the rules of a meeting; try it again")

    async def _listen(self) -> AsyncIterator[Meeting]:
        seen = -1
        while True:
            for number, body in (await self._server.letters(self._mailbox, seen, POLL_S)).messages:
                seen = max(seen, number)
                message = codes.parse_meeting(body)
                if isinstance(message, Handover | Used):
                    if self._role is Role.RECEIVER:
                        yield message
                elif message.role is not self._role:
                    yield message


async def quietly(work: Awaitable[object]) -> None:
    """What is only tidiness may fail."""
    try:
        async with asyncio.timeout(2.0):
            await work
    except (TimeoutError, Refused, Unreachable) as error:
        log.debug("not tidied up", why=told(error))
