"""The page of the API's documents, in a real Chromium: it asks nobody but its own server."""

from pathlib import Path

import pytest

from tests.app import running
from tests.web.browser import Browsing

pytestmark = pytest.mark.anyio


async def test_the_page_of_the_api_shows_the_calls_and_asks_no_other_host(browsing: Browsing, tmp_path: Path):
    async with running(tmp_path / "data", stun_servers="") as server:
        page = await browsing.page("about:blank")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{server.url}/docs")
        await page.locator("#operations-peers-connect_connect_post, .opblock").first.wait_for()
        await page.get_by_text("/request-transfer").first.click()
        await page.get_by_role("button", name="Try it out").first.click()
        await page.locator("textarea, input").first.wait_for()
    assert asked
    assert all(url.startswith((server.url, "data:")) for url in asked), asked
