"""A link's secret stands in the address bar and in the tab's history no longer than it takes to read it, and a page
that is loaded again still knows what it was opened for."""

from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, Desk, desk, sha256, until

pytestmark = pytest.mark.anyio

KEPT_BY_THE_TAB = "sessionStorage.length"


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


def made(folder: Path, name: str, size: int = 100_000) -> Path:
    file = folder / name
    file.write_bytes(name.encode() * (size // len(name)))
    return file


async def addresses(page: Page) -> list[str]:
    """All that the tab's history has, the current one among them."""
    session = await page.context.new_cdp_session(page)
    found = await session.send("Page.getNavigationHistory")
    await session.detach()
    return [each["url"] for each in found["entries"]] + [page.url]


async def offers(page: Desk, count: int) -> None:
    async def so() -> bool:
        return await page.page.locator("offer-card").count() == count

    await until(so)


async def test_the_secret_leaves_the_address_and_the_history_and_a_reload_still_shows_the_offer(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "a.bin")
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    bob = await desk(browsing, link)
    await offers(bob, 1)
    assert bob.page.url == f"{server.url}/r"
    assert [each for each in await addresses(bob.page) if "#" in each] == []
    await bob.page.reload()
    await offers(bob, 1)
    assert [each for each in await addresses(bob.page) if "#" in each] == []
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert await bob.page.evaluate(KEPT_BY_THE_TAB) == 0
    assert bob.page.url == f"{server.url}/"


async def test_a_page_that_is_loaded_again_before_it_could_ask_the_server_still_knows_its_link(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, "about:blank")
    browsing.excused = (*EXCUSED, "ERR_FAILED")
    await bob.page.context.route("**/mailboxes/**", lambda route: route.abort())
    await bob.page.goto(await ann.send(made(tmp_path, "a.bin")))
    await bob.page.locator("transfer-card").wait_for()
    assert bob.page.url == f"{server.url}/r"
    assert await bob.page.evaluate("import('/web/store/kept.js').then(({ kept }) => kept.list())") == []
    await bob.page.context.unroute("**/mailboxes/**")
    await bob.page.reload()
    await offers(bob, 1)


async def test_it_is_read_before_anything_else_of_the_page_is_there(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.send(made(tmp_path, "a.bin"))
    bob = await desk(browsing, "about:blank")
    await bob.page.route("**/app.js", lambda route: route.abort())
    browsing.excused = (*EXCUSED, "ERR_FAILED")
    await bob.page.goto(link)
    await bob.page.wait_for_url(f"{server.url}/r")
    assert [each for each in await addresses(bob.page) if "#" in each] == []
    await bob.page.unroute("**/app.js")
    await bob.page.reload()
    await offers(bob, 1)


async def test_a_second_link_in_the_same_tab_is_taken_out_too_and_a_reload_shows_both(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, eve = await desk(browsing, server.url), await desk(browsing, server.url)
    first, second = await ann.send(made(tmp_path, "a.bin")), await eve.send(made(tmp_path, "b.bin"))
    bob = await desk(browsing, first)
    await offers(bob, 1)
    await bob.page.evaluate("link => location.assign(link)", second)
    await offers(bob, 2)
    assert [each for each in await addresses(bob.page) if "#" in each] == []
    await bob.page.reload()
    await offers(bob, 2)
    await bob.page.go_back()
    assert "#" not in bob.page.url


async def test_what_was_declined_is_not_asked_again(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await ann.send(made(tmp_path, "a.bin")))
    await offers(bob, 1)
    await bob.page.get_by_role("button", name="Decline").click()
    await offers(bob, 0)

    async def forgotten() -> bool:
        return bool(await bob.page.evaluate(KEPT_BY_THE_TAB) == 0)

    await until(forgotten)
    await bob.page.reload()
    await bob.page.locator("drop-burrow").wait_for()
    await offers(bob, 0)


async def test_a_broken_link_is_taken_out_as_well_and_forgotten(browsing: Browsing, server: Served) -> None:
    bob = await desk(browsing, f"{server.url}/r#{'A' * 42}!")
    await bob.page.get_by_role("alert").get_by_text("Copy the whole link").wait_for()
    assert [each for each in await addresses(bob.page) if "#" in each] == []
    assert await bob.page.evaluate(KEPT_BY_THE_TAB) == 0


async def test_a_page_whose_browser_keeps_nothing_opens_its_link_all_the_same(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.send(made(tmp_path, "a.bin"))
    bob = await desk(browsing, "about:blank")
    await bob.page.add_init_script(
        "Object.defineProperty(globalThis, 'sessionStorage', { get() { throw new Error('refused'); } })"
    )
    await bob.page.goto(link)
    await offers(bob, 1)
    assert "#" not in bob.page.url
    await bob.accept()
    await bob.whole()


async def test_a_preview_that_opens_the_link_first_uses_nothing_up(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    """What a mail filter and a chat do: they ask for the page, by GET and HEAD, again and again."""
    file = made(tmp_path, "a.bin")
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    async with aiohttp.ClientSession() as http:
        for method in ("HEAD", "GET") * 20:
            for spelled in (link, link.replace("/r#", "/r?fbclid=x#")):
                async with http.request(method, spelled, headers={"User-Agent": "Preview/1.0"}) as answer:
                    assert answer.status == 200
    assert await ann.job("state") == "waiting"
    bob = await desk(browsing, link)
    await offers(bob, 1)
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


@pytest.mark.parametrize("spelled", ["/r?utm_source=mail&fbclid=x#", "/r/?gclid=1#", "/r%23", "/r/%23"])
async def test_a_link_that_was_changed_on_its_way_opens_in_a_browser(
    browsing: Browsing, server: Served, tmp_path: Path, spelled: str
) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.send(made(tmp_path, "a.bin"))
    bob = await desk(browsing, link.replace("/r#", spelled))
    await offers(bob, 1)
    assert bob.page.url == f"{server.url}/r"


async def test_the_field_takes_links_and_codes_with_what_stands_around_them(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    for what in ("link", "code"):
        ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
        link = await ann.send(made(tmp_path, "a.bin"))
        code = await ann.code()
        field = bob.page.locator("code-box input")
        if what == "link":
            await field.fill(f"Here: <{link.replace('/r#', '/r/?utm_source=mail#')}>. See you!")
        else:
            await field.fill(f"Code: “{code.upper().replace('-', ' – ')}”.")
        await field.press("Enter")
        await offers(bob, 1)
