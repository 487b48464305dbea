"""A sender takes back what it left to rest on the server: whoever comes is told, the sealed bytes go.

It needs what the sending wrote down: the secret, and the tokens of its segments. Twin of web/wire/session/take-back.js.
Spec: docs/spec/paths.md.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Literal

from burrowspace.client.errors import Missing, Unreachable
from burrowspace.client.rendezvous.conversation import Conversation
from burrowspace.client.server.api import Server, Spool
from burrowspace.client.session.receivers import MOST
from burrowspace.client.state.shelf import Left
from burrowspace.core import signals
from burrowspace.core.links import mailbox_id
from burrowspace.core.signals import SESSION_BYTES, Role

PATIENCE_S = 30.0

Fate = Literal["back", "taken", "lapsed"]
"""back: nobody had it, and nobody can have it now. taken: somebody had verified all of it; nobody else can have it now.
lapsed: nothing of it was there any more."""


async def take_back(server: Server, left: Left) -> Fate:
    """Unreachable: nothing may have happened yet, it can be tried again. Refused."""
    session = secrets.token_bytes(SESSION_BYTES)

    def talk(mailbox: str) -> Conversation:
        return Conversation(server, left.secret, mailbox, Role.SENDER, session)

    main = talk(mailbox_id(left.secret))
    try:
        async with asyncio.timeout(PATIENCE_S):
            there = [await _is_there(server, leg.spool) for leg in left.legs]
            told = await _told(main)
            for leg in left.legs:
                await server.drop_spool(Spool(leg.spool, leg.token))
            # Looked for last: who has verified it by now had it before it went
            if told and await _taken(main, talk, left.secret):
                return "taken"
    except TimeoutError:
        raise Unreachable(f"{server.origin} cannot be reached") from None
    return "back" if any(there) else "lapsed"


async def _is_there(server: Server, spool: str) -> bool:
    try:
        await server.spool(spool)
    except Missing:
        return False
    return True


async def _told(main: Conversation) -> bool:
    """Whether there is a mailbox in which it can be told."""
    try:
        await main.say(signals.Cancel("the sender took it back"))
    except Missing:
        return False
    return True


async def _taken(main: Conversation, talk: Callable[[str], Conversation], secret: bytes) -> bool:
    """Whether somebody said that it has all of it, verified."""
    said = [signal for _, signal in await main.so_far()]
    receivers = list(dict.fromkeys(signal.receiver for signal in said if isinstance(signal, signals.Hello)))[:MOST]
    for receiver in receivers:
        heard = await talk(mailbox_id(secret, receiver)).so_far()
        if any(isinstance(signal, signals.Verified) for _, signal in heard):
            return True
    return False
