"""WebRTC links on loopback: the same greeting, frames and credit inside a data channel."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import pytest

from burrowspace.client.links import link_webrtc
from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link import DirectLink
from burrowspace.client.links.link_webrtc import Rtc
from burrowspace.core.signals import Bye, Held, IceCandidate, Sdp
from tests.client.links import BLOCK, RECEIVER, SENDER, TAG, Blocks, Taker

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def attempts(sender: Ticket = SENDER, receiver: Ticket = RECEIVER) -> AsyncIterator[tuple[Rtc, Rtc]]:
    """Two ends of one attempt; each hears what the other says."""

    async def to_sender(signal: Sdp | IceCandidate) -> None:
        ends[0].hear(signal)

    async def to_receiver(signal: Sdp | IceCandidate) -> None:
        ends[1].hear(signal)

    ends = (Rtc(sender, to_receiver), Rtc(receiver, to_sender))
    try:
        yield ends
    finally:
        for each in ends:
            await each.close()


@contextlib.asynccontextmanager
async def both() -> AsyncIterator[tuple[DirectLink, DirectLink]]:
    async with attempts() as (sender, receiver), asyncio.timeout(30):
        yield tuple(await asyncio.gather(sender.link(), receiver.link()))


async def test_blocks_and_words_pass():
    blocks, taker = Blocks(40, BLOCK), Taker(40)
    async with both() as (sender, receiver):
        assert (sender.kind, receiver.kind) == ("webrtc", "webrtc")
        sender.serve(blocks.seal)
        receiver.pull(taker.take, 0, 40)
        await taker.reaches(40)
        assert blocks.sealed == taker.taken == list(range(40))
        await sender.send(Held(held=1))
        assert await anext(receiver.controls()) == Held(held=1)
        await receiver.send(Bye())
        assert await anext(sender.controls()) == Bye()


async def test_the_end_of_one_side_is_noticed_by_the_other():
    async with both() as (sender, receiver):
        sender.close()
        async with asyncio.timeout(10):
            await receiver.closed()


async def test_who_knows_another_key_gets_no_link():
    async with attempts(receiver=Ticket(TAG, b"?" * 32, False)) as (sender, receiver), asyncio.timeout(30):
        results = await asyncio.gather(sender.link(), receiver.link(), return_exceptions=True)
        assert all(isinstance(each, Exception) for each in results)


async def test_nonsense_for_signals_is_no_link_and_no_crash(monkeypatch):
    monkeypatch.setattr(link_webrtc, "DEADLINE", 1.0)

    async def nobody(signal: Sdp | IceCandidate) -> None:
        pass

    rtc = Rtc(SENDER, nobody)
    for signal in [
        Sdp(kind="offer", sdp="nonsense"),
        Sdp(kind="answer", sdp=""),
        IceCandidate(candidate="x" * 99),
    ] * 50:
        rtc.hear(signal)
    with pytest.raises(TimeoutError):
        await rtc.link()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="libdatachannel is used there, which has no such timers")
async def test_who_is_closed_while_it_asks_a_stun_server_asks_no_more_on_a_closed_socket(
    monkeypatch: pytest.MonkeyPatch,
):
    from aiortc import RTCIceServer

    from burrowspace.client.links import webrtc_aiortc

    asked: asyncio.Queue[bytes] = asyncio.Queue()

    class Silent(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.put_nowait(data)

    loop, faults = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    host = next(each for each in own_addresses() if ":" not in each)  # aioice does not ask from loopback
    silent, _ = await loop.create_datagram_endpoint(Silent, (host, 0))
    server = RTCIceServer([f"stun:{host}:{silent.get_extra_info('sockname')[1]}"])

    async def usable(_: object) -> list[RTCIceServer]:
        return [server]

    monkeypatch.setattr(webrtc_aiortc, "usable", usable)
    peer = webrtc_aiortc.AiortcPeer([], relayed=False)
    offering = asyncio.ensure_future(peer.offer())
    async with asyncio.timeout(20):
        first = await asked.get()
        offering.cancel()
        await peer.close()
        while await asked.get() != first:  # once more, half a second later
            pass
    silent.close()
    assert faults == []
