"""WebRTC by aiolibdatachannel: libdatachannel below, 100 MB/s, Python 3.12 and later. Face: link_webrtc.py.

Read in its 2026.10 source: `recv` keeps 1,024 messages and drops the oldest beyond that; `send` waits for the low mark
whenever anything at all is buffered, so the marks are kept here; candidates that come early are kept by the library.
"""

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator, Sequence

from aiolibdatachannel import (
    ConnectionClosedError,
    DataChannel,
    DataChannelOptions,
    PeerConnection,
    RTCConfiguration,
    RTCError,
    RTCState,
    StateChangeEvent,
    TransportPolicy,
    _native,
)
from aiolibdatachannel import IceServer as NativeServer

from burrowspace.client.links.channel import HIGH, LOW
from burrowspace.client.links.link_webrtc import IceServer, Peer
from burrowspace.core.errors import BadRequest
from burrowspace.core.signals import IceCandidate, Sdp

SCTP_BUFFER = 4 << 20  # bytes each way: the default gives 7 MB/s at 50 ms, 16 MiB collapses


def _set_buffers() -> None:
    """Sets libdatachannel's SCTP buffers, for which the binding has no call: `rtcSetSctpSettings` of its C API.

    The struct is twelve ints, the first two the buffers; 0 leaves the others at their defaults. Where the symbol is not
    exported, the defaults stay.
    """
    with contextlib.suppress(OSError, AttributeError):
        call = ctypes.CDLL(_native.__file__).rtcSetSctpSettings
        call((ctypes.c_int * 12)(SCTP_BUFFER, SCTP_BUFFER))


_set_buffers()


class NativeChannel:
    """A DataChannel as a Channel."""

    def __init__(self, channel: DataChannel, connection: PeerConnection) -> None:
        self._channel, self._connection = channel, connection
        channel.set_buffered_amount_low_threshold(LOW)

    async def send(self, message: bytes) -> None:
        try:
            # Waiting is safe above LOW alone: below it nothing ever calls the waiter.
            await self._channel.send(message, wait_for_drain=self._channel.buffered_amount > HIGH)
        except RTCError as error:
            raise ConnectionResetError("the data channel has ended") from error

    async def receive(self) -> bytes:
        try:
            while True:
                message = await self._channel.recv()
                if not isinstance(message, bytes):
                    return b""  # not what we speak
                if message:
                    return message
        except ConnectionClosedError:
            return b""

    async def close(self) -> None:
        await self._connection.aclose()


class NativePeer(Peer):
    """One PeerConnection with one data channel."""

    def __init__(self, servers: Sequence[IceServer], relayed: bool) -> None:
        found = [NativeServer(url=url, username=each.username, credential=each.credential)
                 for each in servers for url in each.urls]  # fmt: skip
        policy = TransportPolicy.RELAY if relayed else TransportPolicy.ALL
        self._connection = PeerConnection(RTCConfiguration(ice_servers=found, ice_transport_policy=policy))
        self._own: DataChannel | None = None

    async def offer(self) -> Sdp:
        self._own = await self._connection.create_data_channel("burrow/1", DataChannelOptions(ordered=True))
        return Sdp(kind="offer", sdp=(await self._connection.set_local_description("offer")).sdp)

    async def answer(self, offer: Sdp) -> Sdp:
        await self.accept(offer)
        return Sdp(kind="answer", sdp=(await self._connection.set_local_description("answer")).sdp)

    async def accept(self, answer: Sdp) -> None:
        try:
            await self._connection.set_remote_description(answer.sdp, answer.kind)
        except (RTCError, ValueError) as error:
            raise BadRequest("the other side's session description cannot be read") from error

    async def add(self, candidate: IceCandidate) -> None:
        if not candidate.candidate:
            return  # libdatachannel has no word for the end of candidates
        try:
            await self._connection.add_remote_candidate(candidate.candidate, candidate.mid or "0")
        except (RTCError, ValueError) as error:
            raise BadRequest("the other side's candidate cannot be read") from error

    async def candidates(self) -> AsyncIterator[IceCandidate]:
        async for each in self._connection.ice_candidates():
            yield IceCandidate(candidate=each.candidate.removeprefix("a="), mid=each.mid)
        yield IceCandidate(candidate="")

    async def channel(self) -> NativeChannel:
        opening = asyncio.ensure_future(self._open())
        failing = asyncio.ensure_future(self._connection.wait_for_state(RTCState.FAILED))
        try:
            await asyncio.wait({opening, failing}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise ConnectionError("WebRTC found no way to the other side")
            return opening.result()
        except RTCError as error:
            raise ConnectionError("WebRTC found no way to the other side") from error
        finally:
            opening.cancel()
            failing.cancel()

    async def _open(self) -> NativeChannel:
        channel = self._own or await self._connection.accept_data_channel()
        await channel.wait_open()
        self._connection.spawn_task(self._watch(channel))
        return NativeChannel(channel, self._connection)

    async def _watch(self, channel: DataChannel) -> None:
        """Ends the channel with its connection: a peer that vanished does not close it."""
        async for event in self._connection.events():
            if isinstance(event, StateChangeEvent) and event.state in (RTCState.FAILED, RTCState.CLOSED):
                channel.close()
                return

    async def close(self) -> None:
        await self._connection.aclose()
