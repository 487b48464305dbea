"""Asks the receiver's person, and does what core/consent.py decides. Twin of web/wire/session/asking.js.

Spec: docs/spec/session.md.
"""

import asyncio
from collections.abc import Callable

from burrowspace.client.errors import Cancelled
from burrowspace.client.events import Offered
from burrowspace.client.files.staging import Staging
from burrowspace.client.session.receive import Receive
from burrowspace.client.session.remote_sender import GOODBYE_S, RemoteSender
from burrowspace.client.session.telling_notes import noted, renamed
from burrowspace.client.session.transfer import Transfer
from burrowspace.core import signals
from burrowspace.core.consent import Act, Consent, Stage
from burrowspace.core.sealing import Suite


class Asking:
    """`go_on` is called after a yes."""

    def __init__(
        self,
        run: Transfer,
        how: Receive,
        consent: Consent,
        sender: RemoteSender,
        staging: Staging,
        suite: Suite,
        go_on: Callable[[], None],
    ) -> None:
        self._run, self._how, self._consent, self._sender = run, how, consent, sender
        self._staging, self._suite, self._go_on = staging, suite, go_on

    @property
    def deciding(self) -> bool:
        return self._consent.stage is Stage.DECIDING

    async def tick(self, now: float) -> None:
        """Cancelled: the person declined."""
        if self._staging.manifest is not None:
            await self._do(self._consent.know(now) + self._consent.tick(now))

    async def _do(self, acts: tuple[Act, ...]) -> None:
        start, say, held = self._run.start, self._sender.say, self._staging.held
        for act in acts:
            if act is Act.ASK:
                start(self._ask())
            elif act is Act.SAY_DECIDING:
                start(say(signals.Progress(held)))
            elif act is Act.SAY_ACCEPT:
                start(say(signals.Accept(self._suite, held)))
            elif act is Act.SAY_DECLINE:
                await self._sender.last_words(signals.Decline("declined by the receiver"), GOODBYE_S)
            elif act is Act.GO_ON:
                self._go_on()
                self._run.changed()
            elif act is Act.CLOSE:
                raise Cancelled("you declined it; nothing was written")

    async def _ask(self) -> None:
        manifest, name, how = self._staging.manifest, self._sender.name, self._how
        assert manifest is not None
        text = all(each.kind == "text" for each in manifest.entries)
        if (said := noted(manifest)) is not None:
            self._run.tell(said)
        self._run.tell(Offered(manifest.name, len(manifest.files), manifest.content_size, name, text))
        if how.accept is not None and not await how.accept(manifest, name):
            await self._do(self._consent.answer(False))
        await asyncio.to_thread(self._staging.accept_into, how.into, overwrite=how.overwrite)
        if (said := renamed(self._staging.renamed)) is not None:
            self._run.tell(said)
        await self._do(self._consent.answer(True))
