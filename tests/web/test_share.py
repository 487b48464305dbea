"""A share goes through the service worker and the server of a real Chromium: this site's may, another's may not."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Page

from tests.app import Running, running
from tests.web.browser import SERVER_GONE, Browsing

# wait_for_function would look again by `eval`, which the page's policy refuses
CONTROLLED = """navigator.serviceWorker.controller !== null || new Promise((done) =>
    navigator.serviceWorker.addEventListener("controllerchange", () => done(true), { once: true }))"""

pytestmark = pytest.mark.anyio

FORM = """([action, name]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action, enctype: "multipart/form-data" });
  const into = Object.assign(document.createElement("input"), { type: "file", name: "files" });
  const given = new DataTransfer();
  given.items.add(new File([name], name));
  into.files = given.files;
  form.append(into);
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data", stun_servers="") as served:
        yield served


@pytest.fixture
async def other_site(anyio_backend: str) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        head = "<!doctype html><link rel=icon href=data:,><meta name=referrer content=no-referrer><title>evil</title>"
        return web.Response(text=head, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def with_worker(browsing: Browsing, url: str) -> Page:
    browsing.excused = SERVER_GONE
    page = await browsing.page(url)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.evaluate(CONTROLLED)
    return page


KEPT = "caches.open('burrow-shared').then((cache) => cache.keys()).then((keys) => keys.length)"


async def test_a_share_of_this_site_reaches_the_page(browsing: Browsing, server: Running):
    page = await with_worker(browsing, server.url)
    await page.evaluate(FORM, ["/share", "own.txt"])
    await page.get_by_text("own.txt").first.wait_for()
    assert page.url == f"{server.url}/"
    assert await page.evaluate(KEPT) == 0


async def test_a_share_of_another_web_site_is_refused(browsing: Browsing, server: Running, other_site: str):
    page = await with_worker(browsing, server.url)
    browsing.excused = (*SERVER_GONE, "403")
    await page.goto(other_site)
    async with page.expect_navigation(url=f"{server.url}/share/*") as there:
        await page.evaluate(FORM, [f"{server.url}/share", "evil.txt"])
    answer = await there.value
    assert answer is not None
    assert answer.status == 403
    for guess in ("1", "0" * 32, ""):
        await page.goto(f"{server.url}/?shared={guess}")
        await page.locator("burrow-app").wait_for()
        await page.wait_for_url(lambda url: url.partition("?")[2] in ("", "shared="))
        assert await page.get_by_text("evil.txt").count() == 0


async def test_without_its_service_worker_a_share_of_another_site_is_refused(server: Running):
    form = aiohttp.FormData()
    form.add_field("files", b"x", filename="evil.txt")
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "null"}
    async with server.http.post("/share", data=form, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403
