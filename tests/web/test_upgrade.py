"""A server that is upgraded under its pages: none of them ever mixes old modules with new ones, or loses a transfer."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from burrowspace.server import pages as served_pages
from tests.app import running
from tests.machine import free_port
from tests.web.browser import SERVER_GONE, WEB, Browsing
from tests.web.desk import EXCUSED, Desk, desk, sha256, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
AWAY = (*SERVER_GONE, "410 (Gone)")
# Consistent in itself, and of no use to a page of before.
RENAMED = {r"\bloadLazily\b": "loadedLater", r"\bKeeping\b": "Holding", r"\bexamine\b": "examined"}


class Upgraded:
    """One server after another at the same address, over a copy of the page that a test may change."""

    def __init__(self, home: Path) -> None:
        self.port, self._home, self._stack = free_port(), home, contextlib.AsyncExitStack()
        self.web = home / "web"
        shutil.copytree(WEB, self.web)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        await self._stack.enter_async_context(running(self._home / "data", port=self.port, stun_servers=(), grace_s=0))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def upgrade(self) -> str:
        """The version of the page that it has then."""
        await self.stop()
        for script in self.web.rglob("*.js"):
            if "vendor" not in script.parts:
                text = script.read_text()
                for old, new in RENAMED.items():
                    text = re.sub(old, new, text)
                script.write_text(text)
        (self.web / "sw.js").write_text((self.web / "sw.js").read_text() + "// newer\n")
        await self.start()
        async with aiohttp.ClientSession() as http, http.get(self.url) as answer:
            found = re.search(r"web/@(\w+)/bundle/app\.js", await answer.text())
        assert found
        return found[1]


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browsing: Browsing) -> AsyncIterator[Upgraded]:
    house = Upgraded(tmp_path)
    monkeypatch.setattr(served_pages, "FOLDER", house.web)
    browsing.excused = (*EXCUSED, *AWAY)
    await house.start()
    yield house
    await house.stop()


async def version(page: Desk) -> str:
    return str(await page.page.evaluate("document.querySelector('script[src$=\"app.js\"]').src.match(/@(\\w+)/)[1]"))


async def runs(page: Desk, wanted: str) -> None:
    """Until it is the page of this version."""

    async def so() -> bool:
        with contextlib.suppress(Exception):  # it loads itself at this very moment
            return await version(page) == wanted
        return False

    await until(so)
    await page.page.get_by_role("heading", name="Devices").wait_for()


async def worked_on(page: Desk) -> None:
    """By its service worker."""
    await until(lambda: page.page.evaluate("Boolean(navigator.serviceWorker.controller)"))


async def test_an_idle_page_becomes_the_new_one_by_itself(browsing: Browsing, server: Upgraded) -> None:
    ann = await desk(browsing, server.url)
    await worked_on(ann)
    new = await server.upgrade()
    await runs(ann, new)
    await ann.page.get_by_role("button", name="Check connection").click()
    await ann.page.locator("doctor-dialog").locator("li", has_text="up, ").wait_for()


async def test_who_is_in_the_middle_of_something_is_asked(browsing: Browsing, server: Upgraded) -> None:
    ann = await desk(browsing, server.url)
    field = ann.page.get_by_label("Code or link")
    await field.fill("7-wal")
    new = await server.upgrade()
    await ann.page.get_by_text("A new version is ready").wait_for()
    assert await field.input_value() == "7-wal"
    await ann.page.get_by_role("button", name="Reload").click()
    await runs(ann, new)


async def test_a_transfer_goes_on_although_the_server_is_upgraded_in_the_middle(
    browsing: Browsing, server: Upgraded, tmp_path: Path
) -> None:
    """Its pages keep their modules until it is over, with a service worker or without; who comes then is new."""
    browsing.excused = (*browsing.excused, "reading 'addEventListener'")  # of a worker that is blocked
    file = tmp_path / "a.bin"
    file.write_bytes(os.urandom(24 * MB))
    ann = await desk(browsing, server.url, service_workers="block")
    bob = await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()  # all of it goes through the server
    link = await ann.send(file)
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.accept()
    await bob.reaches(4 * MB)
    old = await version(bob)
    new = await server.upgrade()
    await bob.whole(90)
    assert sha256(await bob.saved()) == sha256(file)
    assert {await version(ann), await version(bob)} == {old}
    assert await bob.page.get_by_text("A new version is ready").count() == 1
    late = await desk(browsing, server.url)
    assert await version(late) == new
    await bob.page.get_by_role("button", name="Reload").click()
    await runs(bob, new)
    await bob.whole()  # it is there still


async def test_a_part_that_is_gone_says_so_at_once(browsing: Browsing, server: Upgraded) -> None:
    ann = await desk(browsing, server.url, service_workers="block")
    browsing.excused = (*browsing.excused, "reading 'addEventListener'")
    field = ann.page.get_by_label("Code or link")
    await field.focus()
    await server.upgrade()
    began = asyncio.get_running_loop().time()
    await ann.page.get_by_role("button", name="Check connection").evaluate("(button) => button.click()")
    await ann.page.get_by_role("alert").get_by_text("This page is older than the server").wait_for()
    assert asyncio.get_running_loop().time() - began < 10
