"""A sender that reads its standard input and falls silent: it is asked, then given up, as core/silence.py decides."""

import time

from burrowspace.client.server.api import Server
from burrowspace.client.session.remote_sender import RemoteSender
from burrowspace.client.session.routes import Routes
from burrowspace.client.session.running import Running
from burrowspace.core.errors import Gone
from burrowspace.core.signals import AskRelay
from burrowspace.core.silence import Act, Silence

WARNING = (
    "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. "
    "After two minutes of silence this ends"
)
OVER = (
    "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, "
    "so it cannot come back if it was stopped; ask for it again"
)


class Unanswered:
    def __init__(self, running: Running, server: Server, sender: RemoteSender, routes: Routes) -> None:
        self._running, self._server, self._sender, self._routes = running, server, sender, routes
        self._silence = Silence(time.monotonic())
        self._reached = True  # the server, when it was last asked
        self._ending = False

    @property
    def why(self) -> str | None:
        """What the person is told instead of that the sender is waited for."""
        return WARNING if self._silence.warned else None

    def tick(self, now: float, held: int, *, deciding: bool) -> None:
        if self._ending:
            return
        heard_at = now if self._routes.links else max(self._sender.heard_at, self._routes.moved_at)
        wanted = not deciding and not self._sender.away and self._reached
        self._reached = True
        for act in self._silence.tick(now, heard_at, wanted=wanted):
            if act is Act.ASK:
                self._running.start(self._sender.say(AskRelay(held)))
            elif act is Act.END:
                self._ending = True
                self._running.start(self._end())

    async def _end(self) -> None:
        """Unless it is we who are cut off."""
        self._reached, self._ending = await self._server.answers(), False
        if self._reached:
            raise Gone(OVER)
