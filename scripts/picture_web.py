"""Makes docs/pictures/web.png: real pages of a real server, light and dark, desktop and phone, side by side.

`python -m scripts.picture_web`. Needs what the tests need.
"""

import asyncio
import base64
import os
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright
from tests.e2e.served import served
from tests.web.browser import FLAGS, program

ROOT = Path(__file__).resolve().parents[1]
DESKTOP = {"viewport": {"width": 1180, "height": 720}, "device_scale_factor": 1.5}
PHONE = {"viewport": {"width": 390, "height": 720}, "is_mobile": True, "has_touch": True, "device_scale_factor": 1.5}
RUNNING = 60_000_000
FRAME = """<style>
  body { margin: 0; background: #e9e2d6; padding: 26px; width: max-content }
  body { display: flex; gap: 26px; align-items: flex-start }
  img { display: block; border-radius: 14px; box-shadow: 0 12px 40px rgb(60 40 10 / 30%); height: 620px }
</style>"""


async def opened(browser: Browser, url: str, **options: object) -> Page:
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(url)
    return page


async def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "Summer film.mp4"
        file.write_bytes(os.urandom(300_000_000))
        async with served(Path(made) / "data", stun_servers="") as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program(), args=FLAGS)
            ann = await opened(browser, server.url, color_scheme="light", **DESKTOP)
            bob = await opened(browser, server.url, color_scheme="dark", **PHONE)
            await ann.locator("#files").set_input_files(file)
            link = await ann.locator("share-panel qr-code svg").wait_for()
            await ann.locator("device-list li").first.wait_for()
            await asyncio.sleep(1)
            shots = [await ann.screenshot()]
            await bob.goto(link)
            await bob.locator("offer-card button.main").wait_for()
            shots.append(await bob.screenshot())
            await bob.locator("offer-card button.main").click()
            job = "document.querySelector('burrow-app').app.jobs[0].done"
            while await bob.evaluate(job) < RUNNING:  # noqa: ASYNC110  (the page has no event for it)
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
            shots.append(await bob.screenshot())
            whole = await opened(browser, "about:blank", viewport={"width": 1900, "height": 700})
            images = [f'<img src="data:image/png;base64,{base64.b64encode(each).decode()}">' for each in shots]
            await whole.set_content(FRAME + "".join(images))
            await whole.locator("body").screenshot(path=ROOT / "docs" / "pictures" / "web.png")
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
