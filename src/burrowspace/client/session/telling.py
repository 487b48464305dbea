"""What the receiver's person is told: progress, or why there is none, as core/reports.py decides. Twin of
web/wire/session/telling.js."""

import time

from burrowspace.client.events import Progress, Waiting
from burrowspace.client.offline import NetworkWatch
from burrowspace.client.server.api import Server
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.transfer import Transfer
from burrowspace.core.errors import Gone
from burrowspace.core.reports import AWAY, SILENT, WAITS, Meter, Standing, Tell, ToPerson
from burrowspace.core.signals import AskRelay
from burrowspace.core.silence import Silence


class Telling:
    def __init__(self, run: Transfer, server: Server, sender: RemoteSender, opener: Opener, routes: Routes) -> None:
        self._run, self._server, self._sender = run, server, sender
        self._staging, self._opener, self._routes = opener.staging, opener, routes
        # A sender that doesn't know the size reads its standard input.
        silence = Silence(time.monotonic()) if opener.layout.pack_size is None else None
        self._to_person, self._meter, self._watch = ToPerson(silence), Meter(), NetworkWatch(server.offline)

    def content(self, positions: int) -> int:
        """Content bytes that so many positions stand for."""
        manifest = self._staging.manifest
        return 0 if manifest is None else manifest.content_before(self._opener.layout, positions)

    def tick(self, now: float, *, deciding: bool) -> None:
        """Gone: the sender was stopped and cannot come back."""
        sender, routes, book = self._sender, self._routes, self._routes.book
        standing = Standing(
            now,
            carries=routes.using is not None,
            moved_at=book.moved_at,
            idle_since=book.idle_since,
            deciding=deciding,
            network=not self._watch.gone(now, book.moved_at),
            away=sender.away,
            sender_here=sender.words.here,
            nothing_left=routes.reading.nothing_left,
            heard_at=sender.words.heard_at,
            linked=bool(routes.links),
        )
        told, why = self._to_person.tick(standing) or (None, "")
        if told is Tell.PROGRESS and routes.using is not None:
            done, manifest = self.content(self._staging.held), self._staging.manifest
            total = manifest.content_size if manifest is not None else None
            rate, eta = self._meter.add(now, done, total)
            self._run.tell(Progress(done, total, rate, eta, routes.using.value))
        elif told is Tell.WAITING:
            if why in (AWAY, SILENT, WAITS):  # known better by who tried
                why = routes.reading.trouble or why
            self._run.tell(Waiting(why))
        elif told is Tell.LOOK:
            self._run.start(self._look_for_server())
        elif told is Tell.ASK:
            self._run.start(sender.say(AskRelay(self._staging.held)))
        elif told is Tell.END:
            raise Gone(why)

    async def _look_for_server(self) -> None:
        self._to_person.looked(await self._server.answers())
