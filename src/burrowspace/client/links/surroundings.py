"""What is around this end, the same for all whom it meets: how the server sees it, a listener, one rate."""

from collections.abc import Callable

from burrowspace.client.limits import Bucket
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_tcp import Listener
from burrowspace.client.links.reach import Outside, Reach, Say, outside
from burrowspace.client.options import Options
from burrowspace.client.server.api import Server
from burrowspace.core.links import link_key, link_tag


class Surroundings:
    """`bucket`: of all that this transfer sends or receives; None where nothing is limited."""

    def __init__(self, server: Server, options: Options) -> None:
        self.bucket = Bucket(options.limit_rate) if options.limit_rate else None
        self._server, self._options = server, options
        self._outside = Outside()
        self._listener: Listener | None = None

    async def look(self) -> Outside:
        """Asks the server (again). Unreachable, Refused."""
        self._outside = outside(await self._server.hello(), self._options)
        return self._outside

    def listen(self) -> None:
        """Lets links in, where the person allows that an address is told."""
        if not self._options.relay_only:
            self._listener = Listener()
            self._listener.open()

    def reach(
        self, secret: bytes, receiver: str, *, sender: bool, say: Say, add: Callable[[DirectLink], None]
    ) -> Reach:
        """How the two ends of this secret reach each other; `sender`: this one is who sends."""
        return Reach(
            ticket=Ticket(link_tag(secret, receiver), link_key(secret, receiver), sender=sender),
            listener=self._listener,
            options=self._options,
            outside=self._outside,
            say=say,
            add=add,
            renew=self.look,
            bucket=self.bucket,
        )

    async def close(self) -> None:
        if self._listener is not None:
            await self._listener.close()
