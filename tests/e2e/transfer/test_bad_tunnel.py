"""A sealed transfer through a tunnel with all the habits that tunnels have: it arrives, relayed and from the store."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.transfer.bad_tunnel import BODY_MOST, BadTunnel
from tests.e2e.transfer.pair import MB, link_of, pair, paths, well

pytestmark = pytest.mark.anyio


async def test_the_known_limits_of_tunnels_do_not_break_a_transfer(tmp_path: Path) -> None:
    async with pair(tmp_path) as two, BadTunnel(two.server.port).running() as tunnel:
        make(two.ann.folder / "live.bin", 110 * MB)
        sender = await two.ann.burrow("send", "live.bin", "--server", tunnel.url, "--relay-only", "--json")
        code = (await sender.event("ready"))["code"]
        await asyncio.wait_for(tunnel.cut.wait(), 20)  # nobody came, and what waits is cut off
        receiver = await two.bob.burrow("receive", code, "--server", tunnel.url, "--relay-only", "--json")
        await well(receiver)
        await well(sender)
        two.same("live.bin")
        assert set(paths(receiver)) <= {"relay", "store"}
        assert 10 * MB < tunnel.largest < BODY_MOST  # requests begin with 1 MB and grow with the line

        make(two.ann.folder / "rest.bin", 10 * MB)
        sender = await two.ann.burrow("send", "rest.bin", "--server", tunnel.url, "--store", "--json")
        link = await link_of(sender)
        assert await sender.ended() == 0, sender.said
        await well(await two.receive(link))
        two.same("rest.bin")
        assert tunnel.pages == 0
        assert tunnel.bad > 2
        assert tunnel.largest < BODY_MOST
