"""The tabs of one browser share one waiting call, so that a further tab loads: real browsers, a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from burrowspace import Client, Options
from tests.app import Running, running
from tests.web.browser import SERVER_GONE, Browsing
from tests.web.desk import CUTTABLE, EXCUSED, Desk, desk, made, sha256, until
from tests.web.firefox import firefox, in_firefox

__all__ = ["firefox", "in_firefox"]
pytestmark = pytest.mark.anyio

TABS = 10
KB = 1000


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data", stun_servers=(), grace_s=0) as server:
        yield server


def sockets(server: Running) -> int:
    """Connections that the server holds."""
    port = server.app.reach.port
    held = psutil.Process().net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in held)


async def tabs_of(browsing: Browsing, url: str, count: int) -> list[Desk]:
    """Tabs of one browser, which send and receive by the server alone."""
    context = await browsing.device()
    await context.add_init_script(CUTTABLE)
    await context.add_init_script("globalThis.mayConnect = false")
    return [Desk(await browsing.page(url, context), browsing) for _ in range(count)]


async def test_ten_tabs_of_chromium_share_one_waiting_call_an_eleventh_loads_and_all_transfers_arrive(
    server: Running, browsing: Browsing, tmp_path: Path
) -> None:
    await ten_tabs(browsing, server, tmp_path)


async def test_ten_tabs_of_firefox_share_one_waiting_call_an_eleventh_loads_and_all_transfers_arrive(
    server: Running, in_firefox: Browsing, tmp_path: Path
) -> None:
    await ten_tabs(in_firefox, server, tmp_path)


async def ten_tabs(browser: Browsing, server: Running, tmp_path: Path) -> None:
    browser.excused = EXCUSED
    tabs = await tabs_of(browser, server.url, TABS)
    files = [made(tmp_path, f"{at}.bin", 400 * KB + at) for at in range(TABS)]
    links = [await tab.send(file) for tab, file in zip(tabs, files, strict=True)]
    for tab in tabs:
        await tab.page.get_by_role("heading", name="Devices").wait_for()
        assert await tab.code()

    await until(lambda: _so(sockets(server) == 1))  # all others were idle and are closed

    late = Desk(await browser.page(server.url, tabs[0].page.context), browser)
    await late.page.get_by_role("heading", name="Devices").wait_for()

    async with Client(state=tmp_path / "client") as client:

        async def receive(at: int) -> None:
            async for _ in client.receive(links[at], tmp_path / f"received-{at}", options=Options(relay_only=True)):
                pass

        await asyncio.gather(*map(receive, range(TABS)))
    for at, file in enumerate(files):
        assert sha256(tmp_path / f"received-{at}") == sha256(file)


async def _so(value: bool) -> bool:
    return value


async def test_one_browser_sends_to_itself_although_blocks_have_few_connections(
    server: Running, browsing: Browsing, tmp_path: Path
) -> None:
    """As many receive as send, and neither waits for a connection that the other holds."""
    browsing.excused = EXCUSED
    tabs = await tabs_of(browsing, server.url, 8)
    senders, receivers = tabs[:4], tabs[4:]
    files = [made(tmp_path, f"{at}.bin", 3000 * KB) for at in range(4)]
    for receiver, sender, file in zip(receivers, senders, files, strict=True):
        link = await sender.send(file)
        await receiver.page.goto("about:blank")
        await receiver.page.goto(link)
    for receiver in receivers:
        await receiver.accept()
    for receiver, file in zip(receivers, files, strict=True):
        await receiver.whole()
        assert sha256(await receiver.saved()) == sha256(file)


async def test_tabs_whose_senders_are_away_take_turns_so_that_another_still_loads(
    server: Running, browsing: Browsing, tmp_path: Path
) -> None:
    browsing.excused = (*EXCUSED, *SERVER_GONE, "ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED")
    count, first = 5, 8 << 20  # bytes that wait for a receiver's yes; the rest comes after it
    senders = await tabs_of(browsing, server.url, count)
    receivers = await tabs_of(browsing, "about:blank", count)
    files = [made(tmp_path, f"{at}.bin", first + 2000 * KB) for at in range(count)]
    for receiver, sender, file in zip(receivers, senders, files, strict=True):
        await receiver.page.goto(await sender.send(file))
        await receiver.page.locator("offer-card button.main").wait_for()
    await senders[0].page.context.set_offline(True)
    for receiver in receivers:
        await receiver.accept()
    for receiver in receivers:
        await receiver.reaches(first // 2)

    late = Desk(await browsing.page(server.url, receivers[0].page.context), browsing)
    await late.page.get_by_role("heading", name="Devices").wait_for()

    await senders[0].page.context.set_offline(False)
    for receiver, file in zip(receivers, files, strict=True):
        await receiver.whole()
        assert sha256(await receiver.saved()) == sha256(file)


LEADER = """navigator.locks.query().then(({ held }) => {
  return held.find(({ name }) => name.startsWith("burrow tabs"))?.clientId ?? "";
})"""


async def close(tab: Desk) -> None:
    await tab.page.close()


async def freeze(tab: Desk) -> None:
    """As a browser does to tabs that nobody looks at; a Chromium without windows does it to none."""
    await tab.page.evaluate("document.dispatchEvent(new Event('freeze'))")


async def crash(tab: Desk) -> None:
    session = await tab.page.context.new_cdp_session(tab.page)
    async with tab.page.expect_event("crash"):
        sent = asyncio.ensure_future(session.send("Page.crash"))
    sent.cancel()  # nobody answers


async def put_aside(tab: Desk) -> None:
    await tab.page.goto("about:blank")


async def hang(tab: Desk) -> None:
    """A dialog that nobody closes stops all that the page does."""
    tab.page.on("dialog", lambda dialog: None)
    async with tab.page.expect_event("dialog"):
        await tab.page.evaluate("setTimeout(alert)")


@pytest.mark.parametrize("ends", [close, freeze, crash, put_aside, hang])
async def test_the_next_tab_waits_for_all_when_the_one_that_did_ends(
    server: Running, browsing: Browsing, tmp_path: Path, ends: Callable[[Desk], Awaitable[None]]
) -> None:
    browsing.excused = EXCUSED
    file = made(tmp_path, "a.bin", 400 * KB)
    [keeper] = await tabs_of(browsing, server.url, 1)
    link = await keeper.send(file)
    first = await keeper.page.evaluate(LEADER)
    other = Desk(await browsing.page(server.url, keeper.page.context), browsing)

    async def leads_other() -> bool:
        return await keeper.page.evaluate(LEADER) not in ("", first)

    await until(leads_other)
    await ends(other)
    taker = await desk(browsing, link)
    await taker.accept()
    await taker.whole()
    assert sha256(await taker.saved()) == sha256(file)
    assert await keeper.page.evaluate(LEADER) == first
