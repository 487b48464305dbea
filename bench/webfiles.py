"""How long do 15,000 small files take from one page to another, and does either page stand still meanwhile?

Real Chromium, an ordinary profile for each page. The longest tasks are what the browser itself tells (`longtask`): of
the sender's page from the moment that it has the files, of the receiver's from its first line to "Saved to your
downloads". What the browser does before it gives the files to the page is not counted: a page can do nothing about it.
Every file is compared. No rival.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from playwright.async_api import Playwright, async_playwright
from tests.e2e.served import Served, served
from tests.web.browser import Browsing, ordinary
from tests.web.desk import desk

from bench.common import BenchError, parser, verdict
from bench.report import Figures, Metric, publish
from bench.web import busy

FILES, SIZE = 15_000, 1000
METRICS = {
    "listed": Metric("from the files to a link", "s", 1),
    "moved": Metric("from the yes to the ZIP", "s", 1),
    "cpu": Metric("that: CPU of both browsers", "s", 1),
    "sender": Metric("longest task of the page that sends", "ms", 0, bound=200, of="value"),
    "receiver": Metric("longest task of the page that receives", "ms", 0, bound=200, of="value"),
}
WATCH = """(() => {
  globalThis.tasks = [];
  globalThis.given = 0;
  const note = (list) => tasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration]));
  new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
  addEventListener("input", () => (given ||= performance.now()), true);
})()"""
LONGEST = "Math.max(0, ...tasks.filter(([begun]) => begun >= given).map(([, lasted]) => lasted))"


def made(folder: Path) -> None:
    for number in range(FILES):
        place = folder / f"part {number // 500}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file {number}.bin").write_bytes(os.urandom(SIZE))


def same(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        if len(names) != FILES:
            raise BenchError(f"{len(names)} of {FILES} files arrived")
        for name in names:
            if opened.read(name) != (folder.parent / name).read_bytes():
                raise BenchError(f"{name} is not what was sent")


async def once(playwright: Playwright, server: Served, place: Path, folder: Path, figures: Figures) -> None:
    profiles = Path(tempfile.mkdtemp(dir=place))
    browsing = Browsing(ordinary(playwright.chromium, profiles), profiles / "downloads")
    try:
        ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
        for each in (ann, bob):
            each.page.set_default_timeout(120_000)
            await each.page.context.add_init_script(WATCH)
            await each.page.reload()
        link = await ann.send_folder(folder)
        if not await ann.page.evaluate("given"):
            raise BenchError("nobody knows when the page had the files")
        listed = await ann.page.evaluate("(performance.now() - given) / 1000")
        await bob.page.goto(link)
        await bob.page.locator("offer-card button.main").wait_for()
        used, began = busy(), time.monotonic()
        await bob.accept()
        await bob.whole(180)
        moved, cpu = time.monotonic() - began, busy() - used
        same(folder, await bob.saved())
        sender, receiver = [await each.page.evaluate(LONGEST) for each in (ann, bob)]
        figures.add("burrowspace", listed=listed, moved=moved, cpu=cpu, sender=sender, receiver=receiver)
    finally:
        await browsing.close()
        shutil.rmtree(profiles)


async def run(rounds: int, figures: Figures) -> None:
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        made(place / "things")
        async with async_playwright() as playwright, served(place / "data", stun_servers="") as server:
            for number in range(rounds):
                print(f"  round {number + 1}/{rounds} ...", file=sys.stderr, flush=True)
                await once(playwright, server, place, place / "things", figures)


def main(argv: list[str] | None = None) -> int:
    options = parser(__doc__).parse_args(argv)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    asyncio.run(run(rounds, figures))
    how = (
        f"{FILES:,} files of {SIZE:,} bytes over loopback, two of Chromium's headless shells with ordinary profiles, "
        f"no STUN. {rounds} round(s), median (lowest – highest)."
    )
    question = "How long do 15,000 small files take from page to page, and does a page stand still meanwhile?"
    publish("webfiles", question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
