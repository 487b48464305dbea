"""What a sender's page shows of a slow receiver is what that receiver has, not what has left the sender."""

from pathlib import Path

import pytest

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
SIZE = 12 * MB
RATE = 1.5 * MB  # bytes per second; the server takes the first 8 MiB at once
BETWEEN = 1.5 * MB  # what may come between two drawings of a page and two questions to it


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = EXCUSED


async def done(page: Desk) -> int:
    return int(await page.page.evaluate(f"{JOB}.state === 'done' ? {SIZE} : {JOB}.done"))


async def test_a_sender_shows_what_a_slow_receiver_has_by_way_of_the_server(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(made(tmp_path, "a.bin", SIZE))
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.page.locator("offer-card button.main").wait_for()
    line = await bob.page.context.new_cdp_session(bob.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": RATE, "uploadThroughput": RATE}
    await line.send("Network.emulateNetworkConditions", slow)
    await bob.accept()
    shown: set[int] = set()

    async def looked() -> bool:
        at_sender = await done(ann)
        at_receiver = await done(bob)
        assert at_sender <= min(SIZE, at_receiver + BETWEEN), "more is shown than has arrived"
        shown.add(at_sender)
        return at_sender == SIZE

    await until(looked, 60)
    assert len([each for each in shown if 0 < each < SIZE]) >= 4, f"it does not follow: {sorted(shown)}"
    await bob.whole()  # the sender hears of it before the receiver's own card says so
    assert await bob.job("finished.shares.relay") > SIZE
