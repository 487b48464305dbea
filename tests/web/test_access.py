"""The page for whoever uses a keyboard, a screen reader, large text or the system's own colours."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, desk, made, until
from tests.web.test_face import PHONE

pytestmark = pytest.mark.anyio

MB = 1_000_000
FOCUSED = """() => {
  const path = [];
  for (let at = document.activeElement; at; at = at.shadowRoot?.activeElement) path.push(at.localName);
  return path;
}"""  # from the outside in
ENDED = """{
  id: "x", direction: "send", title: "the report of the whole year.pdf", size: 5e6, shares: {}, peer: "Gentle Bee",
  digest: "", when: Date.now(), until: Date.now() + 9e6,
}"""


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


async def within(page: Page, *names: str) -> None:
    """Until the focus is in all of these."""

    async def so() -> bool:
        return set(names) <= set(await page.evaluate(FOCUSED))

    await until(so)


async def test_text_of_twice_the_size_stays_on_a_phone(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url, **PHONE)
    await ann.page.get_by_role("button", name="Settings").wait_for()
    await ann.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await ann.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
    assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 390
    for part in ("header .me svg", "drop-burrow .big", "drop-burrow .or"):
        for each in await ann.page.locator(part).all():
            if not await each.is_visible():
                continue
            box = await each.bounding_box()
            assert box
            assert box["x"] >= 0, part
            assert box["x"] + box["width"] <= 390, part
    dome = await ann.page.locator("drop-burrow .mouth").bounding_box()
    words = await ann.page.locator("drop-burrow .inside").bounding_box()
    assert dome
    assert words
    assert words["y"] + words["height"] <= dome["y"] + dome["height"], "the words leave the dome"


async def test_the_size_that_a_person_chose_in_the_browser_counts(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url)
    rules = "[...document.styleSheets].flatMap((each) => [...each.cssRules]).map((rule) => rule.cssText)"
    assert not [each for each in await ann.page.evaluate(rules) if re.search(r"\bfont(-size)?: [^;]*\dpx", each)]


async def test_a_title_of_the_history_can_be_read_beside_its_button(browsing: Browsing, server: Served) -> None:
    for width in (390, 1280):
        ann = await desk(browsing, server.url, viewport={"width": width, "height": 844})
        await ann.page.locator("burrow-app").evaluate(f"(page) => page.app.remembered.add({ENDED})")
        title = ann.page.locator("history-list .title")
        await title.wait_for()
        shown = await title.evaluate("(title) => title.clientWidth")
        assert shown >= 190, f"{shown} pixels at {width}"


async def test_the_main_button_is_told_from_others_in_the_colours_of_the_system(
    browsing: Browsing, server: Served
) -> None:
    ann = await desk(browsing, server.url, forced_colors="active")
    await ann.page.get_by_role("button", name="Text").click()
    dialog = ann.page.get_by_role("dialog")
    await dialog.wait_for()
    colour = "(button) => getComputedStyle(button).backgroundColor"
    main = await dialog.locator("button.main").evaluate(colour)
    await ann.page.evaluate("document.body.append(document.createElement('button'))")
    body = ann.page.locator("body > button")
    await body.evaluate("(button) => (button.style.background = 'Highlight')")
    assert main == await body.evaluate(colour)


async def test_the_focus_stays_in_the_card_of_a_transfer(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "a.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    link = await ann.send(file)
    await within(ann.page, "transfer-card")  # the share card, not ten tabs away from it
    await bob.page.goto(link)
    said = bob.page.get_by_role("alert").filter(has_text="a.bin")
    await expect(said).to_have_count(1)  # heard, wherever the focus is
    accept = bob.page.locator("offer-card button.main")
    await accept.focus()
    await bob.page.keyboard.press("Enter")
    await bob.page.locator("offer-card").wait_for(state="detached")
    await within(bob.page, "transfer-card")
    await bob.whole()
    await within(bob.page, "transfer-card")


async def test_the_check_of_the_connection_has_the_focus_from_its_beginning_on(
    browsing: Browsing, server: Served
) -> None:
    ann = await desk(browsing, server.url)
    await ann.page.locator("footer button").click()
    await within(ann.page, "doctor-dialog")
    dialog = ann.page.locator("doctor-dialog")
    await dialog.locator("li", has_text="up, ").wait_for()
    again = dialog.locator(".end button").first
    await again.focus()
    await ann.page.keyboard.press("Enter")
    await expect(dialog.get_by_role("status")).to_have_count(1)
    await within(ann.page, "doctor-dialog", "button")


async def test_a_picture_that_is_none_leaves_no_broken_one(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    good = Path(__file__).parents[2] / "src" / "burrowspace" / "web" / "icons" / "burrow-180.png"
    (tmp_path / "good.png").write_bytes(good.read_bytes())
    (tmp_path / "bad.png").write_text("no picture")
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    await bob.page.goto(await ann.send(tmp_path / "good.png", tmp_path / "bad.png"))
    await bob.accept()
    await bob.whole()
    await bob.page.locator("received-files img[alt='good.png']").wait_for()
    await expect(bob.page.locator("received-files img")).to_have_count(1)
