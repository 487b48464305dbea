"""What a page tells the person of what happens, and of what does not: in words, at once, and in their language."""

import os
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Page

from tests.cli.program import Person
from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, until

pytestmark = pytest.mark.anyio

MB = 1_000_000


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


async def test_an_offer_says_why_something_was_left_out_or_changed_in_the_language_of_the_page(
    browsing: Browsing, server: Served, person: Person
) -> None:
    folder = person.folder / "odd"
    folder.mkdir()
    (folder / "good.txt").write_text("good")
    (folder / "shortcut").symlink_to(folder / "good.txt")
    os.mkfifo(folder / "pipe")
    program = await person.burrow("send", folder, "--server", server.url, "--json")
    link = str((await program.event("ready"))["link"])
    for language, said in (
        ("en", ("Not sent: a symbolic link", "Not sent: a pipe")),
        ("de", ("Nicht gesendet: eine symbolische Verknüpfung", "Nicht gesendet: eine Pipe")),
    ):
        bob = await desk(browsing, link, locale=language)
        notes = bob.page.locator("offer-card .notes")
        for name, reason in zip(("odd/shortcut", "odd/pipe"), said, strict=True):
            await notes.get_by_role("listitem").filter(has_text=name).get_by_text(reason).wait_for()
        await bob.page.context.close()


async def slow(page: Page, rate: float) -> CDPSession:
    """From now on so many bytes a second reach the page."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    line = {"offline": False, "latency": 0, "uploadThroughput": -1, "downloadThroughput": rate}
    await session.send("Network.emulateNetworkConditions", line)
    return session


async def by_relay(browsing: Browsing, server: Served, file: Path, rate: float) -> tuple[Desk, Desk]:
    """Bob has said yes, and gets it so fast."""
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(file)
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.page.locator("offer-card button.main").wait_for()
    await slow(bob.page, rate)
    await bob.accept()
    return ann, bob


async def test_who_sends_to_a_slow_receiver_sees_what_has_arrived_and_never_more(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    size = 3 * MB
    ann, bob = await by_relay(browsing, server, made(tmp_path, "a.bin", size), 250_000)
    seen: set[int] = set()

    async def over() -> bool:
        done, state, part = await ann.page.evaluate(f"(({{done, state, part}}) => [done, state, part])({JOB})")
        arrived = await bob.job("done")
        assert state in ("waiting", "running", "done"), state
        assert (part or 0) <= 1
        assert done <= max(arrived, 0) + 256 * 1024, f"{done} shown, {arrived} there"
        seen.add(done)
        return bool(state == "done")

    await until(over, 60)
    assert len([each for each in seen if 0 < each < size]) >= 4, sorted(seen)


async def test_a_sender_without_a_network_is_told_that_and_not_that_the_receiver_is_away(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    browsing.excused = (*EXCUSED, "ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
    ann, bob = await by_relay(browsing, server, made(tmp_path, "b.bin", 3 * MB), 200_000)
    await ann.reaches(300_000)
    await ann.page.context.set_offline(True)
    await ann.page.locator("transfer-card").get_by_text("You're offline").wait_for()
    await ann.page.context.set_offline(False)
    await slow(bob.page, -1)
    await bob.whole()


async def test_a_page_that_is_loaded_again_knows_the_size_before_its_sender_is_back(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, bob = await by_relay(browsing, server, made(tmp_path, "c.bin", 3 * MB), 400_000)
    await bob.reaches(1 * MB)
    await ann.page.close()
    await bob.page.reload()
    await bob.page.locator("transfer-card").get_by_text("c.bin").wait_for()
    assert await bob.job("size") == 3 * MB
    await bob.page.locator("transfer-card").get_by_text("3 MB").first.wait_for()


async def test_a_link_that_another_tab_has_open_is_not_received_twice(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "d.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    link = await ann.send(file)
    await bob.page.goto(link)
    await bob.page.locator("offer-card button.main").wait_for()
    second = Desk(await browsing.page(link, bob.page.context), browsing)
    await second.page.get_by_role("alert").get_by_text("open in another tab").wait_for()
    assert await second.page.locator("transfer-card").count() == 0
    await bob.accept()
    await bob.whole()
    await ann.whole()
    assert await ann.page.evaluate(f"{JOB}.peers.size") == 1
