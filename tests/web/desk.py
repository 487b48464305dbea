"""The web app as a person has it before them: one page of a real server, in a real browser."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Download, Page, TimeoutError

from tests.web.browser import Browsing

# So that a test can cut what is direct: every connection of the page, and whether it may make more.
CUTTABLE = """(() => {
  delete globalThis.showOpenFilePicker;  // no test can drive the native ones
  delete globalThis.showDirectoryPicker;
  const Real = RTCPeerConnection;
  globalThis.connections = [];
  globalThis.mayConnect = true;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...how) {
      if (!globalThis.mayConnect) throw new Error("the test has cut it");
      super(...how);
      globalThis.connections.push(this);
    }
  };
})()"""
# What the browser says of answers that are no fault of ours: a mailbox that is not there yet, a spool that another path
# has overtaken, a server that was stopped by the test.
EXCUSED = (
    "404 (Not Found)",
    "/delivered/",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "409 (Conflict)",
    "416 (Requested Range Not Satisfiable)",
)
JOB = "document.querySelector('burrow-app').app.jobs[0]"


class Desk:
    """One page. What it does is awaited by what it shows."""

    def __init__(self, page: Page, browsing: Browsing) -> None:
        self.page, self._browsing = page, browsing
        self.downloads: list[Download] = []
        page.on("download", lambda download: self.downloads.append(download))

    async def send(self, *paths: Path) -> str:
        """The link of a transfer that has begun."""
        await self.page.locator("#files").set_input_files(list(paths))
        return await self.link()

    async def send_folder(self, folder: Path) -> str:
        await self.page.locator("#folder").set_input_files(folder)
        return await self.link()

    async def leave(self, *paths: Path) -> str:
        """The link of what rests on the server now."""
        link = await self.send(*paths)
        await self.page.get_by_text("More options").click()
        await self.page.get_by_role("button", name="Upload so I can close this page").click()
        await self.page.get_by_text("Encrypted and stored on the server").wait_for()
        return link

    async def take_back(self, said: str) -> None:
        """What was left, from where the page offers it first, until the history says what became of it."""
        await self.page.get_by_role("button", name="Take it back").first.click()
        await self.page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
        await self.page.locator("history-list").get_by_text(said).wait_for()
        await self.page.get_by_role("dialog").wait_for(state="hidden")

    async def link(self) -> str:
        await self.page.locator("share-panel qr-code svg").wait_for()
        return str(await self.job("link"))

    async def code(self) -> str:
        return await self.page.locator("share-panel .code > span").inner_text()

    async def accept(self) -> None:
        await self.page.locator("offer-card button.main").click()

    async def whole(self, seconds: float = 60) -> None:
        """Until it is there and verified, as the page says."""
        try:
            await self.page.locator("transfer-card [data-state=done]").first.wait_for(timeout=seconds * 1000)
        except TimeoutError as error:
            seen = await self.page.evaluate(
                f"(({{state, why, path, done, fault}}) => [state, why, path, done, fault])({JOB})"
            )
            raise AssertionError(f"it is not whole after {seconds} s: {seen}") from error

    async def saved(self) -> Path:
        """What went to the downloads, the last of it."""
        await until(lambda: _true(self.downloads))
        return await self._browsing.saved(self.downloads[-1])

    async def job(self, field: str) -> Any:
        """Of the newest transfer."""
        return await self.page.evaluate(f"{JOB}?.{field}")

    async def reaches(self, done: int, seconds: float = 60) -> None:
        """Until so many bytes are there."""

        async def there() -> bool:
            return (await self.job("done") or 0) >= done

        await until(there, seconds)

    async def goes_by(self, path: str, seconds: float = 60) -> None:
        async def so() -> bool:
            return bool(await self.job("path") == path)

        await until(so, seconds)

    async def cut(self) -> None:
        """What is direct ends now, and does not come back."""
        await self.page.evaluate("mayConnect = false; connections.forEach((each) => each.close())")

    async def heap(self) -> int:
        """Bytes of JavaScript that are in use, after the garbage is out."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("HeapProfiler.collectGarbage")
        await session.send("Performance.enable")
        metrics = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
        await session.detach()
        return int(metrics["JSHeapUsedSize"])


async def desk(browsing: Browsing, url: str, **options: Any) -> Desk:
    """A page of a device of its own."""
    context = await browsing.device(**options)
    await context.add_init_script(CUTTABLE)
    return Desk(await browsing.page(url, context), browsing)


async def until(so: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """TimeoutError: it did not become so."""
    async with asyncio.timeout(seconds):
        while not await so():
            await asyncio.sleep(0.05)  # between two looks at the page


async def _true(value: Any) -> bool:
    return bool(value)


def made(folder: Path, name: str, size: int) -> Path:
    """A file of random bytes, and the folders on the way to it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(size))
    return file


def sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
