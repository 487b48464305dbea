"""What the receiver's person is told: progress, or why there is none, as core/reports.py decides."""

from burrowspace.client.events import Progress, Waiting
from burrowspace.client.files.staging import Staging
from burrowspace.client.offline import NetworkWatch
from burrowspace.client.server.api import Server
from burrowspace.client.session.opener import Opener
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.running import Meter, Running, seconds_left
from burrowspace.client.session.unanswered import Unanswered
from burrowspace.core.reports import AWAY, WAITS, Standing, Tell, ToPerson


class Telling:
    def __init__(
        self,
        running: Running,
        server: Server,
        sender: RemoteSender,
        staging: Staging,
        opener: Opener,
        routes: Routes,
        unanswered: Unanswered | None,
    ) -> None:
        self._unanswered = unanswered
        self._running, self._server, self._sender = running, server, sender
        self._staging, self._opener, self._routes = staging, opener, routes
        self._to_person, self._meter, self._watch = ToPerson(), Meter(), NetworkWatch(server.offline)

    def content(self, positions: int) -> int:
        """Content bytes that so many positions stand for."""
        manifest = self._staging.manifest
        return 0 if manifest is None else manifest.content_before(self._opener.layout, positions)

    def tick(self, now: float, *, deciding: bool) -> None:
        if self._unanswered is not None:
            self._unanswered.tick(now, self._staging.held, deciding=deciding)
        sender, routes, tell = self._sender, self._routes, self._running.tell
        path = routes.using
        standing = Standing(
            now,
            path is not None,
            routes.moved_at,
            routes.idle_since,
            deciding,
            not self._watch.gone(now, routes.moved_at),
            sender.away,
            sender.here,
            routes.reading.nothing_left,
        )
        told, why = self._to_person.tick(standing) or (None, "")
        if told is Tell.PROGRESS and path is not None:
            done, manifest = self.content(self._staging.held), self._staging.manifest
            total = manifest.content_size if manifest is not None else None
            rate = self._meter.add(now, done)
            tell(Progress(done, total, rate, seconds_left(done, total, rate), path.value))
        elif told is Tell.WAITING:
            if why in (WAITS, AWAY):  # known better by who tried
                why = routes.reading.trouble or (self._unanswered and why == WAITS and self._unanswered.why) or why
            tell(Waiting(why))
        elif told is Tell.LOOK:
            self._running.start(self._look_for_server())

    async def _look_for_server(self) -> None:
        self._to_person.looked(await self._server.answers())
