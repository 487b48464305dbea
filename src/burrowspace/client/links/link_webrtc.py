"""WebRTC links: one data channel, ordered and reliable, with the greeting and the frames of every link inside.

Two libraries behind one face, each in a file of its own: aiolibdatachannel where it is installed, else aiortc. The
receiver offers, the sender answers; descriptions and candidates travel as sealed signals, so the DTLS fingerprints in
them are the other end's, and the greeting inside proves it once more. Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from burrowspace.client.limits import Bucket
from burrowspace.client.links.channel import Bridge, Channel
from burrowspace.client.links.handshake import Ticket, approach
from burrowspace.client.links.link import DirectLink
from burrowspace.core.errors import BadRequest
from burrowspace.core.signals import IceCandidate, Sdp

DEADLINE = 15.0  # s from the first signal to the open channel
CANDIDATES = 64  # of the other side; what it says beyond that is not tried


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server, as `GET /hello` of our server names it."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Peer(ABC):
    """One peer connection of whichever library. Errors are ConnectionError and BadRequest."""

    @abstractmethod
    async def offer(self) -> Sdp:
        """Makes the data channel and describes it."""

    @abstractmethod
    async def answer(self, offer: Sdp) -> Sdp:
        """Takes the other side's offer. BadRequest."""

    @abstractmethod
    async def accept(self, answer: Sdp) -> None:
        """Takes the other side's answer. BadRequest."""

    @abstractmethod
    async def add(self, candidate: IceCandidate) -> None:
        """Takes one of the other side's candidates; before its description it waits or is kept. BadRequest."""

    @abstractmethod
    def candidates(self) -> AsyncIterator[IceCandidate]:
        """Our own candidates that stand in no description, as they are found."""

    @abstractmethod
    async def channel(self) -> Channel:
        """The data channel, once it is open. ConnectionError."""

    @abstractmethod
    async def close(self) -> None:
        """Ends it all."""


def library() -> str | None:
    """Which library is used here, or None: then there is no WebRTC path."""
    for name in ("aiolibdatachannel", "aiortc"):
        if importlib.util.find_spec(name):
            return name
    return None


async def make_peer(servers: Sequence[IceServer], relayed: bool, name: str | None = None) -> Peer:
    """A peer connection by library `name` (default: the best that is here). ConnectionError where there is none.

    A library takes most of a second to load: on a thread, or the relay would wait for it too.
    """
    name = name or library()
    if name == "aiolibdatachannel":
        module = await asyncio.to_thread(importlib.import_module, "burrowspace.client.links.webrtc_datachannel")
        return cast(Peer, module.NativePeer(servers, relayed))
    if name == "aiortc":
        module = await asyncio.to_thread(importlib.import_module, "burrowspace.client.links.webrtc_aiortc")
        return cast(Peer, module.AiortcPeer(servers, relayed))
    raise ConnectionError("WebRTC needs a library: run pip install '.[webrtc]' in a checkout")


Say = Callable[[Sdp | IceCandidate], Awaitable[None]]


class Rtc:
    """One attempt at a WebRTC link. Give it the other side's signals by `hear`, wait for `link`.

    `turn` makes it a "turn" link, which may go through a TURN server. `relayed`: relay candidates alone, so that no
    address of ours is shown; who makes a "turn" link does so, who answers may show its addresses.
    """

    def __init__(
        self,
        ticket: Ticket,
        say: Say,
        servers: Sequence[IceServer] = (),
        *,
        turn: bool = False,
        relayed: bool = False,
        bucket: Bucket | None = None,
        name: str | None = None,
    ) -> None:
        self.kind = "turn" if turn or relayed else "webrtc"
        self._ticket, self._say, self._bucket = ticket, say, bucket
        self._how = (servers, relayed, name)
        self._peer: Peer | None = None
        self._heard: asyncio.Queue[Sdp | IceCandidate] = asyncio.Queue(CANDIDATES)
        self._bridge: Bridge | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, signal: Sdp | IceCandidate) -> None:
        """A signal of the other side, for this attempt; what is beyond all measure is dropped."""
        with contextlib.suppress(asyncio.QueueFull):
            self._heard.put_nowait(signal)

    async def link(self) -> DirectLink:
        """Signals, connects, greets. ConnectionError, TimeoutError, BadRequest, Tampered; then all is closed again."""
        try:
            async with asyncio.timeout(DEADLINE):
                peer = self._peer = await make_peer(*self._how)
                self._start(self._talk(peer))
                if not self._ticket.sender:
                    described = await peer.offer()
                    await self._say(msgspec.structs.replace(described, relayed=self.kind == "turn"))
                    self._start(self._trickle(peer))
                self._bridge = Bridge(await peer.channel())
                offer = None if self._ticket.sender else self._ticket
                commit = await approach(self._bridge.line, {self._ticket.tag: self._ticket}, offer)
                greeted = await commit()
        except BaseException:
            await self.close()
            raise
        link = DirectLink(self._bridge.line, greeted.controls(), kind=self.kind, peer="by WebRTC", bucket=self._bucket)
        self._start(self._end_with(link, peer))
        return link

    async def close(self) -> None:
        """Gives the attempt up, or ends its link."""
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        if self._bridge:
            self._bridge.line.close()
            await self._bridge.close()
        if self._peer:
            await self._peer.close()

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, peer: Peer) -> None:
        """Takes the other side's signals as they come; one that cannot be read is as none."""
        while True:
            signal = await self._heard.get()
            with contextlib.suppress(BadRequest):
                if isinstance(signal, IceCandidate):
                    self._start(self._add(peer, signal))
                elif signal.kind == "offer" and self._ticket.sender:
                    await self._say(await peer.answer(signal))
                    self._start(self._trickle(peer))
                elif signal.kind == "answer" and not self._ticket.sender:
                    await peer.accept(signal)

    async def _add(self, peer: Peer, candidate: IceCandidate) -> None:
        with contextlib.suppress(BadRequest):
            await peer.add(candidate)

    async def _trickle(self, peer: Peer) -> None:
        async for each in peer.candidates():
            await self._say(each)

    async def _end_with(self, link: DirectLink, peer: Peer) -> None:
        await link.closed()
        if self._bridge:
            await self._bridge.close()
        await peer.close()
