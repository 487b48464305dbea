"""WebRTC links on loopback: the same greeting, frames and credit inside a data channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from burrowspace.client.links import link_webrtc
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
