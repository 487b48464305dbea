"""The codes of one sender: it tells each, and what became of the one before. Twin of web/wire/session/codes.js.

Which code follows is rendezvous/offers.py's.
"""

import contextlib

from burrowspace.client.errors import Refused
from burrowspace.client.events import NewCode
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.offers import ENOUGH, LEFT, Offers
from burrowspace.client.server.api import Server
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state.journal import Journal
from burrowspace.core.codes import Code


class Codes:
    """`none`: there is no code, the link is enough. `used`: the only receiver has the secret from the code, which is no
    longer offered."""

    def __init__(self, transfer: Transfer, server: Server, journal: Journal, options: Options, name: str) -> None:
        self.none = self.used = False
        self._transfer, self._journal = transfer, journal
        self._alone = options.receivers == 1
        burns = journal.record.options.get("burns")
        self._offers = Offers(
            server,
            journal.record.secret,
            burns=burns if isinstance(burns, int) else 0,
            several=not self._alone,
            once=name if self._alone else None,
            counted=self._counted,
        )

    async def first(self) -> tuple[Code | None, str]:
        """The first one, or why there is none. Unreachable."""
        try:
            code = await self._offers.first()
            why = "" if code is not None else ENOUGH
        except Refused as error:
            code, why = None, error.sentence
        self.none = code is None
        return code, why

    async def run(self) -> None:
        """Hands the secret to whoever says the code, and tells of each code that follows it."""
        await self._offers.run(self._handed, self._renewed)

    def another(self) -> None:
        """The person wants a new one; the old one no longer works."""
        self._offers.another()

    def left_undecided(self, name: str) -> None:
        """The only one who can come by a code has gone without an answer: the code is used up, another is offered."""
        self.used = False
        self._offers.another(f"{name or 'the receiver'} {LEFT}")

    def _handed(self) -> None:
        self.used = self._alone

    def _renewed(self, code: Code | None, why: str, *, asks: bool) -> None:
        self.none = code is None
        self._transfer.tell(NewCode(None if code is None else str(code), why, self._offers.burns, asks))

    def _counted(self, burns: int) -> None:
        with contextlib.suppress(OSError):
            self._journal.update(options={**self._journal.record.options, "burns": burns})
