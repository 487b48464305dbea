"""Who is listed nearby, as other people see it: a device that closes goes soon, and one that is loaded again stays."""

import re

import pytest
from playwright.async_api import Error

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, Desk, desk, until

pytestmark = pytest.mark.anyio

SOON_S = 25  # a device was listed for 45 s after its last call
WATCH = """(list, name) => {
  const look = () => list.renderRoot.textContent.includes(name) || (globalThis.blinked = true);
  new MutationObserver(look).observe(list.renderRoot, {subtree: true, childList: true, characterData: true});
  look();
}"""


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = EXCUSED


async def name_of(each: Desk) -> str:
    return await each.page.locator("header .me .name", has_text=re.compile(r"\w")).inner_text()


async def listed(by: Desk, name: str) -> None:
    await by.page.locator("device-list").get_by_role("button", name=name).wait_for()


async def watched(by: Desk, name: str) -> None:
    """From now on `blinked` says whether it has ever been off the list."""
    await listed(by, name)
    await by.page.locator("device-list").evaluate(WATCH, name)
    assert not await by.page.evaluate("!!globalThis.blinked")


async def unlisted(by: Desk, name: str) -> None:
    device = by.page.locator("device-list").get_by_role("button", name=name)

    async def gone() -> bool:
        return await device.count() == 0

    await until(gone, SOON_S)


async def test_a_page_that_closes_is_off_the_others_list_soon(browsing: Browsing, server: Served) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    name = await name_of(bob)
    await listed(ann, name)
    await bob.page.close()
    await unlisted(ann, name)


async def test_a_browser_that_is_killed_is_off_the_others_list_soon(browsing: Browsing, server: Served) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    name = await name_of(bob)
    await listed(ann, name)
    with pytest.raises(Error):
        await bob.page.goto("chrome://crash")  # no `pagehide`, nothing said: its connections close
    await unlisted(ann, name)


async def test_a_page_that_is_loaded_again_never_leaves_the_others_list(browsing: Browsing, server: Served) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    name = await name_of(bob)
    await watched(ann, name)
    for _ in range(3):
        await bob.page.reload()
        await listed(bob, await name_of(ann))
    eve = await desk(browsing, server.url)  # news from the server, behind all that was said of the reloads
    await listed(ann, await name_of(eve))
    assert not await ann.page.evaluate("!!globalThis.blinked")


async def test_one_of_two_tabs_that_closes_takes_nobody_off_the_list(browsing: Browsing, server: Served) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    second = await browsing.page(server.url, bob.page.context)
    await second.locator("device-list").get_by_role("button", name=await name_of(ann)).wait_for()
    await watched(ann, await name_of(bob))
    await second.close()
    await bob.page.bring_to_front()
    eve = await desk(browsing, server.url)
    other = await name_of(eve)
    await listed(ann, other)
    await eve.page.close()
    await unlisted(ann, other)  # by then the first tab would be off, too
    assert not await ann.page.evaluate("!!globalThis.blinked")
