"""One decision at a time: what a person sees in each state of a transfer, and what they do not."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
NARROW = {"viewport": {"width": 320, "height": 700}}


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = (*EXCUSED, "ERR_INTERNET_DISCONNECTED")


def card(page: Page) -> Locator:
    return page.locator("transfer-card").first


async def name_of(each: Desk) -> str:
    await each.page.locator("header .me .name").wait_for()
    return str(await each.page.evaluate("document.querySelector('burrow-app').app.devices.name"))


async def test_a_sender_is_told_that_the_other_is_deciding(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await ann.send(made(tmp_path, "a.bin", 3 * MB)))
    name = await name_of(bob)
    await bob.page.locator("offer-card button.main").wait_for()
    await card(ann.page).get_by_text(f"Waiting for {name} to accept…").wait_for()
    for absent in ("0%", "Direct", "Pause"):
        assert await card(ann.page).get_by_text(absent).count() == 0, absent
    assert await card(ann.page).locator("device-picture").count() == 1
    await bob.accept()
    await ann.whole()


async def test_the_share_card_has_one_main_act(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url, permissions=["clipboard-read", "clipboard-write"])
    link = await ann.send(made(tmp_path, "a.bin", MB))
    code = await ann.code()
    assert await card(ann.page).locator("button.main").all_inner_texts() == ["Copy link"]
    assert await card(ann.page).get_by_text(link).count() == 0
    await card(ann.page).get_by_role("button", name="Copy link").click()
    assert await ann.page.evaluate("navigator.clipboard.readText()") == link
    await card(ann.page).get_by_role("button", name=code).click()
    await card(ann.page).get_by_role("status").get_by_text("Code copied").wait_for()
    assert await ann.page.evaluate("navigator.clipboard.readText()") == code
    upload = card(ann.page).get_by_role("button", name="Upload so I can close this page")
    assert not await upload.is_visible()
    await card(ann.page).get_by_text("More options").click()
    await upload.wait_for()
    await card(ann.page).get_by_role("button", name="Cancel").click()
    await card(ann.page).get_by_text("You cancelled.").wait_for()


async def test_a_page_behind_a_link_is_the_offer(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await ann.send(made(tmp_path, "film.mp4", 3 * MB)))
    download = bob.page.get_by_role("button", name="Download · 3 MB")
    await download.wait_for()
    assert await bob.page.locator("button.main:visible").count() == 1
    for absent in ("code-box", "device-list", "drop-burrow .mouth"):
        assert await bob.page.locator(absent).count() == 0, absent
    offer = bob.page.locator("offer-card")
    box, button = await offer.bounding_box(), await download.bounding_box()
    assert box is not None
    assert button is not None
    assert button["width"] > 0.9 * box["width"]
    assert await offer.locator("device-picture").count() == 1
    straight = offer.get_by_role("button", name="Download directly")
    assert not await straight.is_visible()
    await offer.get_by_text("Other ways to save").click()
    await straight.wait_for()
    await bob.page.get_by_role("button", name="Send something yourself").wait_for()
    await bob.page.get_by_role("button", name="BurrowSpace", exact=True).click()
    await bob.page.locator("code-box").wait_for()
    await offer.wait_for()


async def test_the_dome_gives_way_to_one_row(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    await ann.page.locator("drop-burrow .mouth").wait_for()
    await ann.send(made(tmp_path, "a.bin", MB))
    row = ann.page.get_by_role("button", name="Send something else")
    await row.wait_for()
    assert await ann.page.locator("drop-burrow .mouth").count() == 0
    assert (await ann.page.locator("drop-burrow").bounding_box() or {})["height"] < 60


async def test_both_ends_are_told_where_it_is_now(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url, reduced_motion="no-preference")
    bob = await desk(browsing, await ann.send(made(tmp_path, "a.bin", MB)), reduced_motion="reduce")
    name = await name_of(bob)
    await bob.accept()
    await card(ann.page).get_by_text(f"Delivered to {name}").wait_for()
    await card(bob.page).get_by_text("Saved to your downloads").wait_for()
    again = bob.page.get_by_role("button", name="Save again")
    assert "main" not in str(await again.get_attribute("class"))
    file = ann.page.locator("arrived-sign .file")
    assert await file.evaluate("(file) => getComputedStyle(file).animationIterationCount") == "1"
    assert (
        await bob.page.locator("arrived-sign .file").evaluate("(file) => getComputedStyle(file).animationName")
        == "none"
    )


async def test_what_is_finished_folds_when_something_new_comes(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await ann.send(made(tmp_path, "a.bin", MB)))
    await bob.accept()
    await ann.whole()
    await ann.send(made(tmp_path, "b.bin", MB))
    folded = ann.page.locator("finished-card article.folded")
    await folded.wait_for()
    assert (await folded.bounding_box() or {})["height"] < 70
    await folded.get_by_role("button", name="Show").click()
    await ann.page.locator("finished-card .end").wait_for()


async def written(ann: Desk, text: str) -> str:
    """The link of a text that ann sends."""
    await ann.page.get_by_role("button", name="Text").click()
    await ann.page.get_by_role("textbox", name="Text").fill(text)
    await ann.page.get_by_role("button", name="Send", exact=True).click()
    return await ann.link()


async def test_a_text_is_there_at_once_and_folded_after_a_reload(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await written(ann, "the password is tulip"))
    await bob.page.locator("finished-card pre").wait_for()
    seen = await bob.page.locator("finished-card article").inner_text()
    assert "tulip" in seen
    for absent in ("Direct", "Pause", "bytes of", "a text"):
        assert absent not in seen, absent
    await until(lambda: bob.page.evaluate(f"{JOB}.state === 'done'"))
    await bob.page.reload()
    await bob.page.locator("finished-card article.folded").wait_for()
    assert await bob.page.get_by_text("tulip").count() == 0
    await bob.page.get_by_role("button", name="Delete now").click()
    await bob.page.locator("transfer-card").wait_for(state="detached")
    await bob.page.reload()
    await bob.page.locator("drop-burrow").wait_for()
    assert await bob.page.locator("transfer-card").count() == 0


async def test_a_text_that_is_deleted_as_soon_as_it_is_there_does_not_come_back(
    browsing: Browsing, server: Served
) -> None:
    ann = await desk(browsing, server.url)
    link = await written(ann, "the password is tulip")
    bob = await desk(browsing, "about:blank")
    await bob.page.goto(link)
    await bob.page.get_by_role("button", name="Delete now").click()
    await bob.page.locator("transfer-card").wait_for(state="detached")
    await ann.whole()
    assert await bob.page.evaluate("import('/web/store/kept.js').then(({ kept }) => kept.list())") == []


async def test_a_phone_has_devices_first_in_one_row(browsing: Browsing, server: Served) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url, **PHONE)
    name = await name_of(ann)
    await bob.page.get_by_role("heading", name="Tap to send").wait_for()
    device = await bob.page.locator("device-list").get_by_role("button", name=name).bounding_box()
    mouth = await bob.page.locator("drop-burrow .mouth").bounding_box()
    assert device is not None
    assert mouth is not None
    assert device["y"] < mouth["y"]
    order = (
        "[...document.querySelector('burrow-app').shadowRoot.querySelectorAll('device-list, drop-burrow, code-box')]"
    )
    parts = await bob.page.evaluate(f"{order}.map((part) => part.localName)")
    assert parts == ["device-list", "drop-burrow", "code-box"], "who hears or tabs through it meets them as they stand"


async def test_dead_ends_have_a_next_step(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.send(made(tmp_path, "a.bin", MB))
    bob = await desk(browsing, link)
    await bob.accept()
    await ann.whole()
    late = await desk(browsing, link)
    await (
        late.page.get_by_role("alert")
        .get_by_text("This link has already been used. Ask the sender to share")
        .wait_for()
    )
    await late.page.get_by_role("button", name="Send something", exact=True).click()
    await expect(late.page.locator("drop-burrow .mouth")).to_be_focused()
    await late.page.context.set_offline(True)
    await late.page.get_by_text("You're offline. We'll continue when you're back.").wait_for()
    await late.page.context.set_offline(False)
    await late.page.get_by_text("You're offline").wait_for(state="detached")


async def test_who_is_declined_can_send_it_again(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await desk(browsing, server.url)
    bob = await desk(browsing, await ann.send(made(tmp_path, "a.bin", MB)))
    name = await name_of(bob)
    await bob.page.get_by_role("button", name="Decline").click()
    await ann.page.get_by_role("alert").get_by_text(f"{name} declined.").wait_for()
    await ann.page.get_by_role("button", name="Send again").click()
    await ann.page.locator("share-panel").wait_for()


@pytest.mark.parametrize("language", ["en", "de", "ar", "ja"])
async def test_no_state_is_wider_than_320_pixels(
    browsing: Browsing, server: Served, tmp_path: Path, language: str
) -> None:
    ann = await desk(browsing, server.url, locale=language, **NARROW)
    wide = "document.documentElement.scrollWidth"
    assert await ann.page.evaluate(wide) <= 320
    bob = await desk(
        browsing, await ann.send(made(tmp_path, "a-file-with-a-long-name.bin", MB)), locale=language, **NARROW
    )
    await bob.page.locator("offer-card button.main").wait_for()
    await ann.page.locator("transfer-card .waits").wait_for()
    for each in (ann, bob):
        assert await each.page.evaluate(wide) <= 320
    await bob.accept()
    for each in (ann, bob):
        await each.whole()
        assert await each.page.evaluate(wide) <= 320


async def test_several_files_are_counted_in_the_language_of_each_page(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.send(*(made(tmp_path, name, MB) for name in ("a.bin", "b.bin", "c.bin")))
    await card(ann.page).get_by_text("3 files").wait_for()
    bob = await desk(browsing, link, locale="de")
    await bob.page.locator("offer-card .what").get_by_text("3 Dateien").wait_for()


async def test_on_a_phone_what_is_wrong_with_a_code_is_on_the_screen(browsing: Browsing, server: Served) -> None:
    bob = await desk(browsing, server.url, viewport={"width": 390, "height": 844})
    ends = await bob.page.locator("code-box button").evaluate("(each) => each.getBoundingClientRect().bottom")
    await bob.page.set_viewport_size({"width": 390, "height": int(ends) + 4})  # the screen ends below the button
    await bob.page.locator("code-box input").fill("nonsense")
    await bob.page.locator("code-box input").press("Enter")
    said = bob.page.locator("code-box").get_by_role("alert").get_by_text("This isn't a code")
    await said.wait_for()
    await until(lambda: said.evaluate("(each) => each.getBoundingClientRect().bottom <= innerHeight"))
