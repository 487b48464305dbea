"""How one end gets direct links to the other: where it can be reached, what it tells of that, an attempt for a path.

Both ends have one of these for each other end. It decides nothing: the receiver's core/paths.py says what is tried
when, and the sender answers: it dials in turn, punches at the same time, and takes up a WebRTC offer.
Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from burrowspace.client.limits import Bucket
from burrowspace.client.links import link_webrtc
from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_punch import Punch
from burrowspace.client.links.link_tcp import Expected, Listener, connect
from burrowspace.client.links.link_webrtc import IceServer, Rtc
from burrowspace.client.log import Log
from burrowspace.client.options import Options
from burrowspace.core import signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.paths import Path
from burrowspace.faults import told

log = Log("client")

ADDRESSES_S = 5.0  # to wait for the other end's addresses
EVERY_S = 1.0  # at most one answer to a punch or an offer in so long
FRESH_S = 60.0  # credentials that end sooner are renewed before an attempt with them
RECEIVER_FIRST_S = 0.4  # that a sender waits before it connects by TCP as well


@dataclass(frozen=True)
class Outside:
    """What the server says of the outside: our address as it sees it, and helpers for WebRTC."""

    seen_as: str | None = None
    ice: tuple[IceServer, ...] = ()
    until: float | None = None  # by time.monotonic(), when the credentials in `ice` end; None without any

    @property
    def behind_nat(self) -> bool:
        return self.seen_as is not None and self.seen_as not in (*own_addresses(), "127.0.0.1", "::1")


Say = Callable[[signals.Signal], Coroutine[Any, Any, None]]


class Reach:
    """`add` is called with each link that comes in; `make` gives those that were asked for; `renew` asks the server
    again of the outside. A connection that runs needs no fresh credentials: coturn reads them when it begins."""

    def __init__(
        self,
        *,
        ticket: Ticket,
        listener: Listener | None,
        options: Options,
        outside: Outside,
        say: Say,
        add: Callable[[DirectLink], None],
        renew: Callable[[], Awaitable[Outside]] | None = None,
        bucket: Bucket | None = None,
    ) -> None:
        self._ticket, self._listener, self._options, self._outside = ticket, listener, options, outside
        self._say, self._add, self._renew, self._bucket = say, add, renew, bucket
        self._theirs = signals.Candidates()
        self._told = asyncio.Event()
        self._observed = asyncio.Event()  # the other end is about to punch
        self._expected: Expected | None = None
        self._punch: Punch | None = None
        self._rtc: dict[str, Rtc] = {}
        self._early: list[signals.Sdp | signals.IceCandidate] | None = None  # said while an answer is prepared
        self._answered = 0.0
        self._came = False  # a link by our listener
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def possible(self) -> frozenset[Path]:
        """The paths that this program can make at all."""
        found = {Path.RELAY, Path.STORE}
        if self._listener is not None:
            found.add(Path.TCP)
            if self._outside.behind_nat:
                found.add(Path.PUNCH)
            if self._options.webrtc and link_webrtc.library() is not None:
                found.add(Path.WEBRTC)
        if self._options.webrtc and link_webrtc.library() is not None and self._turns:
            found.add(Path.TURN)
        return frozenset(found)

    @property
    def _turns(self) -> tuple[IceServer, ...]:
        return tuple(each for each in self._outside.ice if any(url.startswith("turn") for url in each.urls))

    async def open(self) -> None:
        """Lets links in and tells the other end where."""
        if self._listener is None:
            return
        self._expected = self._listener.expect(self._ticket, self._bucket)
        self._begin(self._let_in(self._expected))
        await self.tell_again()

    async def tell_again(self) -> None:
        """Says anew where this end is: the other one's program has begun again, or the network is another."""
        if self._listener is not None:
            await self._say(signals.Candidates(tcp=self._listening()))

    def heard(self, signal: signals.Signal) -> None:
        """What the other end says of where it is."""
        if isinstance(signal, signals.Candidates) and self._listener is not None:
            self._heard_candidates(signal)
        elif isinstance(signal, signals.Sdp | signals.IceCandidate) and self._options.webrtc:
            self._heard_rtc(signal)

    async def make(self, path: Path) -> DirectLink:
        """A link of this kind, made from here. OSError, TimeoutError or BurrowError where it cannot be."""
        if path is Path.TCP:
            async with asyncio.timeout(ADDRESSES_S):
                await self._told.wait()
            return await connect(self._theirs.tcp, self._ticket, bucket=self._bucket)
        if path is Path.PUNCH:
            return await self._punch_through()
        if path in (Path.WEBRTC, Path.TURN):
            await self._fresh()
            return await self._new_rtc(turn=path is Path.TURN, relayed=path is Path.TURN).link()
        raise ConnectionError("there is no such direct path")

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._expected is not None:
            self._expected.close()
        if self._punch is not None:
            self._punch.close()
        for rtc in self._rtc.values():
            task = asyncio.ensure_future(rtc.close())
            self._tasks.add(task)

    async def closed(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- TCP

    def _listening(self) -> tuple[tuple[str, int], ...]:
        assert self._listener is not None
        return tuple(self._listener.addresses()[: signals.CANDIDATES])

    async def _let_in(self, expected: Expected) -> None:
        async for link in expected:
            self._came = True
            self._add(link)

    def _heard_candidates(self, said: signals.Candidates) -> None:
        self._theirs = said
        self._told.set()
        if said.observed:
            self._observed.set()
        if not self._ticket.sender:
            return
        if said.observed and self._outside.behind_nat and self._now_and_then():
            self._begin(self._tried(self._punch_through()))
        else:
            self._begin(self._tried(self._dialled_back()))

    async def _dialled_back(self) -> DirectLink:
        """The receiver goes first: only who receives and connects adds the streams that a far line needs."""
        await asyncio.sleep(RECEIVER_FIRST_S)
        if self._came:
            raise ConnectionError("the other end was here first")
        return await self.make(Path.TCP)

    async def _punch_through(self) -> DirectLink:
        """Both ends say from which address, and begin when they have heard the other's."""
        assert self._outside.seen_as is not None
        if not self._ticket.sender:
            self._observed.clear()
        punch = self._punch = Punch()
        mine = ((self._outside.seen_as, punch.port),)
        await self._say(signals.Candidates(tcp=self._listening(), observed=mine))
        async with asyncio.timeout(ADDRESSES_S):
            await self._observed.wait()
        return await punch.link(self._theirs.observed, self._ticket, bucket=self._bucket)

    # ---- WebRTC

    def _heard_rtc(self, signal: signals.Sdp | signals.IceCandidate) -> None:
        if isinstance(signal, signals.Sdp) and signal.kind == "offer" and self._ticket.sender:
            if link_webrtc.library() is None or not self._now_and_then():
                return
            if signal.relayed and self._options.direct_only:
                return
            early = self._early = [signal]
            self._begin(self._tried(self._answer(early, turn=signal.relayed)))
            return
        if self._early is not None:
            if len(self._early) <= link_webrtc.CANDIDATES:
                self._early.append(signal)
            return
        for rtc in self._rtc.values():
            rtc.hear(signal)

    async def _answer(self, early: list[signals.Sdp | signals.IceCandidate], *, turn: bool) -> DirectLink:
        await self._fresh()
        rtc = self._new_rtc(turn=turn, relayed=self._listener is None)
        for signal in early:
            rtc.hear(signal)
        if self._early is early:
            self._early = None
        return await rtc.link()

    async def _fresh(self) -> None:
        """Renews credentials that are about to end; where that fails, the attempt is made with what there is."""
        until = self._outside.until
        if self._renew is None or until is None or time.monotonic() < until - FRESH_S:
            return
        try:
            async with asyncio.timeout(ADDRESSES_S):
                self._outside = await self._renew()
        except (OSError, BurrowError, TimeoutError) as error:
            log.debug("the credentials of TURN could not be renewed", why=told(error))

    def _new_rtc(self, *, turn: bool, relayed: bool) -> Rtc:
        """TURN's servers are for "turn" alone: through them a "webrtc" link would be no direct one, and would displace
        the relay that is to be had at a fraction of its price."""
        turns = self._turns
        direct = tuple(each for each in self._outside.ice if each not in turns)
        servers: Sequence[IceServer] = turns if relayed else (*direct, *turns) if turn else direct
        kind = "turn" if turn or relayed else "webrtc"
        old = self._rtc.pop(kind, None)
        if old is not None:
            self._begin(old.close())
        rtc = self._rtc[kind] = Rtc(self._ticket, self._say, servers, turn=turn, relayed=relayed, bucket=self._bucket)
        return rtc

    # ---- both

    async def _tried(self, attempt: Coroutine[Any, Any, DirectLink]) -> None:
        try:
            self._add(await attempt)
        except (OSError, BurrowError, TimeoutError) as error:
            log.debug("the other end's attempt came to nothing", why=told(error))

    def _now_and_then(self) -> bool:
        """Whether one more answer is due: the other end could ask without end."""
        now = time.monotonic()
        if now - self._answered < EVERY_S:
            return False
        self._answered = now
        return True

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def outside(hello: dict[str, Any], options: Options) -> Outside:
    """From the server's `GET /hello`; what cannot be read there is as if it was not said."""
    seen = hello.get("your_ip")
    found = [IceServer((uri,)) for uri in options.ice_servers]
    said = hello.get("ice_servers") or []
    with contextlib.suppress(TypeError, AttributeError):
        for each in said[:16]:
            urls = each.get("urls") or ()
            urls = (urls,) if isinstance(urls, str) else tuple(str(url) for url in urls)
            if urls:
                found.append(IceServer(urls, each.get("username"), each.get("credential")))
    ttl_s = hello.get("ice_ttl_s")
    until = time.monotonic() + ttl_s if isinstance(ttl_s, int) else None
    return Outside(seen if isinstance(seen, str) else None, tuple(found), until)
