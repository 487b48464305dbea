"""Where the line is long, two pages take several connections to each other. See long_line.py."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.e2e.served import Served
from tests.web.browser import Browsing, launched, private
from tests.web.desk import EXCUSED, desk, sha256
from tests.web.long_line import LEFT, Hosts, long_line
from tests.web.test_app import MB

pytestmark = pytest.mark.anyio
PORT = 5000
# The other end has answered on the first connection
GREETED = """async () => [...((await connections[0]?.getStats())?.values() ?? [])].some(
    (each) => each.type === "data-channel" && each.messagesReceived > 0)"""


@contextlib.asynccontextmanager
async def browsers(pair: Hosts, home: Path) -> AsyncIterator[list[Browser]]:
    """One on each host."""
    async with async_playwright() as playwright:
        started = []
        for host in (pair.left, pair.right):
            within = pair.within(host)
            started.append(await launched(playwright, within, home, f"http://{LEFT}:{PORT}"))
        yield started
        for each in started:
            await each.close()


async def test_over_50_ms_a_file_goes_by_four_connections_and_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "film.mkv"
    file.write_bytes(os.urandom(24 * MB))
    with long_line(0.025) as pair:
        server = Served(tmp_path / "data", stun_servers="", mdns="0")
        server.within, server.host, server.port = pair.within(pair.left), LEFT, PORT
        await server.start()
        try:
            async with browsers(pair, tmp_path) as (left, right):
                sending, receiving = (
                    Browsing(private(left), tmp_path / "left"),
                    Browsing(private(right), tmp_path / "right"),
                )
                sending.excused = receiving.excused = EXCUSED
                ann = await desk(sending, server.url)
                bob = await desk(receiving, await ann.send(file))
                # Else the relay would carry it all before anybody knows how fast it is
                await bob.page.wait_for_function(GREETED)
                await bob.accept()
                await bob.whole()
                assert sha256(await bob.saved()) == sha256(file)
                # How much is the machine's to say: a busy one finds the relay quicker
                assert (await bob.job("finished"))["shares"].get("webrtc", 0) > 0
                for each in (ann, bob):
                    assert await each.page.evaluate("connections.length") == 4
                assert not sending.complaints + receiving.complaints
        finally:
            await server.close()
