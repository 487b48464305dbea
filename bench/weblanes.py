"""How fast does a file get from one page to another over a long line, by one WebRTC connection and by several?

Two network namespaces, joined by a line whose delay is made in user space (farlink.py); in each a real Chromium with
the web app of a server beside the sender. How many connections a link may have, and from which round trip on, is
changed in the file that the pages load. Every byte is compared. Speed is from the yes of the receiver to "whole and
verified". CPU seconds are of both browsers, for a GB. Needs root.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Playwright, Route, async_playwright
from tests.e2e.served import Served
from tests.web.browser import WEB, Browsing, launched, private
from tests.web.desk import Desk, desk, sha256

from bench.common import BenchError, parser, verdict
from bench.farlink import LEFT, Line, hosts
from bench.report import Figures, Metric, publish
from bench.web import NO_RELAY, busy

MB = 1_000_000
SIZE = 120 * MB
PORT = 5000
# What the pages are told: None is the number of connections
CHANGED = {"wire/links/parallel-streams.js": {"MOST": None, "FAR_S": 0}}
CASES = [(10, 1), (10, 4), (20, 1), (20, 4), (50, 1), (50, 2), (50, 4), (50, 8), (100, 1), (100, 4)]  # ms, connections
METRICS = {f"{far}-{most}": Metric(f"{far} ms, {most} connection(s)", "MB/s", 1) for far, most in CASES} | {
    f"cpu-{far}-{most}": Metric(f"{far} ms, {most} connection(s): CPU of both browsers for a GB", "s", 0)
    for far, most in CASES
}


def changed(module: str, most: int) -> str:
    """The module as it is, but for these figures."""
    text = (WEB / module).read_text()
    for name, value in CHANGED[module].items():
        before, found, rest = text.partition(f"const {name} = ")
        if not found:
            raise BenchError(f"{module} has no {name}")
        text = f"{before}{found}{most if value is None else value};{rest.partition(';')[2]}"
    return text


class Bench:
    def __init__(self, place: Path, file: Path, figures: Figures) -> None:
        self.place, self.file, self.figures = place, file, figures
        self.sum = sha256(file)

    async def round(self, playwright: Playwright, cases: list[tuple[int, int]]) -> None:
        for far in dict(cases):
            with hosts(Line(delay=far / 2, loss=0, rate=0)) as pair:
                server = Served(self.place / "data", stun_servers="", mdns="0")
                server.within, server.host, server.port = _within(pair.left), LEFT, PORT
                await server.start()
                try:
                    async with (
                        self._chromium(playwright, pair.left) as ann,
                        self._chromium(playwright, pair.right) as bob,
                    ):
                        for most in [each for at, each in cases if at == far]:
                            await self._send(server, ann, bob, far, most)
                finally:
                    await server.close()

    async def _send(self, server: Served, left: Browser, right: Browser, far: int, most: int) -> None:
        async with self._page(left, server.url, most) as ann, self._page(right, server.url, most) as bob:
            link = await ann.send(self.file)
            await bob.page.evaluate(f"location.href = {link!r}")
            await bob.page.locator("offer-card button.main").wait_for()
            used, began = busy(), time.monotonic()
            await bob.accept()
            await bob.whole(180)
            seconds = time.monotonic() - began
            cpu = (busy() - used) * 1e9 / SIZE
            made, by = await bob.page.evaluate("connections.length"), (await bob.job("finished"))["shares"]
            if made != most or by.get("webrtc", 0) < SIZE * 0.9:
                raise BenchError(f"{made} connections for {most}, and it went by {by}")
            if sha256(await bob.saved()) != self.sum:
                raise BenchError("what the page has is not what was sent")
            self.figures.add("burrowspace", **{f"{far}-{most}": SIZE / MB / seconds, f"cpu-{far}-{most}": cpu})

    @contextlib.asynccontextmanager
    async def _page(self, browser: Browser, url: str, most: int) -> AsyncIterator[Desk]:
        browsing = Browsing(private(browser), self.place / "downloads")

        async def answer(route: Route) -> None:
            module = route.request.url.partition("/web/")[2]
            await route.fulfill(body=changed(module, most), content_type="text/javascript")

        try:
            shown = await desk(browsing, "about:blank", service_workers="block")
            await shown.page.context.add_init_script(NO_RELAY)  # which is not the question
            for module in CHANGED:
                await shown.page.route(f"**/web/{module}", answer)
            await shown.page.goto(url)
            yield shown
        finally:
            await browsing.close()

    @contextlib.asynccontextmanager
    async def _chromium(self, playwright: Playwright, host: str) -> AsyncIterator[Browser]:
        browser = await launched(playwright, _within(host), self.place, f"http://{LEFT}:{PORT}")
        try:
            yield browser
        finally:
            await browser.close()


def _within(host: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", host)


async def run(rounds: int, cases: list[tuple[int, int]], figures: Figures) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        place = Path(made)
        file = place / "film.bin"
        file.write_bytes(os.urandom(SIZE))
        async with async_playwright() as playwright:
            bench = Bench(place, file, figures)
            for number in range(1, rounds + 1):
                print(f"  round {number}/{rounds} ...", file=sys.stderr, flush=True)
                await bench.round(playwright, cases)


def main(argv: list[str] | None = None) -> int:
    options = parser(__doc__).parse_args(argv)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    asyncio.run(run(rounds, [each for each in CASES if not options.quick or each[0] == 50], figures))
    how = (
        f"{SIZE // MB} MB between two network namespaces, no loss, no limit to the rate but the processors', all on a "
        f"tmpfs, Chromium's headless shell. {rounds} round(s), median (lowest – highest)."
    )
    question = "How fast does a file get from page to page over a long line, by one WebRTC connection and by several?"
    publish("weblanes", question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
