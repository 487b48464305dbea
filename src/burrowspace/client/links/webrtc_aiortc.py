"""WebRTC by aiortc: pure Python, slow (12 to 17 MB/s), installs everywhere. See link_webrtc.py for the face.

aiortc gathers all its candidates before it has a description, so it trickles none of its own; it takes the other's. Of
the STUN servers it asks the first alone, and waits 5 s for it; so it is given the one that answers (nat.py), and
where none does by UDP, TURN by TCP before TURN by UDP.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiortc import (
    InvalidStateError,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from burrowspace.client.links import nat
from burrowspace.client.links.channel import HIGH, LOW, UNREAD
from burrowspace.client.links.link_webrtc import IceServer, Peer
from burrowspace.core.errors import BadRequest
from burrowspace.core.signals import IceCandidate, Sdp

ANSWER_S = 0.5  # for the first of the STUN and TURN servers to answer


async def usable(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    """What aiortc is to ask: for STUN whoever answers first, then TURN, one URI each."""
    read = [(uri, url, each) for each in servers for url in each.urls if (uri := nat.read(url)) is not None]
    answers = await nat.first([uri for uri, _, _ in read if uri.transport == "udp"], ANSWER_S)
    turns = [
        RTCIceServer([url], each.username, each.credential)
        for uri, url, each in read
        if uri.scheme != "stun" and (answers is not None or uri.transport == "tcp")
    ]
    if answers is None:
        return turns
    host = f"[{answers.host}]" if ":" in answers.host else answers.host
    return [RTCIceServer([f"stun:{host}:{answers.port}"]), *turns]


class AiortcChannel:
    """An RTCDataChannel as a Channel."""

    def __init__(self, channel: RTCDataChannel, peer: "AiortcPeer") -> None:
        self._channel, self._peer = channel, peer
        self._drained = asyncio.Event()
        self._ended = asyncio.Event()
        self._opened = asyncio.Event()
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        channel.bufferedAmountLowThreshold = LOW
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("open", self._opened.set)
        channel.on("message", self._came)
        channel.on("close", self.end)
        if channel.readyState == "open":
            self._opened.set()

    async def opened(self) -> None:
        await self._opened.wait()

    async def send(self, message: bytes) -> None:
        if self._channel.bufferedAmount > HIGH:
            self._drained.clear()
            await self._drained.wait()
        if self._ended.is_set():
            raise ConnectionResetError("the data channel has ended")
        try:
            self._channel.send(message)
        except (InvalidStateError, ConnectionError) as error:
            raise ConnectionResetError("the data channel has ended") from error
        await asyncio.sleep(0)  # aiortc sends in tasks of this loop: let them run

    async def receive(self) -> bytes:
        if self._messages.empty() and self._ended.is_set():
            return b""
        return await self._messages.get()

    async def close(self) -> None:
        await self._peer.close()

    def _came(self, message: bytes | str) -> None:
        if isinstance(message, str) or self._messages.qsize() >= UNREAD:
            self.end()  # not what we speak, or a peer that heeds no credit
        elif message:
            self._messages.put_nowait(message)

    def end(self) -> None:
        self._ended.set()
        self._drained.set()
        self._messages.put_nowait(b"")


class AiortcPeer(Peer):
    """One RTCPeerConnection with one data channel."""

    def __init__(self, servers: Sequence[IceServer], relayed: bool) -> None:
        self._servers = servers
        self._policy = RTCIceTransportPolicy.RELAY if relayed else RTCIceTransportPolicy.ALL
        self._made: RTCPeerConnection | None = None
        self._channel: asyncio.Future[AiortcChannel] = asyncio.get_running_loop().create_future()
        self._failed = asyncio.Event()
        self._closing: asyncio.Future[None] | None = None
        self._described = asyncio.Event()
        self._gathering: asyncio.Future[None] | None = None

    @property
    def _connection(self) -> RTCPeerConnection:
        assert self._made is not None, "offer() or answer() comes first"
        return self._made

    async def _make(self) -> None:
        found = await usable(self._servers)
        if self._closing is not None:
            raise ConnectionError("the attempt was given up")
        self._made = RTCPeerConnection(RTCConfiguration(iceServers=found, iceTransportPolicy=self._policy))
        self._made.on("datachannel", self._came)
        self._made.on("connectionstatechange", self._changed)

    async def offer(self) -> Sdp:
        await self._make()
        self._came(self._connection.createDataChannel("burrow/1", ordered=True))
        await self._describe(await self._connection.createOffer())
        return Sdp(kind="offer", sdp=self._connection.localDescription.sdp)

    async def answer(self, offer: Sdp) -> Sdp:
        await self._make()
        await self.accept(offer)
        await self._describe(await self._connection.createAnswer())
        return Sdp(kind="answer", sdp=self._connection.localDescription.sdp)

    async def _describe(self, description: RTCSessionDescription) -> None:
        """Shielded: aioice's questions to STUN servers outlive the task that waits for them."""
        self._gathering = asyncio.ensure_future(self._connection.setLocalDescription(description))
        await asyncio.shield(self._gathering)

    async def accept(self, answer: Sdp) -> None:
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(answer.sdp, answer.kind))
        except Exception as error:  # aiortc lets whatever its parser meets come out
            raise BadRequest("the other side's session description cannot be read") from error
        self._described.set()

    async def add(self, candidate: IceCandidate) -> None:
        await self._described.wait()
        if not candidate.candidate:
            await self._connection.addIceCandidate(None)
            return
        try:
            found = candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
        except Exception as error:  # aiortc lets whatever its parser meets come out
            raise BadRequest("the other side's candidate cannot be read") from error
        found.sdpMid, found.sdpMLineIndex = candidate.mid, candidate.line
        if found.sdpMid is None and found.sdpMLineIndex is None:
            found.sdpMLineIndex = 0
        await self._connection.addIceCandidate(found)

    async def candidates(self) -> AsyncIterator[IceCandidate]:
        return
        yield  # all of them stand in the description

    async def channel(self) -> AiortcChannel:
        opening = asyncio.ensure_future(self._open())
        failing = asyncio.ensure_future(self._failed.wait())
        try:
            await asyncio.wait({opening, failing}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise ConnectionError("WebRTC found no way to the other side")
            return opening.result()
        finally:
            opening.cancel()
            failing.cancel()

    async def _open(self) -> AiortcChannel:
        channel = await asyncio.shield(self._channel)
        await channel.opened()
        return channel

    async def close(self) -> None:
        # Once, and shielded: who is cancelled inside aiortc's close() cancels everybody else who waits for it.
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        if self._gathering is None or self._gathering.done():
            await asyncio.shield(self._closing)  # else it happens later, and nobody waits for it

    async def _close(self) -> None:
        if self._gathering is not None:
            # aioice would ask once more, on the sockets that are closed by then; it gives up after 5 s
            await asyncio.wait({self._gathering})
        if self._made is not None:
            await self._made.close()

    def _came(self, channel: RTCDataChannel) -> None:
        if not self._channel.done():
            self._channel.set_result(AiortcChannel(channel, self))

    def _changed(self) -> None:
        if self._made is not None and self._made.connectionState in ("failed", "closed"):
            self._failed.set()
            if self._channel.done():
                self._channel.result().end()
