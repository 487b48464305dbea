"""All receivers of one sender: who came, who is here, who has everything.

Each is a RemoteReceiver, which asks for what only the sender can do by `Sends`. Twin of web/wire/session/receivers.js.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from burrowspace.client.errors import Changed
from burrowspace.client.events import Declined, Event, Verified
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.surroundings import Surroundings
from burrowspace.client.log import Log
from burrowspace.client.relay.relay_segments import RelaySegments
from burrowspace.client.rendezvous.conversation import Conversation
from burrowspace.client.server.api import Server
from burrowspace.client.session.remote_receiver import RemoteReceiver
from burrowspace.client.session.sends import Shared
from burrowspace.client.session.serving import Serving
from burrowspace.client.session.transfer import Transfer
from burrowspace.core.consent import Stage
from burrowspace.core.links import mailbox_id
from burrowspace.core.signals import Hello, Role, Signal

log = Log("client")

MOST = 200  # receivers of one transfer


class Receivers:
    """It is the `Sends` of each. `left(name)`: one came by a code and has gone without an answer."""

    def __init__(
        self,
        run: Transfer,
        server: Server,
        main: Conversation,
        secret: bytes,
        shared: Shared,
        serving: Serving,
        segments: RelaySegments,
        around: Surroundings,
        left: Callable[[str], None] | None,
    ) -> None:
        self.start, self.fail, self.online = run.start, run.fail, server.answers
        self.seal, self.gave, self.catch_up = serving.seal, serving.gave, serving.source.catch_up
        self._run, self._server, self._main, self._secret, self._shared = run, server, main, secret, shared
        self._serving, self._segments, self._around, self._left = serving, segments, around, left
        self._all: dict[str, RemoteReceiver] = {}
        serving.refusal = self.refusal

    async def recall(self, said: Iterable[tuple[bytes, Signal]]) -> None:
        """Those that an earlier run of the sender met: they may be gone, or wait for us."""
        for session, signal in said:
            if isinstance(signal, Hello):
                self._take(session, signal)
        known = list(self._all.values())
        await asyncio.gather(*(receiver.recall() for receiver in known))
        for receiver in known:
            if receiver.book.person.stage is Stage.NO:
                del self._all[receiver.id]
            else:
                receiver.begin()

    def hello(self, session: bytes, hello: Hello) -> None:
        """One is here (again)."""
        receiver = self._all.get(hello.receiver)
        if receiver is None:
            receiver = self._take(session, hello)
            if receiver is None:
                return
            receiver.begin()
        if self._serving.met_at is None:
            self._serving.met_at = time.monotonic()
        receiver.hello(session, hello)

    def tick(self, now: float) -> None:
        for receiver in list(self._all.values()):
            receiver.tick(now)

    def refusal(self) -> Changed | None:
        """Why the only one cannot go on. From any thread."""
        if not self._shared.alone:
            return None
        return next(filter(None, (receiver.refusal() for receiver in tuple(self._all.values()))), None)

    def facts(self, now: float) -> dict[str, Any]:
        """What core/sender_book.py must know of them."""
        waiting = [receiver.book for receiver in self._all.values() if not receiver.book.verified]
        return {
            "known": len(self._all),
            "verified": len(self._all) - len(waiting),
            "living": sum(book.here(now) for book in waiting),
            "missing_rests": all(self._segments.covered(book.held) is None for book in waiting),
            "met": self._serving.met_at is not None,
        }

    @property
    def direct_at(self) -> float:
        """When a block last went to any of them by a link."""
        return max((receiver.book.direct_at for receiver in self._all.values()), default=0.0)

    @property
    def names(self) -> list[str]:
        return [receiver.name for receiver in self._all.values()]

    def close(self) -> None:
        for receiver in self._all.values():
            receiver.close()

    # ---- what each of them asks for

    def tell(self, event: Event) -> None:
        """One who declined is no longer counted or waited for. After these two the sender may have come to its end."""
        if isinstance(event, Declined):
            self._forget(event.receiver)
        self._run.tell(event)
        if isinstance(event, Declined | Verified):
            self._run.changed()

    def forget(self, receiver: str) -> None:
        name = self._all[receiver].name if receiver in self._all else ""
        self._forget(receiver)
        if self._left is not None:
            self._left(name)

    def _forget(self, receiver: str) -> None:
        if (found := self._all.pop(receiver, None)) is not None:
            found.close()

    def _take(self, session: bytes, hello: Hello) -> RemoteReceiver | None:
        """A new one; None where there are too many."""
        if len(self._all) >= MOST and hello.receiver not in self._all:
            log.warning("more receivers than one transfer takes")
            return None
        secret, id = self._secret, hello.receiver
        pair = Conversation(self._server, secret, mailbox_id(secret, id), Role.SENDER, self._main.session)

        def add(link: DirectLink) -> None:
            receiver.add(link)

        reach = self._around.reach(secret, id, sender=True, say=pair.say, add=add)
        receiver = RemoteReceiver(self, self._shared, self._segments, pair, reach, hello, session)
        self._all[id] = receiver
        return receiver
