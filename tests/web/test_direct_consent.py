"""A person who thinks, where both ends are pages of a real browser and a direct path is up: what crosses the network is
counted, through the server by a proxy in front of each page, directly by the transports of the browser."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.served import served
from tests.e2e.transfer.counting import counting
from tests.web.browser import SERVER_GONE, Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, sha256, until

pytestmark = pytest.mark.anyio

MiB = 1 << 20
SIZE = 20 * MiB
AWAY = (*EXCUSED, *SERVER_GONE)  # the server goes first
WINDOW = 34 * 262_144  # the manifest and one window, with what surrounds them
DIRECT = """async () => {
  let bytes = 0;
  for (const connection of connections)
    for (const each of (await connection.getStats()).values())
      if (each.type === "transport") bytes += each.bytesReceived;
  return bytes;
}"""


# What the session of the newest transfer says of paths.
LISTENS = f"""(() => {{
  const job = {JOB}, hear = job.hear.bind(job);
  globalThis.switches = [];
  job.hear = (event) => {{
    if (event.event === "path") switches.push(event.why);
    hear(event);
  }};
}})()"""


@pytest.mark.parametrize("seconds", [4, 12])
async def test_a_person_who_thinks_in_front_of_a_page_costs_a_page_nothing_direct(
    browsing: Browsing, tmp_path: Path, seconds: float
) -> None:
    browsing.excused = AWAY
    film = tmp_path / "film.bin"
    film.write_bytes(bytes(range(256)) * (SIZE // 256))
    async with (
        served(tmp_path / "data", stun_servers="") as server,
        counting(server.port) as up,
        counting(server.port) as down,
    ):
        ann, bob = await desk(browsing, up.url), await desk(browsing, down.url)
        link = (await ann.send(film)).replace(up.url, down.url)
        await bob.page.goto(link)
        await bob.page.locator("offer-card button.main").wait_for()
        await until(lambda: connected(bob))

        def by_server() -> int:
            return up.up + up.down + down.up + down.down

        loaded = by_server()  # the pages themselves
        await bob.page.evaluate(LISTENS)
        await ann.page.locator("transfer-card .waits").wait_for()
        await asyncio.sleep(seconds)
        assert await bob.page.evaluate(DIRECT) < WINDOW, "more than one window came before the yes"
        assert by_server() - loaded < WINDOW, "so much went through the server before the yes"
        await bob.accept()
        await bob.whole()
        await ann.whole()
        assert sha256(await bob.saved()) == sha256(film)
        assert "stalled" not in await bob.page.evaluate("switches"), "the pause counted as a stall"
        # More is not promised: where WebRTC is slow, the relay is looked at too.
        network = (await bob.job("finished"))["network"]
        assert network["webrtc"] > MiB, "it did not go on by the path that was up"
        assert sum(network.values()) < SIZE * 1.02 + WINDOW


async def connected(page: Desk) -> bool:
    return bool(await page.page.evaluate("connections.some((each) => each.connectionState === 'connected')"))
