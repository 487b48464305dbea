"""Makes pictures of the page in twelve states, light and dark, on a desktop and a phone, with real transfers.

`python -m scripts.pictures FOLDER` writes all 48 there. `--docs` writes the few that the guides show into
docs/pictures, small. Needs what the tests need.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright
from tests.e2e.served import served
from tests.web.browser import FLAGS, program
from tests.web.desk import JOB, until

ROOT = Path(__file__).resolve().parents[1]
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1180, "height": 560}},
    "phone": {"viewport": {"width": 390, "height": 700}, "is_mobile": True, "has_touch": True},
}
SCHEMES = ("light", "dark")
# state, device, scheme: what docs/guide/web.md and the README show
IN_DOCS = (
    ("share", "desktop", "light"),
    ("offer", "phone", "light"),
    ("sending", "desktop", "light"),
    ("received", "phone", "dark"),
)
FILM, SIZE = "Summer film.mp4", 315_000_000
QUALITY = 82  # of a JPEG that Chromium draws
UNFOCUSED = """(() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  found?.blur();
})()"""  # who looks at a picture needs no sign of the focus
STILL = "delete globalThis.showOpenFilePicker; delete globalThis.showDirectoryPicker"


async def becomes(page: Page, true: str) -> None:
    """Until this is so in the page."""

    async def so() -> bool:
        return bool(await page.evaluate(true))

    await until(so, 120)


class Studio:
    """One server and one browser; each picture is of a page of its own device."""

    def __init__(self, browser: Browser, url: str, files: Path, into: Path, wanted: set[tuple[str, str, str]]) -> None:
        self.browser, self.url, self.files, self.into, self.wanted = browser, url, files, into, wanted

    @contextlib.asynccontextmanager
    async def pages(self, device: str, scheme: str, count: int) -> AsyncIterator[list[Page]]:
        """Several devices that stand at the page; they are gone afterwards."""
        contexts = [
            await self.browser.new_context(color_scheme=scheme, reduced_motion="reduce", **DEVICES[device])  # type: ignore[arg-type]
            for _ in range(count)
        ]
        pages = []
        for context in contexts:
            await context.add_init_script(STILL)
            page = await context.new_page()
            await page.goto(self.url)
            await page.locator("header .me .name").wait_for()
            pages.append(page)
        yield pages
        for context in contexts:
            await context.close()

    async def shot(self, page: Page, state: str, device: str, scheme: str) -> None:
        if (state, device, scheme) not in self.wanted:
            return
        await page.evaluate(UNFOCUSED)
        path = self.into / f"{state}-{device}-{scheme}.jpg"
        await page.screenshot(path=path, type="jpeg", quality=QUALITY)

    async def send(self, page: Page, name: str) -> str:
        """The link."""
        await page.locator("#files").set_input_files(self.files / name)
        await page.locator("share-panel .code").wait_for()
        return str(await page.evaluate(f"{JOB}.link"))

    async def of_a_file(self, device: str, scheme: str) -> str:
        """Idle, shared, offered, decided, on its way, there; the link, which is used up then."""
        async with self.pages(device, scheme, 2) as (ann, bob):
            await ann.locator("device-list li").first.wait_for()
            await self.shot(ann, "idle", device, scheme)
            link = await self.send(ann, FILM)
            await self.shot(ann, "share", device, scheme)
            await bob.goto(link)
            await bob.locator("offer-card button.main").wait_for()
            await ann.locator("transfer-card .waits").wait_for()
            await self.shot(bob, "offer", device, scheme)
            await self.shot(ann, "deciding", device, scheme)
            await bob.locator("offer-card button.main").click()
            for page in (ann, bob):
                await becomes(page, f"{JOB}.done > 40e6 && {JOB}.speeds.length > 5")
            await self.shot(ann, "sending", device, scheme)
            await self.shot(bob, "receiving", device, scheme)
            for page, state in ((ann, "delivered"), (bob, "received")):
                await becomes(page, f"{JOB}.state === 'done'")
                await self.shot(page, state, device, scheme)
            return link

    async def of_ends(self, device: str, scheme: str, used: str) -> None:
        """Declined, a used link, offline."""
        async with self.pages(device, scheme, 3) as (ann, bob, late):
            await bob.goto(await self.send(ann, "Notes.pdf"))
            await bob.get_by_role("button", name="Decline").click()
            await ann.get_by_role("button", name="Send again").wait_for()
            await self.shot(ann, "declined", device, scheme)
            await late.goto(used)
            await late.get_by_role("button", name="Send something", exact=True).wait_for()
            await self.shot(late, "used-link", device, scheme)
            await self.send(late, "Notes.pdf")
            await late.context.set_offline(True)
            await late.get_by_text("You're offline.").first.wait_for()
            await self.shot(late, "offline", device, scheme)

    async def of_a_text(self, device: str, scheme: str) -> None:
        async with self.pages(device, scheme, 2) as (ann, bob):
            await ann.get_by_role("button", name="Text", exact=True).click()
            await ann.get_by_role("textbox", name="Text").fill("The door code is 4711.\nSee you at nine!")
            await ann.get_by_role("button", name="Send", exact=True).click()
            await ann.locator("share-panel .code").wait_for()
            await bob.goto(str(await ann.evaluate(f"{JOB}.link")))
            await bob.locator("finished-card pre").wait_for()
            await self.shot(bob, "text", device, scheme)

    async def all(self) -> None:
        for device in DEVICES:
            for scheme in SCHEMES:
                states = {state for state, *how in self.wanted if how == [device, scheme]}
                if not states:
                    continue
                used = await self.of_a_file(device, scheme)
                if states & {"declined", "used-link", "offline"}:
                    await self.of_ends(device, scheme, used)
                if "text" in states:
                    await self.of_a_text(device, scheme)


STATES = (
    *("idle", "share", "offer", "deciding", "sending", "receiving", "delivered", "received"),
    *("declined", "used-link", "offline", "text"),
)


async def main(into: Path, wanted: set[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / FILM).write_bytes(os.urandom(SIZE))
        (Path(made) / "Notes.pdf").write_bytes(os.urandom(1_200_000))
        async with served(Path(made) / "data", stun_servers="") as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program(), args=FLAGS)
            await Studio(browser, server.url, Path(made), into, wanted).all()
            await browser.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("folder", nargs="?", type=Path, help="where all of them go")
    options.add_argument("--docs", action="store_true", help="write those of the guides")
    asked = options.parse_args()
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
    everything = {(state, device, scheme) for state in STATES for device in DEVICES for scheme in SCHEMES}
    if asked.docs:
        asyncio.run(main(ROOT / "docs" / "pictures", set(IN_DOCS)))
    if asked.folder:
        asyncio.run(main(asked.folder, everything))
