"""The codes of one transfer or pairing, one after the other: what follows a burnt or expired one.

How long each is and when the person decides stands in core/meeting_rules.py; what a code is good for in hosting.py.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from burrowspace.client.errors import CodeBurnt, CodeExpired, Refused, Unreachable
from burrowspace.client.pause import Pause
from burrowspace.client.rendezvous import hosting
from burrowspace.client.rendezvous.conversation import patiently
from burrowspace.client.rendezvous.meeting import quietly
from burrowspace.client.server.api import Nameplate, Server
from burrowspace.core.codes import Code
from burrowspace.core.meeting_rules import NEXT_WORDS, words_for

ENOUGH = "three codes were tried and failed, so no new one is made by itself"
ASKED = "you asked for a new code"
LEFT = "left without taking it, and their code is used up"


class Renewed(Protocol):
    def __call__(self, code: Code | None, why: str, *, asks: bool) -> None:
        """`code` is valid now; None: there is none, and where `asks`, `Offers.another` makes one."""


class Offers:
    """`burns`: how many codes were burnt so far, in earlier runs as well; `counted` is called with each new number.
    `several`: more than one receiver may come. `once`: how this end is called, where a code works once: after its use
    there is no other until `another`, and whoever comes with the used one hears this name."""

    def __init__(
        self,
        server: Server,
        secret: bytes,
        *,
        burns: int = 0,
        several: bool = False,
        once: str | None = None,
        counted: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._server, self._secret, self._several, self._once = server, secret, several, once
        self.burns, self._counted = burns, counted
        self._held: tuple[Nameplate, Code] | None = None
        self._last = 0  # the number of the code before
        self._wanted, self._why = asyncio.Event(), ASKED
        self._used: asyncio.Task[None] | None = None  # answers whoever comes with the last code that was used
        self._pause = Pause()  # between expired codes: a server could end each at once

    async def first(self) -> Code | None:
        """None: so many were burnt before that the person decides. Unreachable, Refused."""
        words = words_for(self.burns, several=self._several)
        if words is None:
            return None
        _, code = self._held = await self._offer(words)
        return code

    def another(self, why: str = ASKED) -> None:
        """A new code is wanted; one that is valid now no longer is."""
        self._why = why
        self._wanted.set()

    async def run(self, handed: Callable[[], None], renewed: Renewed) -> None:
        """Hands the secret to whoever comes with the code that is valid; ends only when it is cancelled, or by what
        `renewed` raises."""
        try:
            await self._run(handed, renewed)
        finally:
            await self._answers(None)
            if self._held is not None:
                await quietly(self._server.burn(self._held[0]))

    async def _run(self, handed: Callable[[], None], renewed: Renewed) -> None:
        while True:
            words, why = await self._serve(handed)
            if words is None:
                renewed(None, why, asks=True)
                await self._wanted.wait()
                words, why = NEXT_WORDS, self._why
            self._wanted.clear()
            try:
                plate, code = await patiently(partial(self._offer, words))
            except Refused as error:
                renewed(None, f"{why}; {error.sentence}", asks=True)
                continue
            self._held = plate, code
            renewed(code, why, asks=False)

    async def _offer(self, words: int) -> tuple[Nameplate, Code]:
        """A code of another number than the last: whoever still says the old words must not burn the new code."""
        plate, code = await hosting.offer_code(self._server, words)
        if plate.number == self._last:
            with contextlib.suppress(Refused, Unreachable):
                same, (plate, code) = plate, await hosting.offer_code(self._server, words)
                await quietly(self._server.burn(same))
        self._last = plate.number
        return plate, code

    async def _serve(self, handed: Callable[[], None]) -> tuple[int | None, str]:
        """Until the code is no longer valid: how many words the next one has (None: the person decides), and why."""
        if self._held is None:
            await self._wanted.wait()
            return NEXT_WORDS, self._why
        (plate, code), self._held = self._held, None
        used = asyncio.Event()

        def given() -> None:
            if self._once is not None:
                used.set()
            handed()

        def burns() -> None:
            if not used.is_set():
                self._burn()

        host = hosting.hand_over(self._server, plate, code, self._secret, given, burns, self._once)
        handing = asyncio.ensure_future(host)
        wanted, gone = asyncio.ensure_future(self._wanted.wait()), asyncio.ensure_future(used.wait())
        try:
            await asyncio.wait({handing, wanted, gone}, return_when=asyncio.FIRST_COMPLETED)
            if used.is_set():
                await self._answers(handing)
                await wanted
            elif handing.done():
                handing.result()
            return NEXT_WORDS, self._why
        except CodeExpired as expired:
            await self._pause.wait()
            return len(code.words), expired.sentence
        except CodeBurnt as burnt:
            words = words_for(self.burns, several=self._several)
            return words, burnt.sentence if words is not None else ENOUGH
        finally:
            over = {handing, wanted, gone} - {self._used}
            for each in over:
                each.cancel()
            await asyncio.gather(*over, return_exceptions=True)

    async def _answers(self, handing: "asyncio.Task[None] | None") -> None:
        """From now on this one, and no longer the one before."""
        before, self._used = self._used, handing
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)

    def _burn(self) -> None:
        self.burns += 1
        self._counted(self.burns)
