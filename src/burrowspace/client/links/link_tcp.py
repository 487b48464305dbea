"""TCP links: one Listener that serves any number of peers, and connect() to the addresses a peer has named.

Used on the same network, and wherever one side has a public address. Who connects and who listens says nothing about
who sends. Spec: docs/spec/paths.md, docs/spec/link.md.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Sequence

from burrowspace.client.limits import Bucket
from burrowspace.client.links.addresses import Address, own_addresses, worth_trying
from burrowspace.client.links.handshake import Greeted, Ticket, approach
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.race import dial, race
from burrowspace.client.links.sockets import streams_wanted, tune
from burrowspace.core.errors import BurrowError, TooMany
from burrowspace.system.ports import for_us_alone

HALF_OPEN = 64  # strangers that may be greeting at one time
STREAMS = 8  # of one link, at most
WAITING = 16  # greeted links of one pass that nobody has taken yet


def shown(line: socket.socket) -> str:
    """The other end's address, for a person."""
    with contextlib.suppress(OSError):
        host, port = line.getpeername()[:2]
        host = host.removeprefix("::ffff:")
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "?"


class Expected:
    """Links that come in by one pass; an async iterator of them. `bucket` limits what they send."""

    def __init__(self, listener: "Listener", ticket: Ticket, bucket: Bucket | None) -> None:
        self._listener, self.ticket, self.bucket = listener, ticket, bucket
        self._links: asyncio.Queue[DirectLink] = asyncio.Queue(WAITING)

    def __aiter__(self) -> "Expected":
        return self

    async def __anext__(self) -> DirectLink:
        return await self._links.get()

    def put(self, link: DirectLink) -> None:
        """A link has come; when nobody takes them it is turned away."""
        try:
            self._links.put_nowait(link)
        except asyncio.QueueFull:
            link.close("nobody took it")

    def close(self) -> None:
        """Lets nobody in by this pass any more; links that were not taken are closed."""
        self._listener.forget(self.ticket)
        while not self._links.empty():
            self._links.get_nowait().close()


class Listener:
    """One port, IPv4 and IPv6, for all peers. `async with Listener() as listener: …`

    A stranger costs one of HALF_OPEN places for at most two DEADLINEs, and a few hundred bytes.
    """

    def __init__(self, port: int = 0, host: str | None = None) -> None:
        self._asked = (host, port)
        self.port = 0
        self.refused = 0  # strangers turned away
        self._sockets: list[socket.socket] = []
        self._expected: dict[bytes, Expected] = {}
        self._further: dict[bytes, tuple[Ticket, DirectLink]] = {}  # tickets of second and later streams
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeting = 0

    async def __aenter__(self) -> "Listener":
        self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def open(self) -> None:
        """Listens. OSError when the port is taken."""
        host, port = self._asked
        for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 a peer comes from anywhere
            if host is not None and (":" in host) != (family == socket.AF_INET6):
                continue
            try:
                self._listen(family, host or anywhere, self.port or port)
            except OSError:
                if family == socket.AF_INET or host is not None:
                    raise  # a host without IPv6 is served by IPv4 alone

    def adopt(self, line: socket.socket) -> None:
        """Takes connections from one more listening, non-blocking socket, which is this listener's from now on."""
        self._sockets.append(line)
        self._start(self._accept(line))

    def addresses(self) -> list[Address]:
        """Where this host listens, to tell the other side."""
        host = self._asked[0]
        return [(each, self.port) for each in ([host] if host else own_addresses() or ["127.0.0.1"])]

    def expect(self, ticket: Ticket, bucket: Bucket | None = None) -> Expected:
        """Lets in who knows `ticket`. A receiver's listener expects one: it must say first which."""
        if not ticket.sender and any(not each.ticket.sender for each in self._expected.values()):
            raise TooMany("a listener of a receiver expects one sender")
        self._expected[ticket.tag] = expected = Expected(self, ticket, bucket)
        return expected

    def forget(self, ticket: Ticket) -> None:
        self._expected.pop(ticket.tag, None)

    async def close(self) -> None:
        """Listens no more. Links live on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._sockets:
            line.close()
        self._sockets.clear()

    # ---- inside

    def _listen(self, family: int, host: str, port: int) -> None:
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.setblocking(False)
            for_us_alone(line)
            if family == socket.AF_INET6:
                line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            line.bind((host, port))
            line.listen(HALF_OPEN)
        except BaseException:
            line.close()
            raise
        self.port = line.getsockname()[1]
        self.adopt(line)

    def _start(self, work: "asyncio.Future[None] | object") -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = await loop.sock_accept(listening)
            except OSError:  # out of descriptors, or gone before it was taken
                await asyncio.sleep(0.1)
                continue
            if self._greeting >= HALF_OPEN or not self._expected:
                self.refused += 1
                line.close()
                continue
            self._greeting += 1
            self._start(self._greet(line))

    async def _greet(self, line: socket.socket) -> None:
        try:
            line.setblocking(False)
            tune(line)
            passes = {tag: each.ticket for tag, each in self._expected.items()}
            passes |= {tag: each for tag, (each, _) in self._further.items()}
            commit = await approach(line, passes, self._offer())
            greeted = await commit()
            self._let_in(greeted)
        except (OSError, BurrowError, TimeoutError):
            self.refused += 1
            line.close()
        except BaseException:
            line.close()
            raise
        finally:
            self._greeting -= 1

    def _offer(self) -> Ticket | None:
        """What a receiver says to whoever connects: the one link that it expects."""
        return next((each.ticket for each in self._expected.values() if not each.ticket.sender), None)

    def _let_in(self, greeted: Greeted) -> None:
        tag = greeted.ticket.tag
        if tag in self._further:
            _, link = self._further.pop(tag)
            link.add_stream(greeted.line, greeted.controls())
            return
        expected = self._expected.get(tag)
        if expected is None:
            raise BurrowError("nobody waits any more")
        link = DirectLink(
            greeted.line, greeted.controls(), kind="tcp", peer=shown(greeted.line), bucket=expected.bucket
        )
        if greeted.ticket.sender:
            further = {each.tag: (each, link) for each in (greeted.stream(number) for number in range(1, STREAMS))}
            self._further |= further
            self._start(self._forget_further(link, list(further)))
        expected.put(link)

    async def _forget_further(self, link: DirectLink, tags: list[bytes]) -> None:
        await link.closed()
        for tag in tags:
            self._further.pop(tag, None)


async def connect(
    offered: Iterable[Address],
    ticket: Ticket,
    *,
    bucket: Bucket | None = None,
    streams: int | None = None,
    own: Sequence[str] | None = None,
) -> DirectLink:
    """A link to the peer that has named these addresses. ConnectionError when none of them is its.

    `streams` is how many TCP streams the link has in the end (default: see streams_wanted);
    only a receiver that connects adds streams. `own` are this host's addresses, asked of the system when not given.
    """
    greeted = await race(worth_trying(offered, own_addresses() if own is None else own), ticket)
    address: Address = greeted.line.getpeername()[:2]
    link = DirectLink(greeted.line, greeted.controls(), kind="tcp", peer=shown(greeted.line), bucket=bucket)
    wanted = min(STREAMS, streams_wanted(greeted.round_trip) if streams is None else streams)
    if not ticket.sender:
        for number in range(1, wanted):
            try:
                await _add(link, address, greeted.stream(number))
            except (OSError, BurrowError, TimeoutError):
                break  # fewer streams are a slower link, no broken one
    return link


async def _add(link: DirectLink, address: Address, ticket: Ticket) -> None:
    line = await dial(address)
    try:
        more = await (await approach(line, {}, ticket))()
    except BaseException:
        line.close()
        raise
    link.add_stream(line, more.controls())
