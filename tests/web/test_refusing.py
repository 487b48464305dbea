"""Browsers that refuse: room, a database, workers; and pages that are frozen or closed at the worst moment."""

import contextlib
from pathlib import Path

import pytest
from playwright.async_api import Error, Route

from tests.e2e.served import Served
from tests.web.browser import Browsing, Pages
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, sha256, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
SQUEEZED = """async () => {
  const { OpfsSink } = await import("/web/store/sink-opfs.js");
  const { Manifest } = await import("/web/core/manifest.js");
  const BLOCK = 262144, size = 96 * BLOCK;
  const manifest = new Manifest([{ path: ["a"], kind: "file", size, mtimeNs: 0, mode: 0o644 }], "a");
  const sink = new OpfsSink("t1", manifest, 2 ** 28);
  await sink.open(manifest, false);
  const flushes = [];
  for (let n = 0; n < 96; n++) {
    await sink.write(0, n * BLOCK, new Uint8Array(BLOCK).fill(n));
    if (n !== 8) continue;
    flushes.push(await sink.flush());
    await squeeze();
  }
  flushes.push(await sink.flush());
  await sink.finish();
  const bytes = new Uint8Array(await (await (await sink.received())[0].blob()).arrayBuffer());
  return [sink.spilled, flushes, bytes.length === size && bytes.every((byte, at) => byte === Math.floor(at / BLOCK))];
}"""


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


async def by_relay(browsing: Browsing, server: Served, file: Path) -> tuple[Desk, Desk]:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(file)
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.page.locator("offer-card button.main").wait_for()
    return ann, bob


async def test_a_quota_that_is_used_up_in_the_middle_costs_a_reload_and_no_byte(
    browsing: Browsing, pages: Pages
) -> None:
    page = await browsing.page(pages.url)
    session = await page.context.new_cdp_session(page)
    little = {"origin": pages.url, "quotaSize": 3 * MB}
    await page.expose_function("squeeze", lambda: session.send("Storage.overrideQuotaForOrigin", little))
    spilled, flushes, whole = await page.evaluate(SQUEEZED)
    assert (spilled, flushes, whole) == (True, [True, False], True)


async def test_a_database_that_is_deleted_in_the_middle_fails_nothing(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "b.bin", 30 * MB)
    ann, bob = await by_relay(browsing, server, file)
    await bob.accept()
    await bob.reaches(2 * MB)
    for each in (ann, bob):
        session = await each.page.context.new_cdp_session(each.page)
        await session.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "indexeddb"})
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    await ann.whole()


async def test_a_page_whose_workers_do_not_start_sends_and_receives(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    """Not even the one that its files are kept by: they stay in memory."""
    browsing.excused = (*EXCUSED, "a policy")
    file = made(tmp_path, "c.bin", 3 * MB)
    refused = "globalThis.Worker = class { constructor() { throw new DOMException('a policy', 'SecurityError'); } }"
    pages = []
    for _ in range(2):
        page = await desk(browsing, "about:blank")
        await page.page.add_init_script(refused)
        await page.page.goto(server.url)
        pages.append(page)
    ann, bob = pages
    await bob.page.goto(await ann.send(file))
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    await ann.whole()


async def test_a_page_that_was_frozen_goes_on(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "d.bin", 40 * MB)
    ann, bob = await by_relay(browsing, server, file)
    await bob.accept()
    await bob.reaches(4 * MB)
    session = await bob.page.context.new_cdp_session(bob.page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    was = await ann.job("done")
    await ann.page.wait_for_timeout(2000)  # time that it is frozen for
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert was is not None
    await ann.whole()


async def test_a_tab_that_is_closed_at_100_percent_has_it_in_the_next_one(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "e.bin", 12 * MB)  # more than what comes before the yes
    ann, bob = await by_relay(browsing, server, file)
    browsing.excused = (*EXCUSED, "ERR_FAILED")
    context = bob.page.context

    async def silenced(route: Route) -> None:
        """It can say yes, and cannot say that it has it all."""
        with contextlib.suppress(Error):  # the page is closed meanwhile
            await (route.abort() if await bob.job("done") == file.stat().st_size else route.continue_())

    await context.route("**/mailboxes/**", silenced)
    await bob.accept()
    await bob.reaches(file.stat().st_size)
    await bob.page.close()
    await context.unroute("**/mailboxes/**")
    again = Desk(await browsing.page(server.url, context), browsing)
    await again.whole()
    assert sha256(await again.saved()) == sha256(file)
    await ann.whole()


async def test_what_a_page_had_no_room_for_goes_with_the_next_start_but_not_while_its_tab_is_open(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "f.bin", 30 * MB)
    _, bob = await by_relay(browsing, server, file)
    session = await bob.page.context.new_cdp_session(bob.page)
    await bob.accept()
    await bob.reaches(2 * MB)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": server.url, "quotaSize": 3 * MB})
    await bob.whole()
    assert await bob.page.evaluate(f"{JOB}.sink.spilled")
    stored = "import('/web/store/opfs.js').then(({ opfsIds }) => opfsIds())"
    clear = "import('/web/store/orphans.js').then(({ clearOrphans }) => clearOrphans())"
    assert len(await bob.page.evaluate(stored)) == 1
    other = await desk_of(browsing, bob, server.url)
    await other.page.evaluate(clear)
    assert len(await other.page.evaluate(stored)) == 1, "the file of a tab that is open is gone"
    async with bob.page.expect_download() as again:
        await bob.page.locator("received-files button").first.click()
    assert sha256(await browsing.saved(await again.value)) == sha256(file)
    await bob.page.close()
    last = await desk_of(browsing, other, server.url)

    async def gone() -> bool:
        return not await last.page.evaluate(stored)

    await until(gone)


async def test_a_page_that_cannot_store_a_transfer_says_what_a_reload_would_cost_as_long_as_it_runs(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "g.bin", 40 * MB)
    ann, bob = await by_relay(browsing, server, file)
    said = "This browser can't store your transfer"
    assert await bob.page.get_by_text(said).count() == 0
    session = await bob.page.context.new_cdp_session(bob.page)
    line = {"offline": False, "latency": 0, "uploadThroughput": -1}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", {**line, "downloadThroughput": 2 * MB})
    await bob.accept()
    await bob.reaches(2 * MB)
    assert await bob.page.get_by_text(said).count() == 0
    await session.send("Storage.overrideQuotaForOrigin", {"origin": server.url, "quotaSize": 3 * MB})
    await bob.page.get_by_role("status").get_by_text(said).wait_for()
    await session.send("Network.emulateNetworkConditions", {**line, "downloadThroughput": -1})
    await bob.whole()
    await bob.page.get_by_text(said).wait_for(state="detached")
    assert await ann.page.get_by_text(said).count() == 0


async def test_a_page_whose_database_refuses_everything_says_what_a_reload_would_cost(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, "about:blank")
    refuses = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'InvalidStateError'); }"
    await ann.page.add_init_script(refuses)
    await ann.page.goto(server.url)
    await ann.send(made(tmp_path, "h.bin", MB))
    await ann.page.get_by_role("status").get_by_text("This browser can't store your transfer").wait_for()


async def desk_of(browsing: Browsing, tab: Desk, url: str) -> Desk:
    """Another tab of the same browser."""
    return Desk(await browsing.page(url, tab.page.context), browsing)
