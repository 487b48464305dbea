"""How fast does a file get from one page to another, and to and from a terminal, beside PeerJS?

Real Chromium, a page each in a profile of its own, over loopback; the receiver writes into the browser's own file
system. Every byte is compared. Speed is from the yes of the receiver to "whole and verified". CPU seconds are of all of
Chromium's processes together (both pages), and of the server, for a GB.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, Page, async_playwright
from tests.cli.program import Person
from tests.e2e.served import Served, served
from tests.web.browser import FLAGS, Browsing
from tests.web.desk import Desk, desk

from bench.common import BenchError, parser, verdict
from bench.report import Figures, Metric, publish

MB = 1_000_000
SIZE = 300 * MB
PEERJS = Path(__file__).parent / "rivals" / "peerjs"
METRICS = {
    "direct": Metric("page to page, direct", "MB/s", 1, bound=35, side="at least", of="value"),
    "direct_cpu": Metric("direct: CPU of Chromium for a GB", "s", 1),
    "relay": Metric("page to page, through the server", "MB/s", 1, bound=60, side="at least", of="value"),
    "relay_server": Metric("through the server: CPU of the server for a GB", "s", 2),
    "to_terminal": Metric("page to terminal", "MB/s", 1, bound=22, side="at least", of="value"),
    "from_terminal": Metric("terminal to page", "MB/s", 1, bound=30, side="at least", of="value"),
    "heap": Metric("growth of the heap of a page, 300 MB", "MB", 1, bound=60, of="value"),
    "paint": Metric("first contentful paint, cold", "s", 2, bound=0.4, of="value"),
    "load": Metric("first load, compressed", "KB", 0, bound=150, of="value"),
}


class Bench:
    """One round is each job once. `place` holds the file."""

    def __init__(self, browser: Browser, server: Served, file: Path, place: Path, figures: Figures) -> None:
        self.browser, self.server, self.file, self.place, self.figures = browser, server, file, place, figures
        self.sum = _sha256(file)
        chromium = [each for each in psutil.Process().children(recursive=True) if "chromium" in each.name()]
        self.chromium = chromium[0]

    async def round(self) -> None:
        await self._first_look()
        await self._pages("direct")
        await self._pages("relay")
        await self._to_terminal()
        await self._from_terminal()

    async def _pages(self, how: str) -> None:
        async with self._browsing() as browsing:
            ann, bob = await desk(browsing, self.server.url), await desk(browsing, self.server.url)
            if how == "relay":
                for each in (ann, bob):
                    await each.cut()
            before = max(await ann.heap(), await bob.heap())
            link = await ann.send(self.file)
            await bob.page.evaluate(f"location.href = {link!r}")
            await bob.page.locator("offer-card button.main").wait_for()
            busy, served_cpu, began = self._busy(), self.server.cpu(), time.monotonic()
            await bob.accept()
            await bob.whole(120)
            seconds = time.monotonic() - began
            found = {how: SIZE / MB / seconds}
            if how == "direct":
                found["direct_cpu"] = (self._busy() - busy) * 1e9 / SIZE
                found["heap"] = (max(await ann.heap(), await bob.heap()) - before) / MB
            else:
                found["relay_server"] = (self.server.cpu() - served_cpu) * 1e9 / SIZE
            await self._check(bob)
            self.figures.add("burrowspace", **found)

    async def _to_terminal(self) -> None:
        async with self._browsing() as browsing, self._person() as person:
            ann = await desk(browsing, self.server.url)
            link = await ann.send(self.file)
            program = await person.burrow("receive", link, "--json", "--yes")
            await program.event("met")
            began = time.monotonic()
            if await program.ended(120):
                raise BenchError(f"burrow receive failed: {program.out[-500:]}")
            self.figures.add("burrowspace", to_terminal=SIZE / MB / (time.monotonic() - began))
            if _sha256(person.folder / self.file.name) != self.sum:
                raise BenchError("what the terminal has is not what was sent")

    async def _from_terminal(self) -> None:
        async with self._browsing() as browsing, self._person() as person:
            program = await person.burrow("send", self.file, "--server", self.server.url, "--json")
            bob = await desk(browsing, str((await program.event("ready"))["link"]))
            await bob.page.locator("offer-card button.main").wait_for()
            began = time.monotonic()
            await bob.accept()
            await bob.whole(120)
            self.figures.add("burrowspace", from_terminal=SIZE / MB / (time.monotonic() - began))
            await self._check(bob)

    async def _first_look(self) -> None:
        async with self._browsing() as browsing:
            context = await browsing.device()
            page = await context.new_page()
            session = await context.new_cdp_session(page)
            await session.send("Network.enable")
            sizes: list[int] = []
            session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
            await page.goto(self.server.url)
            await page.get_by_role("heading", name="Devices").wait_for()
            ask = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
            while not (paint := await page.evaluate(ask)):
                await asyncio.sleep(0.02)
            self.figures.add("burrowspace", paint=paint / 1000, load=sum(sizes) / 1000)

    async def rival(self, page_port: int, peer_port: int) -> None:
        """The same file by PeerJS, page to page."""

        def at(own: str) -> str:
            return f"http://127.0.0.1:{page_port}/?own={own}&port={peer_port}"

        name = os.urandom(4).hex()
        async with self._browsing() as browsing:
            bob = await browsing.page(at(f"bob{name}"), await browsing.device())
            ann = await browsing.page(at(f"ann{name}"), await browsing.device())
            for page in (ann, bob):
                await page.evaluate("ready()")
            before = max(await _heap(ann), await _heap(bob))
            await ann.set_input_files("#file", self.file)
            receiving = asyncio.create_task(bob.evaluate("receive()"))
            busy, began = self._busy(), time.monotonic()
            await ann.evaluate(f"send('bob{name}')")
            found: dict[str, Any] = await receiving
            seconds = time.monotonic() - began
            cpu, heap = (self._busy() - busy) * 1e9 / SIZE, max(await _heap(ann), await _heap(bob)) - before
            async with bob.expect_download() as download:
                await bob.evaluate(
                    f"Object.assign(document.createElement('a'), {{href: '{found['url']}', download: 'x'}}).click()"
                )
            if _sha256(Path(await (await download.value).path())) != self.sum:
                raise BenchError("what PeerJS brought is not what was sent")
            self.figures.add("peerjs", direct=SIZE / MB / seconds, direct_cpu=cpu, heap=heap / MB)

    async def _check(self, bob: Desk) -> None:
        if _sha256(await bob.saved()) != self.sum:
            raise BenchError("what the page has is not what was sent")

    def _busy(self) -> float:
        """CPU seconds of Chromium up to now."""
        total = 0.0
        for process in (self.chromium, *self.chromium.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:2])
        return total

    @contextlib.asynccontextmanager
    async def _browsing(self) -> AsyncIterator[Browsing]:
        browsing = Browsing(self.browser, self.place / "downloads")
        try:
            yield browsing
        finally:
            await browsing.close()

    @contextlib.asynccontextmanager
    async def _person(self) -> AsyncIterator[Person]:
        person = Person(Path(tempfile.mkdtemp(dir=self.place)))
        try:
            yield person
        finally:
            await person.close()


async def _heap(page: Page) -> int:
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
    return int(metrics["JSHeapUsedSize"])


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _peerjs() -> AsyncIterator[tuple[int, int]]:
    """Its page and its server; modules are installed where they are missing."""
    if not (PEERJS / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERJS, check=True, stdout=sys.stderr, timeout=300)
    ports = _free(), _free()
    process = await asyncio.create_subprocess_exec("node", "server.mjs", *map(str, ports), cwd=PEERJS)
    try:
        for port in ports:
            await _until(lambda port=port: _listens(port))
        yield ports
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        (await asyncio.open_connection("127.0.0.1", port))[1].close()
    except OSError:
        return False
    return True


async def _until(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await so():
            await asyncio.sleep(0.05)


async def run(rounds: int, figures: Figures) -> None:
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        raise BenchError("there is no Chromium; on Debian: apt-get install chromium-headless-shell")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        place = Path(made)
        file = place / "film.bin"
        file.write_bytes(os.urandom(SIZE))
        async with (
            async_playwright() as playwright,
            served(place / "data", stun_servers="") as server,
            _peerjs() as ports,
        ):
            browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
            bench = Bench(browser, server, file, place, Figures(METRICS))
            for number in range(rounds + 1):  # the first is not counted: everything is warm after it
                if number == 1:
                    bench.figures = figures
                print(f"  round {number}/{rounds} ...", file=sys.stderr, flush=True)
                await bench.round()
                await bench.rival(*ports)
            await browser.close()


def main(argv: list[str] | None = None) -> int:
    options = parser(__doc__).parse_args(argv)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    asyncio.run(run(rounds, figures))
    how = (
        f"{SIZE // MB} MB over loopback, all on a tmpfs, Chromium's headless shell, no STUN. {rounds} round(s) after "
        "one that is not counted, median (lowest – highest). PeerJS 1.5 with its own server, slices of 1 MiB, kept in "
        "Blobs."
    )
    question = "How fast does a file get from one page to another, and to and from a terminal?"
    publish("web", question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
