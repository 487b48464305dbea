"""Where a page puts what it receives, what it keeps over a reload, and what it hands over: with real bytes in Chromium."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.browser import Browsing, Pages

pytestmark = pytest.mark.anyio

BLOCK = 262144
SIZES = {"photos/one.bin": 3 * BLOCK + 7, "message.txt": 5, "photos/CON": 70_000, "empty": 0, "späß 10.bin": 5 * BLOCK}
NAMES = {"photos/CON": "photos/_CON"}


def expected() -> dict[str, bytes]:
    """What each file holds, by the name it gets."""
    whole = bytes((at * 31 + (at >> 8) * 7) & 255 for at in range(sum(SIZES.values())))
    found, at = {}, 0
    for name, size in SIZES.items():
        found[NAMES.get(name, name)] = whole[at : at + size]
        at += size
    del found["message.txt"]
    return found


async def scene(page: Page, call: str) -> Any:
    """What an expression gives in the page; `s` is scenes.js."""
    return await page.evaluate(f'async () => {{ const s = await import("/scenes.js"); return {call}; }}')


def check_zip(path: Path) -> None:
    """Python and Info-ZIP find in it what was sent."""
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert {each.filename: found.read(each) for each in found.infolist() if not each.is_dir()} == expected()
        assert "nothing/here/" in found.namelist()
        assert all(each.date_time[:3] == (2024, 2, 29) for each in found.infolist() if not each.is_dir())
    subprocess.run(["unzip", "-tqq", path], check=True)


async def test_what_arrives_in_the_browser_survives_a_reload_at_any_point(browsing: Browsing, pages: Pages) -> None:
    page = await browsing.page(pages.url)
    begun = await scene(page, 's.first("browser")')
    assert (begun["best"], begun["survives"]) == ("browser", True)
    await page.reload()
    held = await scene(page, "s.second()")
    assert [name for name, _, _ in held] == list(expected())
    assert all(crc is not None for _, _, crc in held)
    await page.reload()  # all is here, and not handed over
    async with page.expect_download() as download:
        assert await scene(page, "s.zipped()") == held
    saved = await browsing.saved(await download.value)
    assert saved.name == "ngs_.zip"
    check_zip(saved)
    assert await scene(page, "s.dropped()") == [None, 0]
