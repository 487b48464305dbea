"""A sealed conversation of two ends in one mailbox, over whatever outages the server has.

What is said is said once it is in the mailbox; what is heard comes in order, each message once. Nothing here knows what
the words mean. Spec: docs/spec/signalling.md.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from burrowspace.client.errors import Missing, Refused, Unreachable
from burrowspace.client.log import Log
from burrowspace.client.pause import Pause
from burrowspace.client.server.api import WAIT_S, Server
from burrowspace.core.errors import BurrowError
from burrowspace.core.signals import SESSION_BYTES, Channel, Role, Signal

log = Log("client")

NONCE = 12

T = TypeVar("T")
BUSY_S = 60.0  # the server counts messages by the minute
LAST_WORDS_S = 1.0
KEPT = 256  # messages that stay in a mailbox that had become full


class Conversation:
    """`session` is this program's run, the same in all its mailboxes: the other end tells its restarts by it."""

    def __init__(self, server: Server, secret: bytes, mailbox: str, role: Role, session: bytes | None = None) -> None:
        self.mailbox = mailbox
        self._server = server
        self.session = session or secrets.token_bytes(SESSION_BYTES)
        self._channel = Channel(secret, mailbox, role, self.session)
        self._saying = asyncio.Lock()
        self._after = -1
        self._told: list[tuple[bytes, Signal]] = []  # read by a `so_far` that the server broke off
        self.away = asyncio.Event()  # set while the server cannot be reached

    async def say(self, signal: Signal) -> None:
        """Leaves a message, however long the server takes to come back. Refused: it does not want it, or too many of
        our address have said too much for BUSY_S."""
        async with self._saying:
            busy_until = time.monotonic() + BUSY_S
            message = self._channel.seal(signal, secrets.token_bytes(NONCE))
            pause, trimmed = Pause(), False
            while True:
                try:
                    await self._server.post(self.mailbox, message)  # twice is once: the counter says so
                except Unreachable:
                    self.away.set()
                    await pause.wait()
                    continue
                except Refused as error:
                    if _full(error) and not trimmed:
                        trimmed = True
                        await self._server.trim_mailbox(self.mailbox, max(0, self._after - KEPT))
                    elif error.http_status == 429 and time.monotonic() < busy_until:
                        await pause.wait()
                    else:
                        raise
                    continue
                self.away.clear()
                return

    async def last_words(self, signal: Signal, seconds: float = LAST_WORDS_S) -> bool:
        """Says it before all ends, if the server takes it in so many seconds: whether it did."""
        with contextlib.suppress(TimeoutError, BurrowError):
            async with asyncio.timeout(seconds):
                await self.say(signal)
                return True
        return False

    async def heard(self) -> AsyncIterator[tuple[bytes, Signal]]:
        """(session of the other end, what it said), from the mailbox's first message on. Never ends by itself."""
        pause = Pause()
        while True:
            try:
                found = await self._server.messages(self.mailbox, self._after, WAIT_S)
            except (Unreachable, Refused) as error:
                if (
                    isinstance(error, Refused)
                    and not isinstance(error, Missing)
                    and error.http_status not in (429, 500, 502, 503, 504)
                ):
                    raise
                self.away.set()
                await pause.wait()
                continue
            self.away.clear()
            pause.over()
            for each in self._opened(found):
                yield each

    async def so_far(self) -> list[tuple[bytes, Signal]]:
        """What lies there now, without waiting. Unreachable, Refused."""
        while found := await self._server.messages(self.mailbox, self._after):
            self._told.extend(self._opened(found))
        told, self._told = self._told, []
        return told

    def _opened(self, found: Iterable[tuple[int, bytes]]) -> Iterator[tuple[bytes, Signal]]:
        """Those of them that the other end said; each counts as read when it is asked for."""
        for number, body in found:
            self._after = max(self._after, number)
            try:
                yield self._channel.open(body)
            except BurrowError as error:
                log.debug("a message was not the other end's", code=error.code)  # our own, or a stranger's


async def patiently(call: Callable[[], Awaitable[T]], away: Callable[[], None] = lambda: None) -> T:
    """What `call` gives, however long the server takes to come back; `away` is called each time that it does not."""
    pause = Pause()
    while True:
        try:
            return await call()
        except Unreachable:
            away()
            await pause.wait()


def _full(error: Refused) -> bool:
    """Whether the mailbox has no room: its oldest messages are of runs that are long over."""
    return error.said in ("too-many", "too-large") and "trim" in error.sentence
