"""The sender, as its receiver sees it: its offer, its words, and what is said to it.

Two mailboxes: the transfer's, where everybody hears the offer, and one for the two alone. Twin of
web/wire/session/remote-sender.js. Specs: docs/spec/signalling.md, docs/spec/session.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Protocol

from burrowspace import faults
from burrowspace.client.errors import Cancelled, GaveUp
from burrowspace.client.events import Waiting
from burrowspace.client.links.link import DirectLink
from burrowspace.client.log import Log
from burrowspace.client.rendezvous.conversation import Conversation, patiently
from burrowspace.client.session.receive import Receive
from burrowspace.client.session.transfer import Transfer
from burrowspace.core import signals
from burrowspace.core.errors import BurrowError, Gone
from burrowspace.core.left_out import KNOWS_MARKS
from burrowspace.core.links import mailbox_id
from burrowspace.core.reports import Reasons
from burrowspace.core.sender_words import Act, SenderWords
from burrowspace.core.signals import Role

log = Log("client")

NOTHING_S = 3.0  # a sender offers as soon as its link is there: after that a link without an offer stands for nothing
SOON_S = 1.0  # an offer that comes within it needs no word; and between two looks at what there is to say
GOODBYE_S = 15.0  # for the last words to reach the mailbox


class Hears(Protocol):
    """What follows from its words."""

    async def came(self) -> None:
        """Its program began anew."""

    def left(self) -> None: ...
    def cancelled(self, why: str) -> None:
        """For good."""

    def announced(self) -> None:
        """A segment, or the end of one."""

    def direct(self, signal: signals.Signal) -> None:
        """Where it is reached."""


class RemoteSender:
    """`words`: what follows from all that it said."""

    def __init__(self, run: Transfer, how: Receive, hears: Hears) -> None:
        self.words = SenderWords(time.monotonic())
        self._run, self._how, self._hears = run, how, hears
        self._main = Conversation(how.server, how.secret, mailbox_id(how.secret), Role.RECEIVER)
        self._pair: Conversation | None = None

    @property
    def name(self) -> str:
        return self.words.offer.name if self.words.offer is not None else ""

    @property
    def away(self) -> bool:
        """The server cannot be reached now."""
        return self._main.away.is_set() or self._how.server.offline()

    async def recall(self) -> None:
        """What was said before this program began, to its end: the last word counts."""
        for run, signal in await patiently(self._main.so_far, self.server_away):
            await self._heard(run, signal)

    async def offers(self, patience: float | None, *, at_once: bool) -> signals.Offer:
        """Its offer. Gone: there is none, where a sender offers `at_once`; GaveUp: it did not come in `patience` s."""
        began, reasons, server = time.monotonic(), Reasons(), self._how.server
        while (offer := self.words.offer) is None:
            now = time.monotonic()
            if patience is not None and now - began >= patience:
                raise GaveUp("the sender did not come; ask for a new link or code, or wait longer")
            if at_once and not self.away and now - began > NOTHING_S:
                raise Gone("nothing is offered under this link: it is wrong, or its time is up")
            why = server.why_away() if self.away else "the sender has not begun yet"
            if now - began >= SOON_S and reasons.due(now, why):
                self._run.tell(Waiting(why))
            await self._run.change(SOON_S if patience is None else min(SOON_S, patience))
        return offer

    async def hear(self) -> None:
        async for run, signal in self._main.heard():
            await self._heard(run, signal)

    async def meet(self, receiver: str) -> None:
        """Opens the mailbox for the two alone: where the sender was reached is history; what it left is not."""
        secret = self._how.secret
        mailbox = mailbox_id(secret, receiver)
        self._pair = Conversation(self._how.server, secret, mailbox, Role.RECEIVER, self._main.session)
        for _, signal in await patiently(self._pair.so_far, self.server_away):
            self.words.recalls(signal)

    async def hear_pair(self) -> None:
        async for run, signal in self._mine.heard():
            await self._heard(run, signal)

    async def hello(self, receiver: str, held: int) -> None:
        """We are here, with so much."""
        how = self._how
        await self._main.say(signals.Hello(receiver, how.own_name[:255], held, how.options.suites, KNOWS_MARKS))

    async def say(self, signal: signals.Signal) -> None:
        await self._mine.say(signal)

    async def last_words(self, signal: signals.Signal, seconds: float) -> bool:
        """Whether the server has it. Nothing before the two have met."""
        return self._pair is not None and await self._pair.last_words(signal, seconds)

    async def verified(self, digest: str, links: Iterable[DirectLink], spools: Iterable[str]) -> None:
        """All is whole. Where the sender cannot be told, it is so all the same."""
        told = signals.Verified(digest)
        for link in links:
            with contextlib.suppress(OSError):
                await link.send(told)
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self.say(told)
                for spool in spools:
                    await self._how.server.delivered(spool)
        except (TimeoutError, BurrowError) as error:
            log.info("the sender could not be told that all is verified", why=faults.told(error))

    def server_away(self) -> None:
        self._run.tell(Waiting(self._how.server.why_away()))

    @property
    def _mine(self) -> Conversation:
        assert self._pair is not None, "they have not met"
        return self._pair

    async def _heard(self, run: bytes, signal: signals.Signal) -> None:
        for act in self.words.hears(time.monotonic(), run, signal):
            if act is Act.OFFERED:
                self._run.changed()
            elif act is Act.CAME:
                await self._hears.came()
            elif act is Act.OTHER:
                raise Cancelled("the sender offers something else under this link now; receive it again")
            elif act is Act.LOOK:
                self._hears.announced()
            elif act is Act.CANCELLED:
                self._hears.cancelled(self.words.over or "")
            elif act is Act.LEFT:
                self._hears.left()
            else:
                self._hears.direct(signal)
