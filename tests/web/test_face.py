"""What a person sees of the web app: readable by all, in every language, and nothing of a stranger's runs in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Response, expect

from tests.cli.program import Person
from tests.e2e.served import Served, served
from tests.web.axe import faint, violations
from tests.web.browser import Browsing
from tests.web.desk import desk, until

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
FIRST_LOAD = 150_000  # bytes on the wire, bodies and heads
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe \"'&.txt"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data", stun_servers="") as running:
        yield running


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = ("404 (Not Found)", "/delivered/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_screen(browsing: Browsing, server: Served, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    ann = await desk(browsing, server.url, color_scheme=scheme)
    bob = await desk(browsing, server.url, color_scheme=scheme, **PHONE)
    await ann.page.get_by_role("heading", name="Any file, any device").wait_for()
    assert await violations(ann.page) == []
    assert await faint(ann.page) == []
    link = await ann.send(tmp_path / "notes.txt")
    assert await violations(ann.page) == []
    await bob.page.goto(link)
    await bob.page.locator("offer-card").get_by_role("button", name="Download").wait_for()
    assert await violations(bob.page) == []
    await bob.accept()
    await bob.whole()
    assert await violations(bob.page) == []
    for each in (ann, bob):
        assert await faint(each.page) == []
    for name in ("Settings", "Pair"):
        await ann.page.get_by_role("button", name=name).first.click()
        await ann.page.get_by_role("dialog").wait_for()
        assert await violations(ann.page) == []
        await ann.page.keyboard.press("Escape")
    await ann.page.get_by_role("button", name="Text").click()
    assert await violations(ann.page) == []


async def test_every_language_is_spoken_on_a_phone_and_nothing_sticks_out(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url, **PHONE)
    page = ann.page
    settings = page.get_by_role("button", name="Settings")
    await settings.click()

    async def named() -> bool:
        called = (await settings.inner_text()).strip()
        return bool(called) and await page.locator("settings-dialog input").input_value() == called

    await until(named)  # the device's name is there a moment after the page
    languages = page.locator("settings-dialog select").first
    codes = await languages.locator("option").evaluate_all("(options) => options.map((each) => each.value)")
    assert len(codes) >= 6
    headings = set()
    for code in codes:
        await languages.select_option(code)
        await expect(page.locator("html")).to_have_attribute("lang", code)
        assert await page.evaluate("document.documentElement.dir") == ("rtl" if code == "ar" else "ltr")
        heading = page.locator("burrow-app h1")
        headings.add(await heading.inner_text())
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{code}: {width} pixels wide"
    assert len(headings) == len(codes), "two languages say the same"
    await page.reload()
    assert (
        await page.evaluate("new Promise((r) => setTimeout(() => r(document.documentElement.lang), 500))") == codes[-1]
    )


async def test_a_strangers_names_and_texts_are_only_ever_text(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    person = Person(tmp_path / "person")
    try:
        file = person.folder / HOSTILE
        file.write_text("harmless")
        program = await person.burrow("send", file, "--server", server.url, "--name", "<b>Eve</b>\u202e", "--json")
        bob = await desk(browsing, str((await program.event("ready"))["link"]))
        dialogs: list[str] = []
        bob.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await bob.page.locator("offer-card").get_by_text("<img src=x onerror=alert(1)>").wait_for()
        await bob.page.locator("offer-card").get_by_text("<b>Eve</b>").wait_for()
        assert "\u202e" not in await bob.page.locator("offer-card article").inner_text()
        assert await bob.page.locator("offer-card img, offer-card b").count() == 0
        await bob.accept()
        await bob.whole()
        saved = await bob.saved()
        assert saved.read_text() == "harmless"
        assert not set(saved.name) & set('<>:"/\\|?*\u202e')
        assert dialogs == []
    finally:
        await person.close()


async def test_a_text_is_shown_as_it_was_written(browsing: Browsing, server: Served) -> None:
    text = "<script>alert(1)</script>\nthe door is 4711 – päss"
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    await ann.page.get_by_role("button", name="Text").click()
    await ann.page.get_by_role("textbox", name="Text").fill(text)
    await ann.page.get_by_role("button", name="Send", exact=True).click()
    await bob.page.goto(await ann.link())
    shown = bob.page.locator("transfer-card pre")
    assert await shown.inner_text() == text
    await ann.whole()


async def test_a_wrong_code_and_a_broken_link_bring_a_sentence(browsing: Browsing, server: Served) -> None:
    browsing.excused = ("404 (Not Found)", "/delivered/", "400 (Bad Request)")
    ann = await desk(browsing, server.url)
    field = ann.page.get_by_label("Code or link")
    for typed, said in (
        ("7-walnut-orbit", "This code is wrong, used or expired"),
        ("7-walnot-orbit", "walnut"),
        (f"{server.url}/r#abc", "Copy the whole link"),
        ("\U0001f98a" * 5000, ""),
    ):
        await field.fill(typed)
        await field.press("Enter")
        await ann.page.get_by_role("alert").get_by_text(said).first.wait_for()
    await ann.page.goto(f"{server.url}/r#broken")
    await ann.page.get_by_role("alert").get_by_text("Copy the whole link").wait_for()


async def test_the_first_load_is_light_and_asks_no_other_host(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, "about:blank")
    answers: list[Response] = []
    ann.page.on("response", lambda answer: answers.append(answer))
    session = await ann.page.context.new_cdp_session(ann.page)
    await session.send("Network.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await ann.page.goto(server.url)
    await ann.page.get_by_role("heading", name="Devices").wait_for()
    await ann.page.wait_for_timeout(1000)  # whatever is asked a little later
    assert {each.url.split("/")[2] for each in answers} == {server.url.split("/")[2]}
    assert 40_000 < sum(sizes) < FIRST_LOAD, sum(sizes)


async def test_the_doctor_says_what_works_line_by_line(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url)
    await ann.page.get_by_role("button", name="Check connection").click()
    lines = ann.page.locator("doctor-dialog li")
    await ann.page.locator("doctor-dialog").locator("li", has_text="up, ").wait_for()
    good = await ann.page.locator("doctor-dialog li.good .check").all_inner_texts()
    assert {"This page", "Server", "WebSocket", "Speed"} <= set(good)
    assert await lines.get_by_text("Direct connection", exact=True).count() == 1
    assert await violations(ann.page) == []
