"""What an attempt is made with: TURN's servers for a turn link alone, and of the STUN servers one that answers."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from burrowspace.client.links import nat
from burrowspace.client.links import reach as subject
from burrowspace.client.links.link_tcp import Listener
from burrowspace.client.links.link_webrtc import IceServer
from burrowspace.client.links.reach import Outside, Reach
from burrowspace.client.options import Options
from burrowspace.core import stun
from burrowspace.core.paths import Path
from burrowspace.core.signals import Sdp
from tests.client.links import RECEIVER, SENDER

pytestmark = pytest.mark.anyio
STUN, TURN = IceServer(("stun:a:1",)), IceServer(("turn:a:1",), "1:x", "it")


class Attempts(list[tuple[Sequence[IceServer], bool]]):
    """Stands where Rtc does: with which servers, and whether relay candidates alone are named. None finds a way."""

    def __call__(self, _ticket: Any, _say: Any, servers: Sequence[IceServer], *, relayed: bool, **_: Any) -> Any:
        self.append((tuple(servers), relayed))
        return self

    async def link(self) -> Any:
        raise ConnectionError("no way")

    async def close(self) -> None:
        """Nothing is open."""

    def hear(self, _: Any) -> None:
        """Heard."""


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    made = Attempts()
    monkeypatch.setattr(subject, "Rtc", made)
    return made


def reach(ticket: Any, listener: Listener | None, **options: Any) -> Reach:
    async def say(_: Any) -> None:
        """To nobody."""

    outside = Outside(None, (STUN, TURN))
    chosen = Options(**options)
    return Reach(ticket=ticket, listener=listener, options=chosen, outside=outside, say=say, add=lambda _: None)


async def test_turn_is_asked_for_a_turn_link_alone(attempts: Attempts):
    for path in (Path.WEBRTC, Path.TURN):
        with pytest.raises(ConnectionError):
            await reach(RECEIVER, None).make(path)
    assert attempts == [((STUN,), False), ((TURN,), True)]


@pytest.mark.parametrize(
    ("relayed", "direct_only", "asked"),
    [(False, False, [((STUN,), False)]), (True, False, [((STUN, TURN), False)]), (True, True, [])],
)
async def test_who_answers_asks_turn_only_for_the_offer_of_a_turn_link(
    attempts: Attempts, relayed: bool, direct_only: bool, asked: list[Any]
):
    listener = Listener()
    try:
        end = reach(SENDER, listener, direct_only=direct_only)
        end.heard(Sdp(kind="offer", sdp="", relayed=relayed))
        await end.closed()
    finally:
        await listener.close()
    assert attempts == asked


async def test_a_stun_server_that_is_silent_is_not_waited_for():
    loop = asyncio.get_running_loop()

    class Answering(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            asked = stun.parse(data)
            assert asked is not None
            self.transport.sendto(stun.answer(asked, stun.Address(*addr)), addr)

    transport, _ = await loop.create_datagram_endpoint(Answering, local_addr=("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        ports = (silent.getsockname()[1], transport.get_extra_info("sockname")[1])
        uris = [nat.Uri("stun", "127.0.0.1", port, "udp") for port in ports]
        try:
            async with asyncio.timeout(5):
                assert await nat.first(uris, 60) == uris[1]
                assert await nat.first(uris[:1], 0.1) is None
                assert await nat.first([], 60) is None
        finally:
            transport.close()
