"""TURN through a real coturn: who is let in and how long, what the operator's file denies, a transfer through it."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from aioice import stun

from burrowspace import Client
from burrowspace.client.events import PathChanged, Ready
from burrowspace.client.links.reach import Reach
from burrowspace.core.ice import TurnCredentials
from burrowspace.core.paths import Path as PathName
from burrowspace.server.turn import Turn, TurnOffer
from tests.app import running
from tests.client.coturn import OPERATORS, SECRET, allocation, asks, coturn, holds

pytestmark = pytest.mark.anyio

CLOUD = "169.254.169.254"
INSIDE = ["127.0.0.1", "10.1.2.3", "100.64.0.1", "192.168.1.1", CLOUD, "224.0.0.1"]


async def lets_in(where: tuple[str, int], passed: TurnCredentials) -> int:
    """The code that an allocation is refused with, 0 where it is made."""
    try:
        async with allocation(where, passed):
            return 0
    except stun.TransactionFailed as failed:
        return int(failed.response.error_code)


async def test_coturn_lets_in_who_has_credentials_of_ours_until_they_end(tmp_path: Path):
    async with coturn(tmp_path) as where:
        async with allocation(where, holds(600)) as mine:
            assert mine.relayed_address[0] == "127.0.0.1"
        assert await lets_in(where, holds(600, secret="another-secret-0123456789")) == 401
        assert await lets_in(where, holds(-5)) == 401
        username, credential = holds(600)
        assert await lets_in(where, TurnCredentials(username.replace("ann", "bob"), credential)) == 401


async def test_an_allocation_outlives_its_credentials(tmp_path: Path):
    """coturn reads the time in the name when a session begins; so fresh credentials are for new attempts alone."""
    async with coturn(tmp_path) as where:
        passed = holds(1)
        async with allocation(where, passed) as mine:
            async with asyncio.timeout(20):
                while (said := await lets_in(where, passed)) != 401:
                    assert said in (0, 437)  # 437: the system gave us the port of an attempt that coturn still ends
                    assert await asks(mine, stun.Method.REFRESH, LIFETIME=600) == 0
            assert await asks(mine, stun.Method.REFRESH, LIFETIME=600) == 0
            assert await asks(mine, stun.Method.CREATE_PERMISSION, XOR_PEER_ADDRESS=("127.0.0.1", 5000)) == 0


async def test_the_operators_file_denies_what_is_not_the_open_internet(tmp_path: Path):
    async with coturn(tmp_path, OPERATORS) as where:
        async with allocation(where, holds(600)) as mine:
            for address in INSIDE:
                assert await asks(mine, stun.Method.CREATE_PERMISSION, XOR_PEER_ADDRESS=(address, 5000)) == 403, address
            assert await asks(mine, stun.Method.CREATE_PERMISSION, XOR_PEER_ADDRESS=("9.9.9.9", 5000)) == 0
        assert await lets_in(where, holds(-5)) == 401


async def test_a_sealed_transfer_goes_by_turn_with_credentials_that_are_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two clients that have nothing but TURN. The ones of the first `/hello` end within a minute, so that the attempt
    asks for others."""
    monkeypatch.setattr(Reach, "possible", property(lambda _: frozenset({PathName.TURN})))
    payload = random.Random(7).randbytes(1_500_000)
    (tmp_path / "a.bin").write_bytes(payload)
    (tmp_path / "into").mkdir()
    async with coturn(tmp_path) as (host, port):
        turned = {"turn_urls": (f"turn:{host}:{port}",), "turn_secret": SECRET, "turn_ttl_s": 60, "stun_servers": ()}
        async with (
            running(tmp_path / "data", **turned) as server,
            Client(server.url, state=tmp_path / "one") as one,
            Client(state=tmp_path / "two") as two,
            asyncio.timeout(60),
        ):
            asked = counting(monkeypatch)
            sending = one.send([tmp_path / "a.bin"], with_code=False)
            ready = await anext(event async for event in sending if isinstance(event, Ready))
            receiving = two.receive(ready.link, tmp_path / "into")
            ways = [event.path async for event in receiving if isinstance(event, PathChanged)]
            await sending
    assert (tmp_path / "into" / "a.bin").read_bytes() == payload
    assert set(ways) == {"turn"}
    assert len(asked) >= 4  # each end at its start, and before its attempt


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The credentials that are handed out from now on."""
    given: list[str] = []
    offer = Turn.offer

    def counted(self: Turn, *args: Any) -> TurnOffer | None:
        made = offer(self, *args)
        assert made is not None
        given.append(made.passed.username)
        return made

    monkeypatch.setattr(Turn, "offer", counted)
    return given
