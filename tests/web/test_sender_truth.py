"""What a sender shows of a slow receiver is what that receiver has, or the server, not what has left the sender."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.client import events
from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
SIZE = 12 * MB
UPLOAD = 200 * MB  # takes a second: no browser slows down what its workers send
RATE = 1.5 * MB  # bytes per second; the server takes the first 8 MiB at once
BETWEEN = 1.5 * MB  # what may come between two drawings of a page and two questions to it


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = EXCUSED


async def done(page: Desk, size: int = SIZE) -> int:
    return int(await page.page.evaluate(f"['done', 'resting'].includes({JOB}.state) ? {size} : {JOB}.done"))


async def follows(
    shown: Callable[[], Awaitable[int]], there: Callable[[], Awaitable[int]], steps: int, size: int = SIZE
) -> None:
    """Until the sender shows all of it: never more than is there, and at least so many figures on the way."""
    seen: set[int] = set()

    async def looked() -> bool:
        at_sender = await shown()
        arrived = await there()
        assert at_sender <= min(size, arrived + BETWEEN), "more is shown than has arrived"
        seen.add(at_sender)
        return at_sender == size

    await until(looked, 60)
    assert len([each for each in seen if 0 < each < size]) >= steps, f"it does not follow: {sorted(seen)}"


async def slowed(page: Desk) -> None:
    """What the page downloads comes at RATE from now on."""
    line = await page.page.context.new_cdp_session(page.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": RATE, "uploadThroughput": RATE}
    await line.send("Network.emulateNetworkConditions", slow)


async def test_a_sender_shows_what_a_slow_receiver_has_by_way_of_the_server(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(made(tmp_path, "a.bin", SIZE))
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.page.locator("offer-card button.main").wait_for()
    await slowed(bob)
    await bob.accept()
    await follows(lambda: done(ann), lambda: done(bob), 4)
    await bob.whole()  # the sender hears of it before the receiver's own card says so
    assert await bob.job("finished.shares.relay") > SIZE


async def test_a_page_shows_what_a_slow_terminal_has_that_it_sends_to_directly(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, held = await desk(browsing, server.url), 0

    async def receive(link: str) -> None:
        nonlocal held
        how = Options(limit_rate=int(RATE), direct_only=True)
        async with Client(state=tmp_path / "bob") as client:
            async for event in client.receive(link, tmp_path / "got", options=how):
                if isinstance(event, events.Progress):
                    held = event.done
                elif isinstance(event, events.Finished):
                    assert event.shares.keys() == {"webrtc"}
                    held = SIZE

    async def has() -> int:
        return held

    async with asyncio.TaskGroup() as both:
        both.create_task(receive(await ann.send(made(tmp_path, "a.bin", SIZE))))
        await follows(lambda: done(ann), has, 4)


async def test_a_terminal_shows_what_a_slow_page_has(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    bob = await desk(browsing, server.url)
    async with Client(server.url, state=tmp_path / "ann") as client:
        sending = client.send([made(tmp_path, "a.bin", SIZE)], with_code=False, options=Options(relay_only=True))
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        told = 0

        async def tell() -> None:
            nonlocal told
            async for event in sending:
                if isinstance(event, events.Progress):
                    told = event.done
                elif isinstance(event, events.Finished):
                    told = SIZE

        async def shown() -> int:
            return told

        await bob.page.evaluate(f"location.href = {ready.link!r}")
        await bob.page.locator("offer-card button.main").wait_for()
        await slowed(bob)
        async with asyncio.TaskGroup() as both:
            both.create_task(tell())
            await bob.accept()
            await follows(shown, lambda: done(bob), 4)


async def test_a_page_that_uploads_shows_what_the_server_has(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)

    async def kept() -> int:
        return sum(each.stat().st_size for each in (server.data / "spool").rglob("*") if each.is_file())

    await ann.send(made(tmp_path, "a.bin", UPLOAD))
    await ann.page.get_by_text("More options").click()
    await ann.page.get_by_role("button", name="Upload so I can close this page").click()
    await follows(lambda: done(ann, UPLOAD), kept, 2, UPLOAD)
    await ann.page.get_by_text("Encrypted and stored on the server").wait_for()
