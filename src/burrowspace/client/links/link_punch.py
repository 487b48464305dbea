"""TCP simultaneous open: a link through two NATs that keep ports, with no server between.

Both ends bind one local port, tell each other under which address the outside sees it, and connect from that port to
the other's at the same time. Each SYN opens the own NAT for the other's. One that comes too early is refused or lost,
so it is sent again for up to DEADLINE seconds; meanwhile the same port listens, for the NAT that needs no punching.
Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Sequence

from burrowspace.client.limits import Bucket
from burrowspace.client.links.addresses import Address, own_addresses, worth_trying
from burrowspace.client.links.handshake import Greeted, Ticket, approach
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_tcp import shown
from burrowspace.client.links.race import dial, in_turn
from burrowspace.core.errors import BurrowError

DEADLINE = 8.0  # s; as long as NATs take to forget a half-open connection, and as a person waits for nothing
AGAIN = 0.1  # s between two attempts at one address that refuses
ADDRESSES = 4  # of the other side that are tried at a time
BACKLOG = 8


class Punch:
    """One local port to punch from, open from the start so that nobody else takes it. Close it when it is not needed.

    The caller finds out under which address the outside sees it: where NATs keep ports, that is the host's public
    address as the server sees it, and `port`.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._listening: list[socket.socket] = []
        try:
            for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 see Listener
                try:
                    self._listen(family, anywhere)
                except OSError:
                    if family == socket.AF_INET:
                        raise  # a host without IPv6 is served by IPv4 alone
        except BaseException:
            self.close()
            raise

    async def link(
        self,
        observed: Iterable[Address],
        ticket: Ticket,
        *,
        bucket: Bucket | None = None,
        own: Sequence[str] | None = None,
    ) -> DirectLink:
        """A link with the peer whose port the outside sees as `observed`. Both ends call this within DEADLINE.

        ConnectionError when it cannot be had. The port is given back either way.
        """
        theirs = worth_trying(observed, own_addresses() if own is None else own)[:ADDRESSES]
        if not theirs:
            self.close()
            raise ConnectionError("the other side named no address to punch through to")
        won: asyncio.Future[Greeted] = asyncio.get_running_loop().create_future()
        attempt = _Attempt(self, ticket, won)
        tasks = [asyncio.create_task(attempt.knock(each)) for each in theirs]
        tasks += [asyncio.create_task(attempt.answer(each)) for each in self._listening]
        try:
            async with asyncio.timeout(DEADLINE):
                greeted = await won
        except TimeoutError:
            raise ConnectionError("the two networks let no connection through between them") from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await attempt.close()
            self.close()
        return DirectLink(greeted.line, greeted.controls(), kind="punch", peer=shown(greeted.line), bucket=bucket)

    def prepare(self, line: socket.socket) -> None:
        """Binds a socket that is to connect to the port."""
        share(line)
        line.bind(("::" if line.family == socket.AF_INET6 else "0.0.0.0", self.port))  # noqa: S104 no address is hidden

    def close(self) -> None:
        for each in self._listening:
            each.close()
        self._listening.clear()

    def _listen(self, family: int, anywhere: str) -> None:
        line = socket.socket(family, socket.SOCK_STREAM)
        self._listening.append(line)
        line.setblocking(False)
        share(line)
        if family == socket.AF_INET6:
            line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        line.bind((anywhere, self.port))
        line.listen(BACKLOG)
        self.port = line.getsockname()[1]


def share(line: socket.socket) -> None:
    """Lets several sockets of this program have one local port."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


class _Attempt:
    """All the knocking and answering for one link."""

    def __init__(self, punch: Punch, ticket: Ticket, won: "asyncio.Future[Greeted]") -> None:
        self._punch, self._ticket, self._won = punch, ticket, won
        self._turn = asyncio.Lock()
        self._greeting: set[asyncio.Task[None]] = set()

    async def knock(self, address: Address) -> None:
        """Connects to one address until it answers with a greeting."""
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                line = await dial(address, self._punch.prepare)
                await self._greet(line)
            await asyncio.sleep(AGAIN)

    async def answer(self, listening: socket.socket) -> None:
        """Greets whoever comes in, a few at a time."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(AGAIN)
                continue
            if len(self._greeting) >= BACKLOG:
                line.close()
                continue
            line.setblocking(False)
            task = asyncio.create_task(self._greet(line))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def close(self) -> None:
        for task in self._greeting:
            task.cancel()
        await asyncio.gather(*self._greeting, return_exceptions=True)

    async def _greet(self, line: socket.socket) -> None:
        kept = False
        try:
            passes = {self._ticket.tag: self._ticket}
            commit = await approach(line, passes, None if self._ticket.sender else self._ticket)
            greeted = await in_turn(self._turn, commit)
            if not self._won.done():
                self._won.set_result(greeted)
                kept = True
        except (OSError, BurrowError, TimeoutError):
            pass
        finally:
            if not kept:
                line.close()
