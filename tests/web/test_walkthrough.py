"""A transfer with the screen off: what is announced, in which order, what things are called, and where the focus is."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import CUTTABLE, EXCUSED, Desk, made, until
from tests.web.heard import FOCUSED, focused, heard, listens

pytestmark = pytest.mark.anyio

MB = 1_000_000


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    browsing.excused = (*EXCUSED, "404 (Not Found)")


async def listening(browsing: Browsing, url: str, **options: Any) -> Desk:
    context = await browsing.device(**options)
    await listens(context)
    await context.add_init_script(CUTTABLE)
    return Desk(await browsing.page(url, context), browsing)


async def hears(desk: Desk, *wanted: str) -> None:
    """Until these were announced, in this order; other things may come between."""

    async def so() -> bool:
        said = iter(await heard(desk.page))
        return all(any(text in each for each in said) for text in wanted)

    try:
        await until(so, 20)
    except TimeoutError as error:
        raise AssertionError(f"{wanted} of {await heard(desk.page)}") from error


async def called(desk: Desk) -> str:
    await desk.page.locator("header .me .name").wait_for()
    return str(await desk.page.evaluate("document.querySelector('burrow-app').app.devices.name"))


async def test_who_sends_hears_whom_it_waits_for_and_that_it_was_delivered(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await listening(browsing, server.url)
    link = await ann.send(made(tmp_path, "film.mp4", MB))

    async def on_the_card() -> bool:
        return await focused(ann.page) == "film.mp4"

    await until(on_the_card)
    await ann.page.keyboard.press("Tab")
    assert await focused(ann.page) == "Cancel"
    await ann.page.keyboard.press("Tab")
    assert "-" in await focused(ann.page)  # the code
    await ann.page.keyboard.press("Tab")
    assert await focused(ann.page) == "Copy link"
    bob = await listening(browsing, link)
    name = await called(bob)
    await hears(ann, f"Waiting for {name} to accept…")
    await bob.accept()
    await hears(ann, f"Waiting for {name} to accept…", f"Delivered to {name}")
    assert [each for each in await heard(ann.page) if "%" in each] == [], "progress is not announced"


async def test_who_receives_hears_the_offer_and_where_it_was_saved(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await listening(browsing, server.url)
    name = await called(ann)
    bob = await listening(browsing, await ann.send(made(tmp_path, "film.mp4", MB)))
    await hears(bob, f"{name} wants to send you film.mp4")
    download = bob.page.get_by_role("button", name="Download · 1 MB")
    await download.focus()
    await bob.page.keyboard.press("Enter")
    await hears(bob, f"{name} wants to send you film.mp4", "Saved to your downloads")
    await until(lambda: bob.page.evaluate(f"{FOCUSED} === 'film.mp4'"))


async def test_a_no_is_heard_at_both_ends(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await listening(browsing, server.url)
    bob = await listening(browsing, await ann.send(made(tmp_path, "film.mp4", MB)))
    name = await called(bob)
    await bob.page.get_by_role("button", name="Decline").focus()
    await bob.page.keyboard.press("Enter")
    await hears(bob, "wants to send you film.mp4", "You declined. Nothing was saved.")
    await hears(ann, f"Waiting for {name} to accept…", f"{name} declined.")
    await bob.page.get_by_role("button", name="Send something", exact=True).wait_for()
    assert await focused(bob.page) != "", "the focus fell to the page"


async def test_a_fault_is_heard_and_the_field_says_so(browsing: Browsing, server: Served) -> None:
    bob = await listening(browsing, server.url)
    field = bob.page.get_by_label("Code or link")
    await field.fill("7-walnut-orbit")
    await field.press("Enter")
    await hears(bob, "This code is wrong, used or expired. Ask the sender for a new one.")
    assert await field.get_attribute("aria-invalid") == "true"
    await bob.page.goto(f"{server.url}/r#{'A' * 43}")
    await hears(bob, "This link is wrong or has expired. Ask the sender for a new one.")


async def test_a_text_is_heard_to_be_there_but_not_read_out(browsing: Browsing, server: Served) -> None:
    ann = await listening(browsing, server.url)
    name = await called(ann)
    await ann.page.get_by_role("button", name="Text").click()
    await ann.page.get_by_role("textbox", name="Text").fill("the password is tulip")
    await ann.page.get_by_role("button", name="Send", exact=True).click()
    bob = await listening(browsing, await ann.link())
    await hears(bob, f"Text from {name}")
    await bob.page.get_by_role("button", name="Copy", exact=True).wait_for()
    assert [each for each in await heard(bob.page) if "tulip" in each] == [], "others may be in the room"


async def test_what_is_copied_is_heard(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    ann = await listening(browsing, server.url, permissions=["clipboard-read", "clipboard-write"])
    await ann.send(made(tmp_path, "a.bin", MB))
    await ann.page.get_by_role("button", name="Copy link").click()
    await hears(ann, "Link copied")
